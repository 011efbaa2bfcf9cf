package webhook

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

func basicAuth(userAndPassword string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userAndPassword))
}

// TestKeys tries the ways of showing a key on both kinds of route.
func TestKeys(t *testing.T) {
	t.Parallel()
	with := func(key string) string {
		return `{"type":"track","userId":"1","event":"E","writeKey":` + key + `}`
	}
	for _, c := range []struct {
		name      string
		auth      string
		body      string
		connector int
		library   int
	}{
		{"Bearer", "Bearer good", call, 200, 200},
		{"bearer in any case and with space", "bEARER   good  ", call, 200, 200},
		{"Bearer of nothing", "Bearer ", call, 401, 401},
		{"Bearer, unknown", "Bearer bad", call, 401, 401},
		{"the key alone", "good", call, 401, 401},
		{"Basic", basicAuth("good:"), call, 401, 200},
		{"basic with a password", strings.Replace(basicAuth("good:x"), "Basic", "basic", 1), call, 401, 200},
		{"Basic, unknown", basicAuth("bad:"), call, 401, 401},
		{"Basic, the key as the password", basicAuth(":good"), call, 401, 401},
		{"Basic that is not", "Basic ???", call, 401, 401},
		{"in the body", "none", with(`"good"`), 401, 200},
		{"in the body, with escapes", "none", with(`"g\u006fod"`), 401, 200},
		{"in the body, the last counts", "none", with(`"bad","writeKey":"good"`), 401, 200},
		{"in the body, unknown", "none", with(`"bad"`), 401, 401},
		{"in the body, empty", "none", with(`""`), 401, 401},
		{"in the body, no text", "none", with(`{"a":"good"}`), 401, 401},
		{"deeper in the body", "none", `{"type":"track","userId":"1","event":"E","context":{"writeKey":"good"}}`, 401, 401},
		{"in an array", "none", `[` + with(`"good"`) + `]`, 401, 401},
		{"in a body that is no JSON", "none", with(`"good"`) + "}", 401, 401},
		{"in a batch", "none", `{"writeKey":"good","batch":[` + call + `]}`, 401, 200},
		{"in the body beside another scheme", "Digest x", with(`"good"`), 401, 200},
		{"the header counts, not the body", "Bearer bad", with(`"good"`), 401, 401},
		{"the header's key is enough", "Bearer good", with(`"bad"`), 200, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			server := newServer(t, m, nil)
			for path, want := range map[string]int{"/connector/segment": c.connector, "/v1/track": c.library} {
				reply, a := do(t, server, request{path: path, auth: c.auth, body: c.body})
				if reply.StatusCode != want || (want == 401) != (a.Error.Code == "unauthorized") || (want == 401) != (reply.Header.Get("WWW-Authenticate") != "") {
					t.Errorf("%s: status %d, %+v; want %d", path, reply.StatusCode, a, want)
				}
			}
			if len(m.rejected)+len(m.requests) != 0 {
				t.Errorf("without a known key %d bodies were kept and %d requests noted", len(m.rejected), len(m.requests))
			}
		})
	}
}

func TestKeyInACompressedBody(t *testing.T) {
	t.Parallel()
	m := newMemory()
	server := newServer(t, m, nil)
	body := `{"writeKey":"good","batch":[` + call + `]}`
	if reply, a := do(t, server, request{path: "/v1/batch", auth: "none", body: gzipped(body), header: gzipHeader}); reply.StatusCode != 200 || string(m.entries[0].Inbound.Body) != body {
		t.Errorf("status %d, %+v", reply.StatusCode, a)
	}
	if reply, _ := do(t, server, request{path: "/v1/batch", auth: "none", body: body, header: gzipHeader}); reply.StatusCode != 401 || len(m.rejected) != 0 {
		t.Errorf("gzip that is not, without a key: status %d, %d kept", reply.StatusCode, len(m.rejected))
	}
}

// TestRefusedByTheHeadAlone: the answer comes although the body does not.
func TestRefusedByTheHeadAlone(t *testing.T) {
	t.Parallel()
	server := newServer(t, newMemory(), func(c *Config) { c.MaxBody = 1 << 20 })
	for status, head := range map[int]string{
		401: "Authorization: Bearer bad\r\nContent-Length: 1000000",
		413: "Authorization: Bearer good\r\nContent-Length: 1048577",
		415: "Authorization: Bearer good\r\nContent-Encoding: br\r\nContent-Length: 1000000",
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /connector/segment HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", head)
		reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Body.Close(); reply.StatusCode != status {
			t.Errorf("status %d, want %d", reply.StatusCode, status)
		}
		conn.Close()
	}
}
