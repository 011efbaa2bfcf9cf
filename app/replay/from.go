package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"relay/app"
	"relay/domain/eventlog"
)

// From says where a re-projection begins: at a log offset, at a time of receipt,
// or where a mapping version came into force.
type From struct {
	text    string
	offset  eventlog.Offset
	at      time.Time
	version int
	log     TimeFinder
}

// TimeFinder finds offsets by time.
type TimeFinder interface {
	// FirstAt returns the first offset that was received at or after the time; if
	// there is none, the offset after the log's last one.
	FirstAt(ctx context.Context, tx app.Tx, at time.Time) (eventlog.Offset, error)
}

// ErrBadFrom is returned by ParseFrom for a text that it cannot read.
var ErrBadFrom = errors.New("--from takes: beginning, a log offset such as 1200, a time such as 2026-01-31T12:00:00Z, or mapping:N")

// ParseFrom reads a value of the flag --from. log finds the offsets of times when
// a plan is made.
func ParseFrom(text string, log TimeFinder) (From, error) {
	f := From{text: text, log: log}
	if text == "beginning" {
		f.offset = eventlog.FirstOffset
		return f, nil
	}
	if number, ok := strings.CutPrefix(text, "mapping:"); ok {
		version, err := strconv.Atoi(number)
		if err != nil || version < 1 {
			return f, fmt.Errorf("%w; got %q", ErrBadFrom, text)
		}
		f.version = version
		return f, nil
	}
	if offset, err := strconv.ParseInt(text, 10, 64); err == nil {
		if offset < int64(eventlog.FirstOffset) {
			return f, fmt.Errorf("%w; offsets begin at %d, got %q", ErrBadFrom, eventlog.FirstOffset, text)
		}
		f.offset = eventlog.Offset(offset)
		return f, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return f, fmt.Errorf("%w; got %q", ErrBadFrom, text)
	}
	f.at = at
	return f, nil
}

// String returns the text that was parsed.
func (f From) String() string { return f.text }

// resolve returns the log offset, for the chosen projections and the log as the
// transaction sees it.
func (f From) resolve(
	ctx context.Context, tx app.Tx, h app.History, head eventlog.Offset, chosen []app.Projection,
) (eventlog.Offset, error) {
	switch {
	case f.version > 0:
		return f.startOf(h, chosen)
	case !f.at.IsZero():
		return f.log.FirstAt(ctx, tx, f.at)
	case f.offset > head+1:
		return 0, fmt.Errorf("--from %s is beyond the log, which ends at offset %d", f.text, head)
	}
	return f.offset, nil
}

// startOf returns the least offset from which the version is in force for any of
// the chosen projections. If no timeline has the version any more, it is the
// offset at which the version was applied.
func (f From) startOf(h app.History, chosen []app.Projection) (eventlog.Offset, error) {
	if _, known := h.Versions[f.version]; !known {
		return 0, fmt.Errorf("%w: mapping version %d; the latest is %d", app.ErrNotFound, f.version, h.Latest())
	}
	var first eventlog.Offset
	for _, p := range chosen {
		if start, ok := h.Timelines.Of(p.Name).Start(f.version); ok && (first == 0 || start < first) {
			first = start
		}
	}
	if first == 0 {
		first = h.Activated[f.version]
	}
	return first, nil
}
