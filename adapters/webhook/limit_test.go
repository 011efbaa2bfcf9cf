package webhook

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"relay/app/ingest"
)

// TestByteLimit: what is held never goes beyond the limit but for a lone holder,
// and a refused taking changes nothing.
func TestByteLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var observed int64
		f := &byteLimit{limit: 100, observe: func(n int64) { observed = n }}
		held := make([]int64, 4)
		total := func() (sum int64, holders int) {
			for _, n := range held {
				sum += n
				if n > 0 {
					holders++
				}
			}
			return sum, holders
		}
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				i, more := rapid.IntRange(0, 3).Draw(t, "who"), rapid.Int64Range(1, 150).Draw(t, "more")
				before, _ := total()
				alone := before == held[i]
				taken := f.take(more, held[i], f.limit)
				if taken != (alone || before+more <= f.limit) {
					t.Fatalf("taking %d on top of %d: %v", more, before, taken)
				}
				if taken {
					held[i] += more
				}
			},
			"release": func(t *rapid.T) {
				i := rapid.IntRange(0, 3).Draw(t, "who")
				f.release(held[i])
				held[i] = 0
			},
			"": func(t *rapid.T) {
				if sum, _ := total(); f.bytes != sum || observed != sum {
					t.Fatalf("%d bytes in flight, %d observed, want %d", f.bytes, observed, sum)
				}
			},
		})
	})
}

// TestDefaultLimit: 32 MiB are taken, as they are and compressed; a byte more is
// not.
func TestDefaultLimit(t *testing.T) {
	t.Parallel()
	m := newMemory()
	server := newServer(t, m, func(c *Config) { c.MaxBody = 0 })
	fits := call + strings.Repeat(" ", 32<<20-len(call))
	for _, c := range []struct {
		body   string
		status int
	}{{fits, 200}, {fits + " ", 413}} {
		for _, r := range []request{{body: c.body}, {body: gzipped(c.body), header: gzipHeader}} {
			if reply, a := do(t, server, r); reply.StatusCode != c.status {
				t.Errorf("%d bytes, sent as %d: status %d, %+v", len(c.body), len(r.body), reply.StatusCode, a)
			}
		}
	}
	if len(m.entries) != 2 || len(m.entries[0].Inbound.Body) != 32<<20 || len(m.entries[1].Inbound.Body) != 32<<20 {
		t.Errorf("%d entries", len(m.entries))
	}
}

// TestBytesInFlightAreBounded fills the limit with requests that wait for the
// log.
func TestBytesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	const several = 5
	m := newMemory()
	goOn := make(chan struct{})
	m.block = func(context.Context, ingest.NewEntry) error { <-goOn; return nil }
	server := newServer(t, m, func(c *Config) { c.MaxInFlight = several * int64(len(call)) })
	statuses := make(chan int, several)
	for range several {
		go func() {
			reply, _ := do(t, server, request{body: call})
			statuses <- reply.StatusCode
		}()
	}
	m.await(func() bool { return m.inFlight == several*int64(len(call)) })
	for _, r := range []request{{body: call}, {body: gzipped(call), header: gzipHeader}, {body: `{"writeKey":"good"}`, path: "/v1/t", auth: "none"}} {
		if reply, a := do(t, server, r); reply.StatusCode != 429 || a.Error.Code != "overloaded" || reply.Header.Get("Retry-After") != "1" {
			t.Errorf("beyond the limit: status %d, %+v", reply.StatusCode, a)
		}
	}
	close(goOn)
	for range several {
		if status := <-statuses; status != 200 {
			t.Errorf("within the limit: status %d", status)
		}
	}
	m.await(func() bool { return m.inFlight == 0 })
	if reply, _ := do(t, server, request{body: call}); reply.StatusCode != 200 {
		t.Errorf("with room again: status %d", reply.StatusCode)
	}
}

// TestDecodedBytesCount: a small body that decodes to a large one is refused
// beside others.
func TestDecodedBytesCount(t *testing.T) {
	t.Parallel()
	m := newMemory()
	goOn := make(chan struct{})
	m.block = func(_ context.Context, e ingest.NewEntry) error {
		if len(e.Inbound.Body) == len(call) {
			<-goOn
		}
		return nil
	}
	large := request{body: gzipped(call + strings.Repeat(" ", 9_000)), header: gzipHeader}
	server := newServer(t, m, func(c *Config) { c.MaxInFlight = 8_000 })
	if reply, a := do(t, server, large); reply.StatusCode != 200 {
		t.Errorf("alone: status %d, %+v", reply.StatusCode, a)
	}
	first := make(chan int, 1)
	go func() {
		reply, _ := do(t, server, request{body: call})
		first <- reply.StatusCode
	}()
	m.await(func() bool { return m.inFlight == int64(len(call)) })
	if reply, a := do(t, server, large); reply.StatusCode != 429 {
		t.Errorf("beside another: status %d, %+v", reply.StatusCode, a)
	}
	close(goOn)
	if status := <-first; status != 200 {
		t.Errorf("the other: status %d", status)
	}
}

// TestKnownKeysHaveRoomOfTheirOwn: bodies that must be read to find out who
// sends them get half of the limit.
func TestKnownKeysHaveRoomOfTheirOwn(t *testing.T) {
	t.Parallel()
	m := newMemory()
	goOn := make(chan struct{})
	m.block = func(context.Context, ingest.NewEntry) error { <-goOn; return nil }
	inBody := request{path: "/v1/track", auth: "none", body: `{"writeKey":"good","userId":"1","event":"E"}`}
	server := newServer(t, m, func(c *Config) { c.MaxInFlight = 2*int64(len(inBody.body)) + 1 })
	statuses := make(chan int, 2)
	send := func(r request) {
		reply, _ := do(t, server, r)
		statuses <- reply.StatusCode
	}
	go send(inBody)
	m.await(func() bool { return m.inFlight == int64(len(inBody.body)) })
	if reply, _ := do(t, server, inBody); reply.StatusCode != 429 {
		t.Errorf("a second one without a key in the header: status %d", reply.StatusCode)
	}
	go send(request{body: call})
	m.await(func() bool { return m.inFlight == int64(len(inBody.body)+len(call)) })
	close(goOn)
	for range 2 {
		if status := <-statuses; status != 200 {
			t.Errorf("status %d", status)
		}
	}
}
