package webhook

import (
	"context"
	"errors"
	"strings"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

// authenticateByHeader finds the key that the header shows. Where it shows none
// and the body may, that is left open.
func (x *exchange) authenticateByHeader() error {
	secret := x.headerKey()
	if secret == "" {
		if x.route.auth&inBody != 0 {
			return nil
		}
		return unauthorized("no key: send the header Authorization: Bearer KEY")
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
		return unauthorized("no key in the header, and none can be read from the body: " + err.Error())
	}
	if secret == "" {
		return noKey()
	}
	return x.find(ctx, secret)
}

func noKey() *reply {
	return unauthorized("no key: send it as the user name in Authorization: Basic, as Authorization: Bearer KEY, or as writeKey at the top of the body")
}

// find looks the key up.
func (x *exchange) find(ctx context.Context, secret string) error {
	x.secret = secret
	key, err := x.Keys.Find(ctx, secret)
	return x.found(key, err)
}

// findNow looks the key up again, for what was changed a moment ago.
func (x *exchange) findNow(ctx context.Context) error {
	key, err := x.Keys.FindNow(ctx, x.secret)
	return x.found(key, err)
}

func (x *exchange) found(key ingest.Key, err error) error {
	if errors.Is(err, app.ErrUnknownKey) {
		return unauthorized("no API key is like this one; relay keys list shows the names of those there are")
	}
	if err != nil {
		return err
	}
	x.key, x.known = key, true
	return nil
}

// headerKey returns the key in the header Authorization, "" for none that the
// route takes.
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
