// Sends calls with @segment/analytics-node as a server does, until its standard
// input ends, and prints a line for each that the library takes for delivered,
// or for lost.
import { setTimeout } from 'node:timers/promises'
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushInterval: 500 })

const told = (type, person) => (err, ctx) =>
  console.log(JSON.stringify({ type, id: ctx.event.messageId, person, error: err ? String(err) : '' }))

let going = true
process.stdin.on('end', () => { going = false }).resume()
for (let n = 0; going; n++) {
  const userId = `node-${n % 20}`
  analytics.identify({ userId, traits: { email: `${userId}@example.com`, n } }, told('identify', userId))
  analytics.track({ userId, event: 'Ordered – ü😀', properties: { n, price: 9.5 } }, told('track', userId))
  analytics.page({ userId, category: 'Docs', name: `Page ${n}` }, told('page', userId))
  analytics.screen({ anonymousId: `a-${userId}`, name: `Screen ${n}` }, told('screen', userId))
  analytics.group({ userId, groupId: `company-${n % 3}`, traits: { seats: n } }, told('group', userId))
  analytics.alias({ userId, previousId: `a-${userId}` }, told('alias', userId))
  await setTimeout(20)
}
await analytics.closeAndFlush({ timeout: 120_000 })
