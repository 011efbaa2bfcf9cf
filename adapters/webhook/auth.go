package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"strings"

	"relay/app"
	"relay/domain/segment"
)

// authenticate finds the key that the request shows.
func (x *exchange) authenticate() error {
	secret, ok := bearer(x.r.Header.Get("Authorization"))
	if !ok {
		return unauthorized("send the header Authorization: Bearer KEY")
	}
	key, err := x.Keys.Find(x.r.Context(), secret)
	if errors.Is(err, app.ErrUnknownKey) {
		return unauthorized("no API key is like this one; relay keys list shows the names of those there are")
	}
	if err != nil {
		return err
	}
	x.key, x.known = key, true
	return nil
}

func bearer(header string) (string, bool) {
	scheme, secret, ok := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	return secret, ok && secret != "" && strings.EqualFold(scheme, "Bearer")
}

// checkSignature looks at X-Signature where the key asks for one. A wrong one is
// often a secret that was mistyped here, and the answer makes Segment drop the
// payload, so the body is kept.
func (x *exchange) checkSignature(ctx context.Context, in app.Inbound) error {
	if len(x.key.SigningSecrets) == 0 {
		return nil
	}
	given, err := hex.DecodeString(strings.TrimSpace(x.r.Header.Get("X-Signature")))
	if err == nil && signed(given, x.body, x.key.SigningSecrets) {
		return nil
	}
	refusal := badSignature(x.r.Header.Get("X-Signature"))
	if err := x.Ingest.Keep(ctx, in, refusal.code, refusal.message); err != nil {
		return unavailable(err)
	}
	return refusal
}

// signed tells whether any of the secrets gives the signature: HMAC-SHA1 of the
// body, or, for an array, of its first element, which is all that Segment signs.
func signed(given, body []byte, secrets [][]byte) bool {
	texts := [][]byte{body}
	if first := segment.FirstElement(body); first != nil {
		texts[0] = first
	}
	for _, secret := range secrets {
		for _, text := range texts {
			mac := hmac.New(sha1.New, secret)
			mac.Write(text)
			if hmac.Equal(mac.Sum(nil), given) {
				return true
			}
		}
	}
	return false
}
