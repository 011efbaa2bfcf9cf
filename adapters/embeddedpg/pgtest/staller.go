package pgtest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Staller stands between a client and the server, and can hold up all that goes
// between them: as a server that is there and answers nothing.
type Staller struct {
	upstream [2]string // network and address
	gate     sync.RWMutex

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

func (s *Staller) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(s.upstream[0], s.upstream[1])
		if err != nil {
			_ = client.Close() // it sees that there is no server
			continue
		}
		s.mu.Lock()
		s.conns = append(s.conns, client, server)
		s.mu.Unlock()
		go s.pass(client, server)
		go s.pass(server, client)
	}
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
	g.gate.RLock()
	defer g.gate.RUnlock()
	return g.to.Write(data)
}

func (s *Staller) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close() // whoever used it is gone
	}
}
