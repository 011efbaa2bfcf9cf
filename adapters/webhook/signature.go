package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"relay/domain/segment"
)

// checkSignature looks at X-Signature where the key asks for one. A wrong one is
// often a secret that was mistyped here, and the answer makes Segment drop the
// payload, so the body is kept.
func (x *exchange) checkSignature(ctx context.Context) error {
	if len(x.key.SigningSecrets) == 0 {
		return nil
	}
	header := strings.TrimSpace(x.r.Header.Get("X-Signature"))
	given, err := hex.DecodeString(header)
	if err == nil && isSigned(given, signedText(x.body), x.key.SigningSecrets) {
		return nil
	}
	return x.keep(ctx, badSignature(header))
}

// signedText is what Segment signs of a body: all of it, or, of an array, its
// first element only.
func signedText(body []byte) []byte {
	if first := segment.FirstElement(body); first != nil {
		return first
	}
	return body
}

// isSigned tells whether any of the secrets gives the signature of the text.
func isSigned(given, text []byte, secrets [][]byte) bool {
	var sum [sha1.Size]byte
	for _, secret := range secrets {
		mac := hmac.New(sha1.New, secret)
		mac.Write(text)
		if hmac.Equal(mac.Sum(sum[:0]), given) {
			return true
		}
	}
	return false
}
