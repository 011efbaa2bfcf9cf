package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// sessions are the browsers that were let in. They live as long as the process,
// and only as long as the password stays the same.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[[32]byte]session // by the hash of what the cookie holds
}

type session struct {
	hash    string // of the password that let it in
	expires time.Time
}

const (
	sessionCookie = "relay_session"
	sessionIdle   = 12 * time.Hour // without a request, after which it ends
	maxSessions   = 1000
)

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, byID: map[[32]byte]session{}}
}

// begin begins a session and returns its cookie.
func (s *sessions) begin(r *http.Request, hash string) *http.Cookie {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, known := range s.byID {
		if s.now().After(known.expires) || len(s.byID) >= maxSessions {
			delete(s.byID, key)
		}
	}
	s.byID[sha256.Sum256([]byte(id))] = session{hash, s.now().Add(sessionIdle)}
	return cookie(r, id, 0)
}

// cookie is sent along by the console's own pages only, and read by no script.
func cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
}

// has tells whether the request belongs to a session that the password let in,
// and prolongs it.
func (s *sessions) has(r *http.Request, hash string) bool {
	sent, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	key := sha256.Sum256([]byte(sent.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.byID[key]
	if !ok || known.hash != hash || s.now().After(known.expires) {
		delete(s.byID, key)
		return false
	}
	known.expires = s.now().Add(sessionIdle)
	s.byID[key] = known
	return true
}

// end ends the request's session and returns the cookie that removes its own.
func (s *sessions) end(r *http.Request) *http.Cookie {
	if sent, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.byID, sha256.Sum256([]byte(sent.Value)))
		s.mu.Unlock()
	}
	return cookie(r, "", -1)
}

type inSession struct{}

// withSession notes whether the request was let in by a password.
func withSession(ctx context.Context, in bool) context.Context {
	return context.WithValue(ctx, inSession{}, in)
}

// wasLetIn reports whether the gate let the request in, by a password or without.
func wasLetIn(r *http.Request) bool { return r.Context().Value(inSession{}) != nil }

func hasSession(r *http.Request) bool {
	in, _ := r.Context().Value(inSession{}).(bool)
	return in
}
