package webhook

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"relay/domain/segment"
)

// desk is what a request with a body works on; later requests use it again.
type desk struct {
	parser  segment.Parser
	gzip    gzip.Reader
	sent    []byte // room for the body as it was sent
	decoded []byte // room for the body without its content encoding
}

// Room in bytes.
const (
	firstRoom = 4 << 10  // for a body of unknown length
	keptRoom  = 64 << 10 // at most kept on a desk: memory there is no longer counted
)

// clear readies the desk for the next request.
func (d *desk) clear() {
	for _, room := range []*[]byte{&d.sent, &d.decoded} {
		if cap(*room) > keptRoom {
			*room = nil
		}
	}
}

// isGzip reads Content-Encoding: one gzip, or nothing.
func isGzip(h http.Header) (bool, error) {
	lines := h.Values("Content-Encoding")
	if len(lines) == 0 {
		return false, nil
	}
	whole := strings.Join(lines, ",")
	gzipped := false
	for coding := range strings.SplitSeq(strings.ToLower(whole), ",") {
		switch strings.TrimSpace(coding) {
		case "", "identity":
		case "gzip", "x-gzip":
			if gzipped {
				return false, unsupportedEncoding(whole)
			}
			gzipped = true
		default:
			return false, unsupportedEncoding(whole)
		}
	}
	return gzipped, nil
}

// readBody reads the whole body as it was sent.
func (x *exchange) readBody() (err error) {
	x.desk = x.desks.Get().(*desk)
	x.body, err = x.readAll(x.r.Body, &x.desk.sent, x.r.ContentLength)
	if errors.Is(err, errBroken) {
		return truncated()
	}
	return err
}

// decode takes off the body's content encoding. A body that cannot be decoded
// is kept as it was sent.
func (x *exchange) decode(ctx context.Context) error {
	if !x.gzipped {
		return nil
	}
	body, err := x.gunzip()
	switch {
	case errors.Is(err, errBroken) && x.known:
		return x.keep(ctx, invalidEncoding(err))
	case errors.Is(err, errBroken):
		return noKey()
	case err != nil:
		return err
	}
	x.body = body
	return nil
}

func (x *exchange) gunzip() ([]byte, error) {
	if err := x.desk.gzip.Reset(bytes.NewReader(x.body)); err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return x.readAll(&x.desk.gzip, &x.desk.decoded, -1)
}

// errBroken is what a source that fails before its end gives.
var errBroken = errors.New("the body ended early or is corrupt")

// readAll reads up to MaxBody into room, which it may replace by a larger one.
// length is what to expect, negative if that is not known. Memory is taken from
// the limit in flight before it is used.
func (x *exchange) readAll(from io.Reader, room *[]byte, length int64) ([]byte, error) {
	before, body := x.held, (*room)[:0]
	if length < 0 {
		length = int64(max(firstRoom, cap(body))) - 1
	}
	if err := x.hold(before + length); err != nil {
		return nil, err
	}
	body = slices.Grow(body, int(length)+1) // one more, to find the end
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > x.MaxBody:
			return nil, tooLarge(x.MaxBody)
		case err == io.EOF: // one that is wrapped is no clean end
			*room = body
			return body, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
		if len(body) == cap(body) {
			more := min(int64(cap(body)), x.MaxBody+1-int64(len(body)))
			if err := x.hold(before + int64(cap(body)) + more); err != nil {
				return nil, err
			}
			body = slices.Grow(body, int(more))
		}
	}
}
