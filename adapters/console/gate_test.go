package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/app/lookup"
)

// TestIsLocal: only who is on this machine, asks for it by a name of its own, and
// comes through no proxy is local.
func TestIsLocal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, remote, header string
		want                 bool
	}{
		{"127.0.0.1:8081", "127.0.0.1:5000", "", true}, {"localhost:8081", "127.0.0.1:5000", "", true}, {"localhost", "[::1]:5000", "", true},
		{"[::1]:8081", "[::1]:5000", "", true}, {"[::1]", "[::1]:5000", "", true},
		{"relay.example", "127.0.0.1:5000", "", false}, {"127.0.0.1.example", "127.0.0.1:5000", "", false}, {"", "127.0.0.1:5000", "", false},
		{"127.0.0.1:8081", "192.0.2.1:5000", "", false}, {"127.0.0.1:8081", "127.0.0.1:5000", "X-Forwarded-For", false}, {"127.0.0.1:8081", "127.0.0.1:5000", "Forwarded", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.RemoteAddr = c.host, c.remote
		if c.header != "" {
			r.Header.Set(c.header, "for=192.0.2.1")
		}
		if got := isLocal(r); got != c.want {
			t.Errorf("host %q from %q with %q: %v", c.host, c.remote, c.header, got)
		}
	}
}

// TestLocalPath: whatever is asked for, nobody is led off the console.
func TestLocalPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/requests?source=a": "/requests?source=a", "": "/", "requests": "/", "//elsewhere": "/", "https://elsewhere/": "/", `/\elsewhere`: "/", "/\t/elsewhere": "/", "javascript:alert(1)": "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("%q leads to %q, want %q", in, got, want)
		}
	}
}

// TestSessionsEnd: a session ends by itself, with the password, and by logging
// out, and no other one's cookie opens it.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	s := newSessions(func() time.Time { return now })
	begin := func() *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(s.begin(r, "hash"))
		return r
	}
	r, other := begin(), begin()
	if !s.has(r, "hash") || s.has(httptest.NewRequest("GET", "/", nil), "hash") {
		t.Error("a session is not known, or none is")
	}
	now = now.Add(sessionIdle)
	if !s.has(r, "hash") {
		t.Error("it ended before its time")
	}
	now = now.Add(time.Second)
	if s.has(other, "hash") {
		t.Error("it lives on without a request")
	}
	if !s.has(r, "hash") {
		t.Error("a request does not prolong it")
	}
	if s.has(r, "another") || s.has(r, "hash") {
		t.Error("it outlives its password")
	}
	r = begin()
	s.end(r)
	if s.has(r, "hash") {
		t.Error("it outlives logging out")
	}
	for range 2 * maxSessions {
		begin()
	}
	if len(s.byID) > maxSessions {
		t.Errorf("%d sessions are kept", len(s.byID))
	}
}

// TestChartsFit: whatever came in, bars stay within the chart, and what is there
// is seen.
func TestChartsFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := make([]lookup.Traffic, rapid.SampledFrom([]int{24, 60}).Draw(t, "n"))
		for i := range list {
			list[i].Payloads = rapid.Int64Range(0, 1e12).Draw(t, "payloads")
			list[i].Refused = rapid.SampledFrom([]int64{0, 0, 1, 1e9}).Draw(t, "refused")
		}
		for i, b := range newChart(list, "a minute").Bars {
			if b.X < 0 || b.X+b.Width > chartWidth || b.RefusedY < 0 || b.Y+b.Height != chartHeight || b.RefusedY+b.RefusedHeight != b.Y {
				t.Fatalf("bar %d: %+v", i, b)
			}
			if list[i].Payloads > 0 && b.Height == 0 {
				t.Fatalf("bar %d is not seen: %+v", i, b)
			}
		}
	})
}

// TestBodyText: a body is shown as valid text of a bounded size, whatever it is.
func TestBodyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "part")
		body := []byte(strings.Repeat(string(part), rapid.SampledFrom([]int{1, 10, 5000}).Draw(t, "times")))
		got := bodyText(body)
		if len(got) > 3*maxShownBody+100 || strings.ToValidUTF8(got, "") != got {
			t.Fatalf("%d bytes become %d", len(body), len(got))
		}
	})
	if got := bodyText([]byte(`{"a":"é"}`)); got != "{\n  \"a\": \"é\"\n}" {
		t.Errorf("JSON becomes %q", got)
	}
}
