package webhook

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"relay/app"
	"relay/app/ingest"
)

// Signatures under the secret "shared", computed by another implementation.
const (
	callSigned  = "aa06b87156b55444d221dbbbe914b7b5e4c42789"
	callOlder   = "b787e3eb48bda8426ee0d0439f4cc469b73137eb" // under "older"
	wide        = "{\"type\":\"track\",\"userId\":\"1\",\"event\":\"Bestellt \u2013 \u00fc\U0001F600\"}"
	wideSigned  = "1a17c569125fd615b9c077b79876746bf0e01691"
	spaced      = "{ \"type\" : \"track\", \"userId\":\"1\",\n\"event\":\"[,]\"}"
	spaceSigned = "e4ae6c49f9f855f142544509ab53f0e81038b96f"
	emptySigned = "e6d36b2c4dc15ddfe5edd535e6dc4ef4215cd1e2" // []
	batchSigned = "9cecb2ef9fa7cf1e265f20819d91ea76421fd7f9" // {"batch":[call]}
)

func TestSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		body      string
		signature string
		status    int
	}{
		{"of a call", call, callSigned, 200},
		{"in upper case", call, strings.ToUpper(callSigned), 200},
		{"by an older secret", call, callOlder, 200},
		{"of wide characters", wide, wideSigned, 200},
		{"of a call with spaces", spaced, spaceSigned, 200},
		{"of an array of one", "[" + call + "]", callSigned, 200},
		{"of an array's first element", "[ \n" + spaced + " ,{\"type\":\"track\",\"userId\":\"2\",\"event\":\"F\"}]", spaceSigned, 200},
		{"of a batch", `{"batch":[` + call + `]}`, batchSigned, 200},
		{"of an empty array", "[]", emptySigned, 400},
		{"of an array's second element", "[" + wide + "," + call + "]", callSigned, 403},
		{"of the element, for a batch", `{"batch":[` + call + `]}`, callSigned, 403},
		{"of the call, with a space after it", call + " ", callSigned, 403},
		{"of something else", call, wideSigned, 403},
		{"cut", call, callSigned[:38], 403},
		{"with more", call, callSigned + "00", 403},
		{"not hex", call, "zz" + callSigned[2:], 403},
		{"empty", call, "", 403},
		{"before what the body holds is looked at", "nonsense", callSigned, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			reply, a := do(t, newServer(t, m, nil), request{auth: "Bearer signed", body: c.body, header: map[string]string{"X-Signature": c.signature}})
			if reply.StatusCode != c.status || (c.status == 403) != (a.Error.Code == "bad_signature") {
				t.Fatalf("status %d, %+v; want %d", reply.StatusCode, a, c.status)
			}
			if c.status == 403 && (len(m.rejected) != 1 || string(m.rejected[0].Body) != c.body || m.rejected[0].Source != "signed" || len(m.requests) != 1) {
				t.Errorf("kept %+v, noted %+v", m.rejected, m.requests)
			}
		})
	}
}

// TestSecretsThatChangeMeanwhile: before a payload is dropped, its key's secrets
// are asked for once more.
func TestSecretsThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	older := ingest.SigningSecret{ID: 1, Secret: []byte("older")}
	added := ingest.SigningSecret{ID: 7, Secret: []byte(signingSecret)}
	for _, c := range []struct {
		name    string
		change  func(m *memory)
		status  int
		signed  string
		rejects int
	}{
		{"the right one was added", func(m *memory) { m.keys["k"] = ingest.Key{SigningSecrets: []ingest.SigningSecret{older, added}} }, 200, "[7]", 0},
		{"all were removed", func(m *memory) { m.keys["k"] = ingest.Key{} }, 200, "[]", 0},
		{"nothing changed", func(*memory) {}, 403, "[]", 1},
		{"the key was revoked", func(m *memory) { delete(m.keys, "k") }, 401, "[]", 0},
		{"they cannot be asked for", func(m *memory) { m.find = func(context.Context) error { return app.ErrUnavailable } }, 503, "[]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			m.keys["k"] = ingest.Key{SigningSecrets: []ingest.SigningSecret{older}}
			m.meanwhile = func() { c.change(m) }
			reply, a := do(t, newServer(t, m, nil), request{auth: "Bearer k", body: call, header: map[string]string{"X-Signature": callSigned}})
			if reply.StatusCode != c.status || fmt.Sprint(m.signed) != c.signed || len(m.rejected) != c.rejects {
				t.Errorf("status %d, %+v; secrets %v used, %d bodies kept; want %d, %s, %d", reply.StatusCode, a, m.signed, len(m.rejected), c.status, c.signed, c.rejects)
			}
		})
	}
}

func TestSignatureIsThatOfTheDecodedBody(t *testing.T) {
	t.Parallel()
	reply, a := do(t, newServer(t, newMemory(), nil), request{auth: "Bearer signed", body: gzipped(call), header: map[string]string{
		"X-Signature": callSigned, "Content-Encoding": "gzip",
	}})
	if reply.StatusCode != 200 {
		t.Errorf("status %d, %+v", reply.StatusCode, a)
	}
}

// TestPublishedVector is test case 2 of RFC 2202.
func TestPublishedVector(t *testing.T) {
	t.Parallel()
	given, err := hex.DecodeString("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
	if err != nil || !isSignature(given, []byte("what do ya want for nothing?"), []byte("Jefe")) {
		t.Errorf("not signed; %v", err)
	}
}
