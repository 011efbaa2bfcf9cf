package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// actions is a sender as Segment's Webhooks (Actions) is one: it signs, gives up
// on a request after 10 s, sends again what may be sent again, and drops for
// ever what was answered with another 4xx. Only its waits between tries are
// shorter. What failed in one batch may stand in another when it is sent again.
type actions struct {
	t     *testing.T
	url   string
	batch int // events in a request; 0: each is sent alone, outside of any array

	client *http.Client
	stop   chan struct{}
	done   sync.WaitGroup

	mu        sync.Mutex
	changed   *sync.Cond
	as        credentials
	queue     []*forwarded
	sending   map[credentials]int // requests under way
	made      []*forwarded
	delivered int
	lost      []string
	seen      map[int]int // replies by status; 0: no reply
	finishing bool
	ended     bool // nothing is sent any more
}

// credentials are what a destination is set up with.
type credentials struct {
	key    string
	secret string // signs with it; empty: does not sign
}

// forwarded is an event that Segment forwards.
type forwarded struct {
	id, person, body string
	identify         bool
	tries            int
}

// newActions starts a sender that makes some hundred events a second, and
// twenty times as many in batches.
func newActions(t *testing.T, address string, as credentials, batch int) *actions {
	t.Helper()
	a := &actions{
		t: t, url: address + "/connector/segment/", batch: batch, as: as,
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		stop:   make(chan struct{}), sending: map[credentials]int{}, seen: map[int]int{},
	}
	a.changed = sync.NewCond(&a.mu)
	a.done.Go(a.produce)
	for range 16 {
		a.done.Go(a.work)
	}
	t.Cleanup(func() {
		a.end()
		a.client.CloseIdleConnections()
	})
	return a
}

// produce makes events until the sender finishes.
func (a *actions) produce() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-tick.C:
		}
		a.mu.Lock()
		for range max(1, a.batch/5) {
			e := newForwarded(len(a.made))
			a.made, a.queue = append(a.made, e), append(a.queue, e)
		}
		a.changed.Broadcast()
		a.mu.Unlock()
	}
}

// newForwarded makes the event as the destination's default mapping sends it:
// whole, received and corrected already.
func newForwarded(n int) *forwarded {
	e := &forwarded{id: fmt.Sprintf("ajs-next-%d-%08x", n, rand.Uint32()), person: fmt.Sprintf("person-%d", n%50), identify: n%5 == 0}
	what := `"type":"track","event":"Bestellt – ü😀 </b> \"\\","properties":{"revenue":19.90,"products":[{"id":"1"},{"id":"2"}],"text":"` + strings.Repeat("x", 300) + `"}`
	if e.identify {
		what = fmt.Sprintf(`"type":"identify","traits":{"email":"%s@example.com","n":%d}`, e.person, n)
	}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	e.body = fmt.Sprintf(`{"anonymousId":"a-%s","channel":"client","context":{"ip":"203.0.113.7","library":{"name":"analytics.js","version":"next-1.84.3"},"traits":{}},`+
		`"integrations":{},"messageId":"%s","originalTimestamp":"%s","receivedAt":"%s","sentAt":"%s","timestamp":"%s",%s,"userId":"%s","version":2}`,
		e.person, e.id, now, now, now, now, what, e.person)
	return e
}

// work sends request after request.
func (a *actions) work() {
	for {
		events, as := a.take()
		if events == nil {
			return
		}
		status := a.send(events, as)
		tries := events[0].tries
		a.note(events, as, status)
		if status != http.StatusOK {
			backOff(tries)
		}
	}
}

// take waits for events and takes any of them; nil when all are done.
func (a *actions) take() (events []*forwarded, as credentials) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) == 0 {
		if a.finishing && a.delivered+len(a.lost) == len(a.made) {
			a.changed.Broadcast()
			return nil, a.as
		}
		a.changed.Wait()
	}
	for range max(1, a.batch) {
		if len(a.queue) == 0 {
			break
		}
		i := rand.IntN(len(a.queue)) // order is not promised
		events = append(events, a.queue[i])
		a.queue = slices.Delete(a.queue, i, i+1)
	}
	a.sending[a.as]++
	return events, a.as
}

// send posts the events and returns the status, 0 for no reply.
func (a *actions) send(events []*forwarded, as credentials) int {
	var bodies []string
	for _, e := range events {
		e.tries++
		bodies = append(bodies, e.body)
	}
	body := bodies[0]
	if a.batch > 0 {
		body = "[" + strings.Join(bodies, ",") + "]"
	}
	request, err := http.NewRequest("POST", a.url, bytes.NewBufferString(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Segment (Actions)")
	request.Header.Set("Authorization", "Bearer "+as.key)
	if as.secret != "" {
		request.Header.Set("X-Signature", sign(bodies[0], as.secret))
	}
	reply, err := a.client.Do(request)
	if err != nil {
		return 0
	}
	defer reply.Body.Close()
	_, _ = io.Copy(io.Discard, reply.Body) // only the status counts
	return reply.StatusCode
}

func sign(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// note sorts the events by what the reply makes of them.
func (a *actions) note(events []*forwarded, as credentials, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[status]++
	a.sending[as]--
	switch {
	case status >= 200 && status < 300:
		a.delivered += len(events)
	case sentAgain(status) && !a.ended:
		a.queue = append(a.queue, events...)
	default:
		for _, e := range events {
			a.lost = append(a.lost, fmt.Sprintf("%s: %d", e.id, status))
		}
	}
	a.changed.Broadcast()
}

// sentAgain reports whether Segment sends again after an answer with this status.
func sentAgain(status int) bool {
	switch status {
	case 0, 408, 410, 429, 460:
		return true
	case 501, 505:
		return false
	}
	return status >= 500
}

// backOff waits for a random time that grows with each try.
func backOff(tries int) {
	longest := min(10<<min(tries, 6), 400)
	time.Sleep(time.Duration(rand.IntN(longest)+1) * time.Millisecond)
}

// use sets the sender up with other credentials, and returns when nothing is
// under way with the former ones.
func (a *actions) use(as credentials) {
	a.mu.Lock()
	defer a.mu.Unlock()
	former := a.as
	a.as = as
	for a.sending[former] > 0 {
		a.changed.Wait()
	}
}

// await waits until that many more events are delivered.
func (a *actions) await(more int) {
	a.t.Helper()
	from := a.count()
	waitFor(a.t, "events to be delivered", func() bool { return a.count() >= from+more })
}

func (a *actions) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.delivered
}

// awaitReply waits for one more reply of that status; 0: none at all.
func (a *actions) awaitReply(status int) {
	a.t.Helper()
	replies := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.seen[status]
	}
	from := replies()
	waitFor(a.t, fmt.Sprintf("a reply of status %d", status), func() bool { return replies() > from })
}

// finish makes no more events, and returns when none is left to be sent.
func (a *actions) finish() {
	a.t.Helper()
	a.mu.Lock()
	if !a.finishing {
		a.finishing = true
		close(a.stop)
	}
	a.changed.Broadcast()
	a.mu.Unlock()
	waitFor(a.t, "all events to be delivered or lost", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.delivered+len(a.lost) == len(a.made)
	})
}

// end is finish for a test that may have failed.
func (a *actions) end() {
	a.mu.Lock()
	if !a.finishing {
		a.finishing = true
		close(a.stop)
	}
	for _, e := range a.queue {
		a.lost = append(a.lost, e.id+": not sent to the end")
	}
	a.queue, a.ended = nil, true
	a.changed.Broadcast()
	a.mu.Unlock()
	a.done.Wait()
}
