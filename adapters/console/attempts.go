package console

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	attemptsAtOnce = 10               // wrong passwords from one address
	attemptEvery   = 10 * time.Second // and one more after each such time
	maxAddresses   = 10_000           // that are remembered
)

// attempts bounds how often an address may give a wrong password, be it on the
// login page or with a program's requests. Right ones are not counted.
type attempts struct {
	now      func() time.Time
	checking sync.Mutex

	mu        sync.Mutex
	byAddress map[string]*rate.Limiter
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, byAddress: map[string]*rate.Limiter{}}
}

// try checks a password, unless the request's address has to wait, and for how
// long. One is checked after the other, so that many at once are no way around
// it, and right ones are not in each other's way.
func (a *attempts) try(r *http.Request, matches func() bool) (right bool, wait time.Duration) {
	limiter := a.limiter(addressOf(r))
	if wait := a.wait(limiter); wait > 0 {
		return false, wait
	}
	a.checking.Lock()
	defer a.checking.Unlock()
	if wait := a.wait(limiter); wait > 0 {
		return false, wait
	}
	if right = matches(); !right {
		limiter.AllowN(a.now(), 1)
	}
	return right, 0
}

// wait returns for how long an address has to wait.
func (a *attempts) wait(limiter *rate.Limiter) time.Duration {
	missing := 1 - limiter.TokensAt(a.now())
	return time.Duration(max(missing, 0) * float64(attemptEvery))
}

func (a *attempts) limiter(address string) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.byAddress[address]; known != nil {
		return known
	}
	if len(a.byAddress) >= maxAddresses {
		a.makeRoom()
	}
	limiter := rate.NewLimiter(rate.Every(attemptEvery), attemptsAtOnce)
	a.byAddress[address] = limiter
	return limiter
}

// makeRoom forgets the addresses that may try as often as new ones, and where
// there is none, any.
func (a *attempts) makeRoom() {
	for address, limiter := range a.byAddress {
		if limiter.TokensAt(a.now()) >= attemptsAtOnce {
			delete(a.byAddress, address)
		}
	}
	for address := range a.byAddress {
		if len(a.byAddress) < maxAddresses {
			return
		}
		delete(a.byAddress, address)
	}
}

// addressOf is where a request comes from: the other end of the connection, and
// where that is a proxy on this machine, what it says it was asked by. Of IPv6
// it is the network, since whoever has one has all of its addresses.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if passed := r.Header.Values("X-Forwarded-For"); isLoopback(host) && len(passed) > 0 {
		list := strings.Split(passed[len(passed)-1], ",")
		host = strings.TrimSpace(list[len(list)-1]) // the last is the proxy's own
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return "" // what is no address is one
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}
