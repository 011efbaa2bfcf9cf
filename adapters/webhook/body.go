package webhook

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"relay/app"
)

// flight counts the bytes of bodies that are held at once.
type flight struct {
	limit   int64
	bytes   atomic.Int64
	observe func(int64)
}

// take adds to the bytes held; false if there is no room.
func (f *flight) take(n int64) bool {
	now := f.bytes.Add(n)
	if now > f.limit && now != n { // a lone body always fits
		f.bytes.Add(-n)
		return false
	}
	f.observe(now)
	return true
}

func (f *flight) release(n int64) {
	if n > 0 {
		f.observe(f.bytes.Add(-n))
	}
}

// step is how many bytes are taken from the limit at a time where the length is
// not known ahead.
const step = 64 << 10

// hold takes room for a body of n bytes.
func (x *exchange) hold(n int64) error {
	for x.held < n {
		more := max(n-x.held, step)
		if !x.flight.take(more) {
			return app.ErrOverloaded
		}
		x.held += more
	}
	return nil
}

// readBody reads the whole body and takes off its content encoding.
func (x *exchange) readBody() error {
	encoding := strings.ToLower(strings.TrimSpace(x.r.Header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && encoding != "gzip" {
		return unsupportedEncoding(encoding)
	}
	if x.r.ContentLength > x.MaxBody {
		return tooLarge(x.MaxBody)
	}
	raw, err := x.readAll(x.r.Body, x.r.ContentLength)
	if err != nil {
		return err
	}
	x.body = raw
	if encoding != "gzip" {
		return nil
	}
	return x.decompress(raw)
}

func (x *exchange) decompress(raw []byte) error {
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		var body []byte
		if body, err = x.readAll(reader, -1); err == nil {
			x.body = body
			return nil
		}
	}
	var answer *reply
	if errors.As(err, &answer) || errors.Is(err, app.ErrOverloaded) {
		return err
	}
	return x.refuseEncoding(err)
}

// refuseEncoding keeps a body that says it is gzip and is not.
func (x *exchange) refuseEncoding(cause error) error {
	refusal := badEncoding(cause)
	err := x.Ingest.Keep(x.r.Context(), app.Inbound{
		RequestID: x.id, Source: x.key.Name, Route: x.route.name, ReceivedAt: x.started, Body: x.body,
	}, refusal.code, refusal.message)
	if err != nil {
		return unavailable(err)
	}
	return refusal
}

// readAll reads up to the limit; length, if not negative, is what to expect.
func (x *exchange) readAll(from io.Reader, length int64) ([]byte, error) {
	size := length
	if size < 0 {
		size = 4 << 10
	}
	already := x.held
	if err := x.hold(already + size); err != nil {
		return nil, err
	}
	body := make([]byte, 0, size+1)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
			if err := x.hold(already + int64(cap(body))); err != nil {
				return nil, err
			}
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > x.MaxBody {
			return nil, tooLarge(x.MaxBody)
		}
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errTruncated, err)
		}
	}
}
