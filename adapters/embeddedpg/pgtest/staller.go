package pgtest

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Staller stands between a client and the server, and can hold up all that goes
// between them: as a server that is there and answers nothing. It can also lose
// the client's requests to cancel a statement, as a server does where one comes
// between two statements.
type Staller struct {
	upstream     [2]string // network and address
	gate         sync.RWMutex
	losesCancels atomic.Bool
	lost         atomic.Int64
	heldUp       atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
}

// Stallable returns the URL of the same database through a staller, which ends
// with the test.
func Stallable(t testing.TB, database string) (string, *Staller) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Staller{upstream: addressOf(u)}
	go s.serve(listener)
	t.Cleanup(func() {
		_ = listener.Close() // ends serve
		s.close()
	})
	query := u.Query()
	query.Del("host")
	if !query.Has("sslmode") {
		query.Set("sslmode", "disable")
	}
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	return u.String(), s
}

// addressOf returns network and address of the server that a URL names.
func addressOf(u *url.URL) [2]string {
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	if folder := u.Query().Get("host"); folder != "" {
		return [2]string{"unix", folder + "/.s.PGSQL." + port}
	}
	return [2]string{"tcp", net.JoinHostPort(u.Hostname(), port)}
}

// While lets nothing pass while it does something.
func (s *Staller) While(do func()) {
	s.gate.Lock()
	defer s.gate.Unlock()
	do()
}

// LoseCancels loses all requests to cancel a statement from now on.
func (s *Staller) LoseCancels() { s.losesCancels.Store(true) }

// Lost returns how many requests to cancel a statement were lost.
func (s *Staller) Lost() int { return int(s.lost.Load()) }

// HeldUp returns how many messages wait to pass.
func (s *Staller) HeldUp() int { return int(s.heldUp.Load()) }

func (s *Staller) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		s.keep(client)
		go s.connect(client)
	}
}

// keep has the connection closed at the end.
func (s *Staller) keep(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
}

// connect connects a client with the server, unless all that it wants is lost.
func (s *Staller) connect(client net.Conn) {
	var head [8]byte // the length of the first message and what it asks for
	if _, err := io.ReadFull(client, head[:]); err != nil {
		_ = client.Close() // it is gone
		return
	}
	const cancelRequest = 80877102
	if s.losesCancels.Load() && binary.BigEndian.Uint32(head[4:]) == cancelRequest {
		s.lost.Add(1)
		_ = client.Close() // as the server does when it has done what was asked
		return
	}
	server, err := net.Dial(s.upstream[0], s.upstream[1])
	if err != nil {
		_ = client.Close() // it sees that there is no server
		return
	}
	s.keep(server)
	go s.pass(server, client)
	if _, err := (gated{s, server}).Write(head[:]); err != nil {
		_ = server.Close()
	}
	s.pass(client, server)
}

// pass copies until either side ends.
func (s *Staller) pass(from, to net.Conn) {
	defer to.Close()
	_, _ = io.Copy(gated{s, to}, from)
}

type gated struct {
	*Staller
	to net.Conn
}

// Write implements io.Writer.
func (g gated) Write(data []byte) (int, error) {
	g.heldUp.Add(1)
	g.gate.RLock()
	defer g.gate.RUnlock()
	g.heldUp.Add(-1)
	return g.to.Write(data)
}

func (s *Staller) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close() // whoever used it is gone
	}
}
