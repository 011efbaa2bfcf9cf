package segment

import "time"

// Problem is a value in a call that was ignored. Detail names the field and never
// contains a value that a person sent.
type Problem struct {
	Code, Detail string
}

type callTimes struct {
	timestamp, original, sentAt, receivedAt Value
}

// sentBy gives the call the batch's sentAt if it has none.
func (t *callTimes) sentBy(batch Value) {
	if !t.sentAt.given() {
		t.sentAt = batch
	}
}

// given reports whether the value is neither absent nor null.
func (v Value) given() bool {
	k := v.Kind()
	return k != Absent && k != Null
}

// earliest bounds corrected times: the start of the first year that every client of
// Postgres can show.
var earliest = InstantOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))

// ObservedAt returns when the call happened: its own time, corrected for clock
// skew where nobody did so yet, and never later than received. problems names
// the times that could not be read.
func (c *Call) ObservedAt(received Instant) (at Instant, problems []Problem) {
	timestamp, hasTimestamp, problems := c.times.timestamp.readTime("timestamp", nil)
	original, hasOriginal, problems := c.times.original.readTime("originalTimestamp", problems)
	sentAt, hasSentAt, problems := c.times.sentAt.readTime("sentAt", problems)
	_, corrected, problems := c.times.receivedAt.readTime("receivedAt", problems)
	if !hasTimestamp && !hasOriginal {
		return received, problems
	}
	at = timestamp
	if !hasTimestamp {
		at = original
	}
	if !corrected && hasSentAt {
		if !hasOriginal {
			original = timestamp
		}
		at = received - (sentAt - original)
	}
	return max(min(at, received), earliest), problems
}

// readTime reads a field's time, and adds to problems if there is one that
// cannot be read.
func (v Value) readTime(field string, problems []Problem) (at Instant, ok bool, _ []Problem) {
	if !v.given() {
		return 0, false, problems
	}
	if inner, verbatim := v.verbatim(); verbatim {
		at, ok = parseInstant(inner)
	} else if text, isText := v.Text(); isText {
		at, ok = parseInstant(text)
	}
	if !ok {
		problems = append(problems, Problem{"bad_time", field + " is not a time such as 2026-01-31T12:00:00Z"})
	}
	return at, ok, problems
}
