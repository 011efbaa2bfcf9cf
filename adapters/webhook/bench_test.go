package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"relay/app/ingest"
)

type nothing struct{}

func (nothing) Append(context.Context, ingest.NewEntry) error { return nil }

// silent is a ResponseWriter that costs nothing of its own.
type silent struct{ header http.Header }

func (s silent) Header() http.Header       { return s.header }
func (silent) Write(p []byte) (int, error) { return len(p), nil }
func (silent) WriteHeader(int)             {}
func (s silent) reset()                    { clear(s.header) }

// body is one that can be sent again.
type body struct{ *strings.Reader }

func (body) Close() error { return nil }

func signatureOf(text string) string {
	mac := hmac.New(sha1.New, []byte(signingSecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// BenchmarkRequest measures the handler alone, without the net.
func BenchmarkRequest(b *testing.B) {
	event := `{"type":"track","userId":"1","event":"E","properties":{"text":"` + strings.Repeat("x", 760) + `"}}`
	for name, r := range map[string]request{
		"call":     {body: event},
		"gzip":     {body: gzipped(event), header: gzipHeader},
		"signed":   {body: event, auth: "Bearer signed", header: map[string]string{"X-Signature": signatureOf(event)}},
		"writeKey": {path: "/v1/track", auth: "none", body: strings.Replace(event, "{", `{"writeKey":"good",`, 1)},
		"batch":    {body: "[" + strings.Repeat(event+",", 49) + event + "]"},
	} {
		b.Run(name, func(b *testing.B) {
			m := newMemory()
			handler := newHandler(b, m, func(c *Config) {
				c.Ingest, c.MaxBody, c.Metrics = &ingest.Ingest{Log: nothing{}, Rejected: m}, 1<<20, nil
			})
			made := r.make(b, "http://relay")
			text := body{strings.NewReader(r.body)}
			w := silent{http.Header{}}
			made.Body = text
			b.ReportAllocs()
			for b.Loop() {
				text.Reset(r.body)
				w.reset()
				handler.ServeHTTP(w, made)
			}
			if len(m.requests) > 0 {
				b.Fatalf("%+v", m.requests[0])
			}
		})
	}
}

// BenchmarkOverTheNet is one connection that sends calls one by one.
func BenchmarkOverTheNet(b *testing.B) {
	m := newMemory()
	server := httptest.NewServer(newHandler(b, m, func(c *Config) {
		c.Ingest, c.Metrics = &ingest.Ingest{Log: nothing{}, Rejected: m}, nil
	}))
	defer server.Close()
	b.ReportAllocs()
	for b.Loop() {
		if reply, _ := do(b, server, request{body: call}); reply.StatusCode != 200 {
			b.Fatal(reply.Status)
		}
	}
}
