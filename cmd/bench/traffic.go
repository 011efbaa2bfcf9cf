package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"relay/app/ingest"
	"relay/domain/segment"
)

// traffic makes calls as Segment sends them: 15 in 100 are identifies, some ten
// calls a person, a few people far busier than the rest; 800 bytes or so each.
type traffic struct {
	rand   *rand.Rand
	zipf   *rand.Zipf
	people int
	at     time.Time
}

func newTraffic(calls int, seed uint64) *traffic {
	r := rand.New(rand.NewPCG(seed, 1))
	people := max(calls/10, 1)
	return &traffic{rand: r, zipf: rand.NewZipf(r, 1.1, 50, uint64(people-1)), people: people, at: time.Now().Add(-time.Hour)}
}

// person is busy with half of the calls, and anybody with the others.
func (t *traffic) person() int {
	if t.rand.IntN(2) == 0 {
		return int(t.zipf.Uint64())
	}
	return t.rand.IntN(t.people)
}

// next returns the next payload as an entry for the log.
func (t *traffic) next() ingest.NewEntry {
	t.at = t.at.Add(time.Millisecond)
	id, _ := uuid.NewV7() // fails only without randomness
	body, kind := t.track(), segment.Track
	if t.rand.IntN(100) < 15 {
		body, kind = t.identify(), segment.Identify
	}
	return ingest.NewEntry{
		Inbound: ingest.Inbound{RequestID: id.String(), Source: "bench", Route: "/connector/segment", ReceivedAt: t.at, Body: body},
		Kinds:   kind, Calls: 1,
	}
}

const contextJSON = `"context":{"library":{"name":"analytics.js","version":"next-1.70.0"},` +
	`"page":{"path":"/pricing","referrer":"https://example.com/","title":"Pricing","url":"https://shop.example.com/pricing"},` +
	`"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","locale":"en-US","ip":"203.0.113.7"},` +
	`"integrations":{"All":true}`

func (t *traffic) track() []byte {
	p := t.person()
	return fmt.Appendf(nil, `{"type":"track","messageId":"ajs-next-%016x%016x","userId":"user-%d","anonymousId":"anon-%d",`+
		`"event":%q,"properties":{"plan":"pro","revenue":%d.%02d,"currency":"EUR",`+
		`"products":[{"sku":"A-%d","price":19.9,"quantity":2},{"sku":"B-%d","price":5,"quantity":1}],`+
		`"coupon":null,"first":%t},"timestamp":%q,"originalTimestamp":%q,"sentAt":%q,"receivedAt":%q,%s}`,
		t.rand.Uint64(), t.rand.Uint64(), p, p, eventNames[t.rand.IntN(len(eventNames))], t.rand.IntN(500), t.rand.IntN(100),
		t.rand.IntN(1000), t.rand.IntN(1000), t.rand.IntN(2) == 0, stamp(t.at), stamp(t.at), stamp(t.at), stamp(t.at), contextJSON)
}

var eventNames = []string{"Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Signed Up", "Article Read"}

func (t *traffic) identify() []byte {
	p := t.person()
	return fmt.Appendf(nil, `{"type":"identify","messageId":"ajs-next-%016x%016x","userId":"user-%d","anonymousId":"anon-%d",`+
		`"traits":{"name":"Person %d","email":"user-%d@example.com","phone":"+1555%07d","plan":"pro","logins":%d,`+
		`"language":"en","tz":"Europe/Berlin","slack_email":"user-%d@work.example.com","whatsapp":"+4917%08d",`+
		`"address":{"city":"Berlin","country":"DE"}},`+
		`"timestamp":%q,"originalTimestamp":%q,"sentAt":%q,"receivedAt":%q,%s}`,
		t.rand.Uint64(), t.rand.Uint64(), p, p, p, p, p, t.rand.IntN(100), p, p, stamp(t.at), stamp(t.at), stamp(t.at), stamp(t.at), contextJSON)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
