package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The tests here check the HTTP contract of the whole relay; the tests of
// adapters/webhook cover its details.

// inbound is one request and the expected outcome.
type inbound struct {
	name, method, path, auth, body string
	header                         http.Header
	status                         int
	code                           string
	source                         string // of the noted request; empty: it is not noted
	kept                           bool   // in the rejected store
}

// answer is a reply as the contract gives its body.
type answer struct {
	*http.Response
	text    string
	Success bool `json:"success"`
	Error   struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Rejected []struct {
		Index   int    `json:"index"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"rejected"`
}

// do sends the request, which must be answered, and not by a redirection.
func (r inbound) do(t *testing.T, base string) answer {
	t.Helper()
	a, err := r.try(base)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	return a
}

func (r inbound) try(base string) (answer, error) {
	request, err := http.NewRequest(cmp.Or(r.method, "POST"), base+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	for name, values := range r.header {
		request.Header[name] = values
	}
	if r.auth != "" {
		request.Header.Set("Authorization", r.auth)
	}
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("redirected") }
	reply, err := direct.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	a := answer{Response: reply, text: strings.TrimSpace(string(text))}
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}

// check proves that the answer is the one wanted, and that the request is found
// again under its id.
func (r inbound) check(t *testing.T, db *sql.DB, a answer) {
	t.Helper()
	if a.StatusCode != r.status || a.Error.Code != r.code || a.Success != (r.status == 200) || (r.code == "") != (a.Error.Message == "") {
		t.Errorf("%s: status %d, %s; want %d %s", r.name, a.StatusCode, a.text, r.status, r.code)
	}
	if again := a.StatusCode == 429 || a.StatusCode == 503; again != (a.Header.Get("Retry-After") == "1") {
		t.Errorf("%s: status %d with Retry-After %q", r.name, a.StatusCode, a.Header.Get("Retry-After"))
	}
	if library := strings.HasPrefix(r.path, "/v1/"); library != (a.Header.Get("Access-Control-Allow-Origin") == "*") {
		t.Errorf("%s: a page of any origin may read it: %v", r.name, !library)
	}
	id := a.Header.Get("X-Request-Id")
	if id == "" {
		t.Errorf("%s: no X-Request-Id", r.name)
	}
	noted := func() string {
		return text(t, db, `SELECT source || ' ' || status || ' ' || coalesce(code, '') FROM relay.requests WHERE request_id = $1`, id)
	}
	want := ""
	if r.source != "" {
		want = fmt.Sprintf("%s %d %s", r.source, r.status, r.code)
		waitFor(t, "the request to be noted", func() bool { return noted() != "" })
	}
	if got := noted(); got != want {
		t.Errorf("%s: noted as %q, want %q", r.name, got, want)
	}
	kept := text(t, db, `SELECT encode(body, 'escape') || source || code FROM relay.rejected WHERE request_id = $1`, id)
	if r.kept != (kept != "") || r.kept && kept != r.body+r.source+r.code {
		t.Errorf("%s: kept as %q", r.name, kept)
	}
}

const aCall = `{"type":"track","userId":"1","event":"E"}`

// TestEveryStatus has each line of the contract's table of statuses, against the
// whole relay.
func TestEveryStatus(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	const secret = "shared"
	signed := "Bearer " + strings.TrimSpace(relay.must("keys", "create", "signed", "--signing-secret-file", relay.writeFile("secret", secret)))
	server := relay.serve("--max-body", "64KiB", "--max-in-flight", "256KiB")
	const key, limit = "Bearer " + testKey, 64 << 10
	header := func(name, value string) http.Header { return http.Header{name: {value}} }
	fits, gzipHeader := aCall+strings.Repeat(" ", limit-len(aCall)), header("Content-Encoding", "gzip")
	for _, r := range []inbound{
		{name: "a call", path: "/connector/segment/", auth: key, body: aCall, status: 200, source: "env"},
		{name: "an array", path: "/connector/segment", auth: key, body: "[" + aCall + "," + aCall + "]", status: 200, source: "env"},
		{name: "signed", path: "/connector/segment", auth: signed, body: aCall, header: header("X-Signature", sign(aCall, secret)), status: 200, source: "signed"},
		{name: "an array, signed", path: "/connector/segment", auth: signed, body: "[" + aCall + ", 7 ]", header: header("X-Signature", sign(aCall, secret)), status: 200, source: "signed"},
		{name: "as large as may be", path: "/connector/segment", auth: key, body: fits, status: 200, source: "env"},
		{name: "as large as may be, compressed", path: "/v1/track", auth: key, body: compress(fits), header: gzipHeader, status: 200, source: "env"},
		{name: "no JSON", path: "/v1/track", auth: key, body: "nonsense", status: 400, code: "invalid_json", source: "env", kept: true},
		{name: "no usable call", path: "/connector/segment", auth: key, body: `[{"type":"nope"},7]`, status: 400, code: "no_usable_call", source: "env", kept: true},
		{name: "no key", path: "/connector/segment", body: aCall, status: 401, code: "unauthorized"},
		{name: "no key anywhere", path: "/v1/track", body: aCall, status: 401, code: "unauthorized"},
		{name: "an unknown key", path: "/v1/batch", auth: "Bearer unknown", body: aCall, status: 401, code: "unauthorized"},
		{name: "no signature", path: "/connector/segment", auth: signed, body: aCall, status: 403, code: "bad_signature", source: "signed", kept: true},
		{name: "a wrong signature", path: "/v1/track", auth: signed, body: aCall, header: header("X-Signature", sign(aCall, "another")), status: 403, code: "bad_signature", source: "signed", kept: true},
		{name: "a wrong method", method: "PUT", path: "/connector/segment", auth: key, body: aCall, status: 405, code: "method_not_allowed", source: "env"},
		{name: "a wrong method of a library", method: "GET", path: "/v1/track", auth: key, status: 405, code: "method_not_allowed", source: "env"},
		{name: "an unknown encoding", path: "/v1/track", auth: key, body: aCall, header: header("Content-Encoding", "br"), status: 415, code: "unsupported_encoding", source: "env"},
		{name: "too large", path: "/v1/track", auth: key, body: fits + " ", status: 413, code: "too_large", source: "env"},
		{name: "too large when decompressed", path: "/connector/segment", auth: key, body: compress(fits + " "), header: gzipHeader, status: 413, code: "too_large", source: "env"},
	} {
		r.check(t, db, r.do(t, server.address))
	}
	relay.whileTheLogIsLocked(func() {
		const room, more = 4, 2 // requests that may be in flight, and those beyond
		answers := make(chan answer, room+more)
		late := inbound{name: "too late", path: "/v1/track", auth: key, body: fits, status: 503, code: "unavailable", source: "env"}
		over := inbound{name: "too much at once", path: "/v1/track", auth: key, body: fits, status: 429, code: "overloaded", source: "env"}
		for range room + more {
			go func() {
				a, err := late.try(server.address)
				if err != nil {
					t.Error(err)
					a.Response = &http.Response{}
				}
				answers <- a
			}()
		}
		for i := range room + more { // the refused ones are first
			r := late
			if i < more {
				r = over
			}
			r.check(t, db, <-answers)
		}
	})
}

func compress(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // memory takes everything
	w.Close()
	return b.String()
}

// TestEveryRoute posts to each route of the contract in each way that it takes,
// and finds what was posted in the log, byte for byte.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	db := relay.open()
	server := relay.serve()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(testKey+":"))
	n := 0
	post := func(path, auth, body string, header http.Header) {
		t.Helper()
		n++
		sent := body
		if header.Get("Content-Encoding") == "gzip" {
			sent = compress(body)
		}
		r := inbound{name: path, path: path, auth: auth, body: sent, header: header, status: 200, source: "env"}
		a := r.do(t, server.address)
		r.check(t, db, a)
		got := text(t, db, `SELECT p.route || ' ' || convert_from(p.payload, 'UTF8') FROM relay.requests r JOIN relay.payloads p USING (log_offset) WHERE r.request_id = $1`, a.Header.Get("X-Request-Id"))
		if want := strings.TrimSuffix(path, "/") + " " + body; got != want {
			t.Errorf("in the log: %s\nwant %s", got, want)
		}
	}
	plain := http.Header{"Content-Type": {"text/plain"}}
	packed := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	for _, path := range []string{"/connector/segment", "/connector/segment/"} {
		post(path, "Bearer "+testKey, aCall, nil)
		post(path, "Bearer "+testKey, "["+aCall+"]", plain)
		post(path, "Bearer "+testKey, aCall, packed)
	}
	for _, name := range strings.Fields("identify track page screen group alias i t p s g a") {
		body := fmt.Sprintf(`{"writeKey":"%s","userId":"of %s","previousId":"x","event":"E"}`, testKey, name)
		post("/v1/"+name, "", body, plain)
		post("/v1/"+name, basic, body, packed)
		post("/v1/"+name+"/", "Bearer "+testKey, body, nil)
	}
	for _, name := range strings.Fields("batch import b") {
		body := fmt.Sprintf(`{"writeKey":"%s","context":{"ip":"203.0.113.7"},"sentAt":"2026-01-02T03:04:05Z","batch":[%s,%s]}`, testKey, aCall, aCall)
		post("/v1/"+name, "", body, plain)
		post("/v1/"+name, basic, body, packed)
		post("/v1/"+name+"/", "Bearer "+testKey, body, nil)
	}
	if got := text(t, db, `SELECT count(*) FROM relay.payloads`); got != fmt.Sprint(n) {
		t.Errorf("%s payloads, want %d", got, n)
	}
	settled(t, db)
	if got := text(t, db, `SELECT string_agg(DISTINCT distinct_id, ', ' ORDER BY distinct_id) FROM relay.events WHERE distinct_id LIKE 'of %'`); got != "of t, of track" {
		t.Errorf("the path gives the type: events of %s", got)
	}
	if got := text(t, db, `SELECT string_agg(distinct_id, ', ' ORDER BY distinct_id) FROM relay.profiles`); got != "of i, of identify" {
		t.Errorf("the path gives the type: profiles of %s", got)
	}
	preflight := inbound{name: "preflight", method: "OPTIONS", path: "/v1/t", header: http.Header{
		"Origin": {"https://shop.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type,x-retry-count"},
	}}
	if a := preflight.do(t, server.address); a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Origin") != "*" || a.text != "" {
		t.Errorf("preflight: status %d, %v, %s", a.StatusCode, a.Header, a.text)
	}
}

// TestUnusableCallsAreListed: a batch with unusable calls is accepted, and the
// answer lists those calls.
func TestUnusableCallsAreListed(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	server := relay.serve()
	r := inbound{path: "/v1/batch", auth: "Bearer " + testKey, body: `{"batch":[` + aCall + `,7,` + aCall + `,{"type":"track","event":"E"}]}`}
	a := r.do(t, server.address)
	if a.StatusCode != 200 || !a.Success || len(a.Rejected) != 2 || a.Rejected[0].Index != 1 || a.Rejected[1].Index != 3 || a.Rejected[1].Code != "no_id" || a.Rejected[1].Message == "" {
		t.Errorf("status %d, %s", a.StatusCode, a.text)
	}
	if a := (inbound{path: "/v1/batch", auth: r.auth, body: aCall}).do(t, server.address); a.text != `{"success":true}` {
		t.Errorf("all usable: %s", a.text)
	}
}
