package webhook

import (
	"context"
	"errors"
	"strings"

	"relay/app"
	"relay/app/ingest"
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
	ctx, done := x.work()
	defer done()
	return x.find(ctx, secret)
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
	return x.find(ctx, secret)
}

func noKey() *reply {
	return unauthorized("no API key: send it as the user name in Authorization: Basic, as Authorization: Bearer KEY, or as writeKey at the top of the body")
}

// find looks the key up.
func (x *exchange) find(ctx context.Context, secret string) error {
	x.secret = secret
	key, err := x.config.Keys.Find(ctx, secret)
	return x.found(key, err)
}

// findNow looks the key up again, as it is at this moment.
func (x *exchange) findNow(ctx context.Context) error {
	key, err := x.config.Keys.FindNow(ctx, x.secret)
	return x.found(key, err)
}

func (x *exchange) found(key ingest.Key, err error) error {
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
