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

// workspace is what a request needs to read its body; later requests use it
// again.
type workspace struct {
	parser  segment.Parser
	gzip    gzip.Reader
	sent    []byte // memory for the body as it was sent
	decoded []byte // memory for the body without its content encoding
}

// Memory in bytes.
const (
	firstMemory = 4 << 10  // for a body of unknown length
	keptMemory  = 64 << 10 // at most kept for later requests: nothing counts what is kept
)

// trim gives up memory that is too large to be kept.
func (s *workspace) trim() {
	for _, memory := range []*[]byte{&s.sent, &s.decoded} {
		if cap(*memory) > keptMemory {
			*memory = nil
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
	x.workspace = x.handler.workspaces.Get().(*workspace)
	x.body, err = x.readAll(x.r.Body, &x.workspace.sent, x.r.ContentLength)
	if errors.Is(err, errBroken) {
		return truncated()
	}
	return err
}

// decode takes off the body's content encoding. A body that cannot be decoded is
// rejected, and kept as it was sent.
func (x *exchange) decode(ctx context.Context) error {
	if !x.gzipped {
		return nil
	}
	body, err := x.gunzip()
	switch {
	case errors.Is(err, errBroken) && x.known:
		return x.reject(ctx, invalidEncoding(err))
	case errors.Is(err, errBroken):
		return noKey()
	case err != nil:
		return err
	}
	x.body = body
	return nil
}

func (x *exchange) gunzip() ([]byte, error) {
	if err := x.workspace.gzip.Reset(bytes.NewReader(x.body)); err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return x.readAll(&x.workspace.gzip, &x.workspace.decoded, -1)
}

// errBroken is what a source that fails before its end gives.
var errBroken = errors.New("the body ended early or is corrupt")

// readAll reads up to MaxBody bytes into memory, which it may replace by a larger
// one. length is how many to expect, negative if that is not known. The limit in
// flight is asked before memory is used.
func (x *exchange) readAll(from io.Reader, memory *[]byte, length int64) ([]byte, error) {
	before, body := x.held, (*memory)[:0]
	if length < 0 {
		length = int64(max(firstMemory, cap(body))) - 1
	}
	if err := x.hold(before + length); err != nil {
		return nil, err
	}
	body = slices.Grow(body, int(length)+1) // one more, to find the end
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > x.config.MaxBody:
			return nil, tooLarge(x.config.MaxBody)
		case err == io.EOF: // one that is wrapped is no clean end
			*memory = body
			return body, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
		if len(body) == cap(body) {
			more := min(int64(cap(body)), x.config.MaxBody+1-int64(len(body)))
			if err := x.hold(before + int64(cap(body)) + more); err != nil {
				return nil, err
			}
			body = slices.Grow(body, int(more))
		}
	}
}
