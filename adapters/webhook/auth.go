package webhook

import (
	"context"
	"errors"
	"strings"

	"relay/app"
	"relay/domain/segment"
)

// authenticateByHeader finds the key in the header. A request without one passes
// if the route also looks for the key in the body.
func (x *exchange) authenticateByHeader() error {
	secret := x.headerKey()
	if secret == "" {
		if x.route.auth&inBody != 0 {
			return nil
		}
		return unauthorized("no API key: send the header Authorization: Bearer KEY")
	}
	if x.isKnown(secret) {
		return nil
	}
	ctx, done := x.work()
	defer done()
	return x.find(ctx)
}

// authenticateByBody finds the key in the body if the header showed none.
func (x *exchange) authenticateByBody(ctx context.Context) error {
	if x.known {
		return nil
	}
	secret, err := writeKey(x.body)
	if err != nil {
		return unauthorized("no API key in the header, and the body is not JSON to read one from: " + err.Error())
	}
	if secret == "" {
		return noKey()
	}
	if x.isKnown(secret) {
		return nil
	}
	return x.find(ctx)
}

func noKey() *reply {
	return unauthorized("no API key: send it as the user name in Authorization: Basic, as Authorization: Bearer KEY, " +
		"or as writeKey at the top of the body")
}

// isKnown takes the key from memory if it is there.
func (x *exchange) isKnown(secret string) bool {
	x.secret = secret
	x.key, x.known = x.config.Keys.Known(secret)
	return x.known
}

// find looks the key up as it is at this moment.
func (x *exchange) find(ctx context.Context) error {
	key, err := x.config.Keys.Find(ctx, x.secret)
	if errors.Is(err, app.ErrUnknownKey) {
		return unauthorized("unknown API key; relay keys list shows the names of all keys")
	}
	if err != nil {
		return err
	}
	x.key, x.known = key, true
	return nil
}

// headerKey returns the key in the header Authorization; "" if there is none, or
// not in a way that the route accepts.
func (x *exchange) headerKey() string {
	scheme, rest, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer") && x.route.auth&bearer != 0:
		return strings.TrimSpace(rest)
	case strings.EqualFold(scheme, "Basic") && x.route.auth&basic != 0:
		user, _, _ := x.r.BasicAuth()
		return user
	}
	return ""
}

// writeKey returns the member writeKey of an object, "" for none.
func writeKey(body []byte) (string, error) {
	object, err := segment.ValueOf(body)
	if err != nil {
		return "", err
	}
	member, _ := object.Get("writeKey")
	text, _ := member.Text()
	return text, nil
}
