package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"relay/domain/segment"
)

// checkSignature checks X-Signature where the key asks for one. Often a signature is
// wrong because the secret was mistyped in relay, and the answer makes Segment drop
// the payload, so the body is kept. Before that the secrets are read again, in case
// the right one was added a moment ago.
func (x *exchange) checkSignature(ctx context.Context) error {
	if len(x.key.SigningSecrets) == 0 {
		return nil
	}
	header := strings.TrimSpace(x.r.Header.Get("X-Signature"))
	given, err := hex.DecodeString(header)
	if err != nil {
		given = nil // no signature at all
	}
	if x.isSigned(given) {
		return nil
	}
	if err := x.find(ctx); err != nil {
		return err
	}
	if len(x.key.SigningSecrets) == 0 || x.isSigned(given) {
		return nil
	}
	return x.reject(ctx, badSignature(header))
}

// isSigned reports whether any of the key's secrets gives the signature, and notes
// the use of that secret.
func (x *exchange) isSigned(given []byte) bool {
	text := signedText(x.body)
	for _, s := range x.key.SigningSecrets {
		if isSignature(given, text, s.Secret) {
			x.config.Keys.Signed(s.ID)
			return true
		}
	}
	return false
}

// signedText is what Segment signs of a body: all of it, or, of an array, its
// first element only.
func signedText(body []byte) []byte {
	if first := segment.FirstElement(body); first != nil {
		return first
	}
	return body
}

// isSignature reports whether the secret gives the signature of the text.
func isSignature(given, text, secret []byte) bool {
	var sum [sha1.Size]byte
	mac := hmac.New(sha1.New, secret)
	mac.Write(text)
	return hmac.Equal(mac.Sum(sum[:0]), given)
}
