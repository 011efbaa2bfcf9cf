package webhook

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequest: whatever comes, the answer is one of the contract's, and only a
// 200 has an entry in the log.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/connector/segment", "Bearer good", "gzip", "", gzipped(call))
	f.Add("POST", "/connector/segment/", "Bearer signed", "", callSigned, `[`+call+`]`)
	f.Add("POST", "/v1/track", basicAuth("good:"), "identity", "", `{"userId":1}`)
	f.Add("POST", "/v1/b", "", "", "", `{"writeKey":"good","batch":[`+call+`,7]}`)
	f.Add("OPTIONS", "/v1/t", "", "", "", "")
	f.Add("GET", "/", "", "br", "", "")
	statuses := map[int]bool{200: true, 204: true, 400: true, 401: true, 403: true, 404: true, 405: true, 413: true, 415: true}
	f.Fuzz(func(t *testing.T, method, path, auth, encoding, signature, body string) {
		m := newMemory()
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Method, r.URL.Path = method, path
		r.Header.Set("Authorization", auth)
		r.Header.Set("Content-Encoding", encoding)
		r.Header.Set("X-Signature", signature)
		w := httptest.NewRecorder()
		newHandler(t, m, nil).ServeHTTP(w, r)
		if !statuses[w.Code] || w.Header().Get("X-Request-Id") == "" || w.Code != 204 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("status %d, %q", w.Code, w.Body)
		}
		if len(m.entries) == 1 != (w.Code == 200) || m.inFlight != 0 || w.Code == 401 && len(m.rejected)+len(m.requests) != 0 {
			t.Errorf("status %d, %d entries, %d kept, %d noted, %d in flight", w.Code, len(m.entries), len(m.rejected), len(m.requests), m.inFlight)
		}
	})
}
