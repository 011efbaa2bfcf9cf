package segment

import (
	"strings"
	"testing"
)

const benchTrack = `{"type":"track","messageId":"ajs-next-0123456789abcdef0123456789abcdef","userId":"user-123456","anonymousId":"anon-123456","event":"Order Completed","properties":{"plan":"pro","revenue":123.45,"currency":"EUR","products":[{"sku":"A-1","price":19.9,"quantity":2},{"sku":"B-2","price":5,"quantity":1}],"coupon":null,"first":true},"timestamp":"2026-01-01T12:00:00.000Z","originalTimestamp":"2026-01-01T12:00:00.000Z","sentAt":"2026-01-01T12:00:00.000Z","receivedAt":"2026-01-01T12:00:00.000Z","context":{"library":{"name":"analytics.js","version":"next-1.70.0"},"page":{"path":"/pricing","referrer":"https://example.com/","title":"Pricing","url":"https://shop.example.com/pricing"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","locale":"en-US","ip":"203.0.113.7"},"integrations":{"All":true}}`

const benchIdentify = `{"type":"identify","messageId":"ajs-next-0123456789abcdef0123456789abcdef","userId":"user-123456","anonymousId":"anon-123456","traits":{"email":"ada.lovelace@example.com","phone":"+44 20 7946 0000","firstName":"Ada","lastName":"Lovelace","plan":"pro","age":36,"address":{"city":"London","country":"GB","postalCode":"W1J 7NT"},"language":"en","tz":"Europe/London","vip":true},"timestamp":"2026-01-01T12:00:00.000Z","originalTimestamp":"2026-01-01T12:00:00.000Z","sentAt":"2026-01-01T12:00:00.000Z","receivedAt":"2026-01-01T12:00:00.000Z","context":{"library":{"name":"analytics.js","version":"next-1.70.0"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","locale":"en-US","ip":"203.0.113.7","campaign":{"source":"mail"}},"integrations":{"All":true}}`

func benchmarkParse(b *testing.B, body string, calls int) {
	var p Parser
	raw := []byte(body)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if payload, err := p.Parse(raw, 0); err != nil || len(payload.Calls) != calls {
			b.Fatal(err, len(payload.Calls))
		}
	}
}

func BenchmarkParseTrack(b *testing.B)    { benchmarkParse(b, benchTrack, 1) }
func BenchmarkParseIdentify(b *testing.B) { benchmarkParse(b, benchIdentify, 1) }
func BenchmarkParseBatch(b *testing.B) {
	benchmarkParse(b, `{"batch":[`+strings.Repeat(benchTrack+",", 99)+benchTrack+`],"sentAt":"2026-01-01T12:00:00.000Z"}`, 100)
}

func BenchmarkObservedAt(b *testing.B) {
	payload, err := new(Parser).Parse([]byte(benchTrack), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		payload.Calls[0].ObservedAt(1_800_000_000_000_000)
	}
}

// TestAllocations: reading a call costs its texts and nothing else.
func TestAllocations(t *testing.T) { // not parallel, as it counts
	var p Parser
	body := []byte(benchTrack)
	const texts = 4 // userId, anonymousId, messageId, event
	got := testing.AllocsPerRun(100, func() {
		payload, err := p.Parse(body, 0)
		if err != nil {
			t.Fatal(err)
		}
		payload.Calls[0].ObservedAt(1_800_000_000_000_000)
	})
	if got > texts {
		t.Errorf("%v allocations, want %d", got, texts)
	}
}
