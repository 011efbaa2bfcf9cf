package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func requestFrom(remote, forwarded string) *http.Request {
	r := httptest.NewRequest("POST", "/login", nil)
	r.RemoteAddr = remote
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	return r
}

// TestAttempts: an address may guess some times and then now and then; right
// passwords are not counted, and others guess on.
func TestAttempts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	a := newAttempts(func() time.Time { return now })
	here, there := requestFrom("192.0.2.1:1000", ""), requestFrom("192.0.2.2:1000", "")
	yes, no := func() bool { return true }, func() bool { return false }
	for range 3 * attemptsAtOnce {
		if right, wait := a.try(here, yes); !right || wait != 0 {
			t.Fatalf("a right one waits %v", wait)
		}
	}
	for range attemptsAtOnce {
		if right, wait := a.try(here, no); right || wait != 0 {
			t.Fatalf("a wrong one: %v, waits %v", right, wait)
		}
	}
	looked := func() bool { t.Error("it is looked at"); return true }
	for range 5 { // asking does not prolong it
		if right, wait := a.try(here, looked); right || wait != attemptEvery {
			t.Fatalf("one too many: %v, waits %v", right, wait)
		}
	}
	if _, wait := a.try(there, no); wait != 0 {
		t.Error("another address waits too")
	}
	now = now.Add(attemptEvery)
	if right, _ := a.try(here, yes); !right {
		t.Error("it waits on after the time")
	}
	if _, wait := a.try(here, no); wait != 0 {
		t.Errorf("a right one took the next one's place: waits %v", wait)
	}
	if _, wait := a.try(here, no); wait == 0 {
		t.Error("it guesses on without an end")
	}
}

// TestAttemptsAreBounded: many guesses at once are no way around the limit, and
// many addresses do not fill the memory.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	a := newAttempts(func() time.Time { return now })
	no := func() bool { return false }
	parallel := requestFrom("192.0.2.3:1000", "")
	var checked atomic.Int32
	var wg sync.WaitGroup
	for range 5 * attemptsAtOnce {
		wg.Go(func() { a.try(parallel, func() bool { checked.Add(1); return false }) })
	}
	if wg.Wait(); checked.Load() != attemptsAtOnce {
		t.Errorf("%d of many at once are looked at", checked.Load())
	}
	for i := range maxAddresses + 10 {
		a.try(requestFrom(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), ""), no)
	}
	if n := len(a.byAddress); n > maxAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
}

// TestAddressOf: a proxy on this machine says who asks, and nobody else can.
func TestAddressOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1000", "", "192.0.2.1"}, {"192.0.2.1:1000", "198.51.100.1", "192.0.2.1"}, {"127.0.0.1:1000", "", "127.0.0.1"},
		{"127.0.0.1:1000", "198.51.100.1", "198.51.100.1"}, {"[::1]:1000", "203.0.113.9, 198.51.100.1", "198.51.100.1"}, {"127.0.0.1:1000", "x", ""},
		{"[2001:db8::1]:1000", "", "2001:db8::/64"}, {"[2001:db8::2%eth0]:1000", "", "2001:db8::/64"}, {"[::ffff:192.0.2.1]:1000", "", "192.0.2.1"},
	} {
		if got := addressOf(requestFrom(c.remote, c.forwarded)); got != c.want {
			t.Errorf("%s for %q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}
