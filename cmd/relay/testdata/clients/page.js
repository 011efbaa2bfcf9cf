// Sends calls with @segment/analytics-next as a page does. The test says what
// comes next, and is told of each call that was made.
const { address, writeKey, strategy } = Object.fromEntries(new URLSearchParams(location.search))

const analytics = AnalyticsNext.AnalyticsBrowser.load(
  { writeKey, cdnSettings: { integrations: { 'Segment.io': { apiKey: writeKey } } } },
  { integrations: { 'Segment.io': { apiHost: `${address}/v1`, protocol: 'http', deliveryStrategy: { strategy } } } },
)

const tell = (path, value) => fetch(path, { method: 'POST', body: JSON.stringify(value) })

addEventListener('error', (event) => tell('/failed', event.message))
addEventListener('unhandledrejection', (event) => tell('/failed', String(event.reason)))

async function round() {
  const id = () => `browser-${crypto.randomUUID()}`
  const person = `browser-${Math.floor(Math.random() * 20)}`
  const calls = {
    identify: (options) => analytics.identify(person, { email: `${person}@example.com` }, options),
    track: (options) => analytics.track('Ordered – ü😀', { price: 9.5 }, options),
    page: (options) => analytics.page('Docs', 'Start', { n: 1 }, options),
    screen: (options) => analytics.screen('App', 'Home', {}, options),
    group: (options) => analytics.group('company', { seats: 3 }, options),
    alias: (options) => analytics.alias(person, `a-${person}`, options),
  }
  const made = []
  for (const [type, call] of Object.entries(calls)) {
    const messageId = id()
    call({ messageId })
    made.push({ type, id: messageId, person })
  }
  await tell('/made', made)
}

async function run() {
  await analytics
  for (;;) {
    switch (await (await fetch('/next')).text()) {
      case 'calls':
        await round()
        break
      case 'reload':
        return location.reload()
      case 'stop':
        return
    }
  }
}

run().catch((err) => tell('/failed', String(err)))
