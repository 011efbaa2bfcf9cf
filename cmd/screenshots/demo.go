package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"relay/adapters/postgres"
)

// demo is a relay that has seen a day of a shop.
type demo struct {
	relay *relay
	dir   string
	keys  map[string]string // by name
}

// The mappings that follow the first one.
const (
	withPrefix = `event_prefix: "segment : "
preferences: {language: language, timezone: tz}
channels: {email: email, sms: phone, slack_email: slack_email}
`
	withPages = withPrefix + "events: [track, page]\n"
)

// password opens the console in the picture of its login.
const password = "correct horse battery"

// play sends the day up to an hour ago, changes the mapping and applies it to
// the past, and sends the rest.
func (d *demo) play(ctx context.Context) error {
	if err := d.makeKeys(ctx); err != nil {
		return err
	}
	now, day := time.Now().Truncate(time.Minute), newDay()
	if err := d.send(ctx, day.hours(now, 24, 0)); err != nil {
		return err
	}
	if err := d.refused(ctx); err != nil {
		return err
	}
	if err := d.backdate(ctx, now); err != nil {
		return err
	}
	if err := d.apply(ctx, withPrefix, "Prefix, languages and Slack", "--reproject"); err != nil {
		return err
	}
	if err := d.apply(ctx, withPages, "Page views as events"); err != nil {
		return err
	}
	var last []sent
	for range 6 {
		last = append(last, day.payload(time.Now()))
	}
	return d.send(ctx, last)
}

// makeKeys makes a key for each source. The warehouse's has a signing secret, and
// the app's was rotated.
func (d *demo) makeKeys(ctx context.Context) error {
	secret := filepath.Join(d.dir, "secret")
	if err := os.WriteFile(secret, []byte("a-signing-secret-of-the-pictures"), 0o600); err != nil {
		return err
	}
	d.keys = map[string]string{}
	for _, args := range [][]string{
		{"create", "shop"}, {"create", "app"}, {"rotate", "app"}, {"create", "crm"},
		{"create", "warehouse", "--signing-secret-file", secret},
	} {
		key, err := d.relay.run(ctx, "", append([]string{"keys"}, args...)...)
		if err != nil {
			return err
		}
		d.keys[args[1]] = key
	}
	return nil
}

func (d *demo) send(ctx context.Context, all []sent) error {
	for _, s := range all {
		body, err := text(s.body)
		if err != nil {
			return err
		}
		status, err := d.relay.send(ctx, "POST", d.keys[s.source], body)
		if err != nil || status != 200 {
			return errors.Join(fmt.Errorf("%s: status %d", body, status), err)
		}
	}
	return nil
}

// refused sends requests that relay refuses.
func (d *demo) refused(ctx context.Context) error {
	for _, r := range []struct {
		method, source, body string
		headers              []string
		status               int
	}{
		{"POST", "app", `{"type":"track","userId":"u_1044","event":"Order Comp`, nil, 400},
		{"POST", "shop", `{"type":"purchase","userId":"u_1049","total":18.9}`, nil, 400},
		{
			"POST", "warehouse", `{"type":"track","userId":"u_1042","event":"Parcel Sent","properties":{"carrier":"DHL"}}`,
			[]string{"X-Signature", "00"}, 403,
		},
		{"POST", "warehouse", `{"type":"track","userId":"u_1046","event":"Parcel Sent","properties":{"carrier":"GLS"}}`, nil, 403},
		{"GET", "shop", "", nil, 405},
		{"POST", "app", "x", []string{"Content-Encoding", "br"}, 415},
		{"POST", "shop", `[{"type":"track","event":"Product Viewed"}]`, nil, 400},
	} {
		status, err := d.relay.send(ctx, r.method, d.keys[r.source], r.body, r.headers...)
		if err != nil || status != r.status {
			return errors.Join(fmt.Errorf("%s: status %d, want %d", r.body, status, r.status), err)
		}
	}
	return nil
}

// backdate spreads what was received just now over the day, as its calls say.
func (d *demo) backdate(ctx context.Context, now time.Time) error {
	url, err := d.relay.run(ctx, "", "url")
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, url, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		`UPDATE relay.log l
			SET received_at =
				coalesce(p.body ->> 'timestamp', p.body -> 'batch' -> 0 ->> 'timestamp')::timestamptz + interval '120 ms'
			FROM relay.payloads p WHERE p.log_offset = l."offset" AND $1::timestamptz IS NOT NULL`,
		`UPDATE relay_store.refused_requests r SET received_at = $1::timestamptz - n * n * interval '17 min 11 s'
			FROM (SELECT request_id, row_number() OVER (ORDER BY request_id DESC) AS n FROM relay_store.refused_requests) o
			WHERE o.request_id = r.request_id`,
		`UPDATE relay_store.rejected b SET received_at = r.received_at FROM relay_store.refused_requests r
			WHERE r.request_id = b.request_id AND $1::timestamptz IS NOT NULL`,
		// as made up as the calls: what a day of them makes on a small machine
		`INSERT INTO relay_store.live_lag (minute, seconds)
			SELECT m, 0.028 + 0.011 * sin(extract(epoch FROM m) / 5400) + 0.006 * abs(sin(extract(epoch FROM m) / 41))
			FROM generate_series(date_trunc('minute', $1::timestamptz) - interval '1 day', $1, '1 minute') m ON CONFLICT (minute) DO NOTHING`,
	} {
		if _, err := db.ExecContext(ctx, statement, now); err != nil {
			return fmt.Errorf("backdate: %w", err)
		}
	}
	return nil
}

// apply applies a mapping.
func (d *demo) apply(ctx context.Context, mapping, note string, more ...string) error {
	file := filepath.Join(d.dir, "mapping.yaml")
	if err := os.WriteFile(file, []byte(mapping), 0o600); err != nil {
		return err
	}
	_, err := d.relay.run(ctx, "", append([]string{"mapping", "apply", file, "--note", note}, more...)...)
	return err
}
