package segment

import "time"

// Problem is something in a call that had to be ignored. Detail names the field
// and never holds what a person sent.
type Problem struct {
	Code, Detail string
}

type callTimes struct {
	timestamp, original, sentAt, receivedAt Value
}

// earliest is what a corrected time is not before: the first year that every
// client of Postgres can show.
var earliest = InstantOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))

// ObservedAt returns when the call happened: its own time, corrected for clock
// skew where nobody did so yet, and never later than received. problems names
// the times that could not be read.
func (c *Call) ObservedAt(received Instant) (at Instant, problems []Problem) {
	read := func(v Value, field string) (Instant, bool) {
		if k := v.Kind(); k == Absent || k == Null {
			return 0, false
		}
		text, isText := v.Text()
		i, ok := ParseInstant(text)
		if !isText || !ok {
			problems = append(problems, Problem{"bad_time", field + " is not a time such as 2026-01-31T12:00:00Z"})
			return 0, false
		}
		return i, true
	}
	timestamp, hasTimestamp := read(c.times.timestamp, "timestamp")
	original, hasOriginal := read(c.times.original, "originalTimestamp")
	sentAt, hasSentAt := read(c.times.sentAt, "sentAt")
	_, corrected := read(c.times.receivedAt, "receivedAt")
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

// ParseInstant reads a time in the forms of RFC 3339 and ISO 8601 that rules.md
// lists: a calendar date in the extended form, alone or with hours and minutes
// at least; no zone means UTC. Digits beyond microseconds are cut off.
func ParseInstant(s string) (Instant, bool) {
	p := timeParser{rest: s, ok: true}
	year := p.number(4)
	p.byte("-")
	month := p.number(2)
	p.byte("-")
	day := p.number(2)
	if !p.ok || year == 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).UnixMicro()
	if p.rest == "" {
		return Instant(date), true
	}
	p.byte("Tt ")
	micros := p.clock() - p.zone()
	return Instant(date + micros), p.ok && p.rest == ""
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

type timeParser struct {
	rest string
	ok   bool
}

const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
)

// clock reads a time of day, in microseconds.
func (p *timeParser) clock() int64 {
	hours := p.number(2)
	p.byte(":")
	minutes := p.number(2)
	seconds, micros := 0, int64(0)
	if p.next(":") {
		p.byte(":")
		seconds = p.number(2)
		if p.next(".,") {
			micros = p.fraction()
		}
	}
	whole := hours == 24 && minutes == 0 && seconds == 0 && micros == 0
	if hours > 23 && !whole || minutes > 59 || seconds > 60 {
		p.ok = false
	}
	return int64(hours)*hour + int64(minutes)*minute + int64(seconds)*second + micros
}

// fraction reads what follows the seconds, in microseconds, the rest cut off.
func (p *timeParser) fraction() (micros int64) {
	p.byte(".,")
	n := 0
	for n < len(p.rest) && isDigit(p.rest[n]) {
		if n < 6 {
			micros = micros*10 + int64(p.rest[n]-'0')
		}
		n++
	}
	for i := n; i < 6; i++ {
		micros *= 10
	}
	if n == 0 {
		p.ok = false
	}
	p.rest = p.rest[n:]
	return micros
}

// zone reads an offset from UTC, in microseconds.
func (p *timeParser) zone() int64 {
	if p.rest == "" {
		return 0
	}
	if p.next("Zz") {
		p.byte("Zz")
		return 0
	}
	sign := int64(1)
	if p.next("-") {
		sign = -1
	}
	p.byte("+-")
	hours, minutes := p.number(2), 0
	if p.next(":") {
		p.byte(":")
		minutes = p.number(2)
	} else if p.rest != "" {
		minutes = p.number(2)
	}
	if hours > 23 || minutes > 59 {
		p.ok = false
	}
	return sign * (int64(hours)*hour + int64(minutes)*minute)
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func (p *timeParser) number(digits int) (n int) {
	if len(p.rest) < digits {
		p.ok = false
		return 0
	}
	for i := range digits {
		if !isDigit(p.rest[i]) {
			p.ok = false
			return 0
		}
		n = n*10 + int(p.rest[i]-'0')
	}
	p.rest = p.rest[digits:]
	return n
}

// next tells whether one of the bytes comes next.
func (p *timeParser) next(any string) bool {
	if p.rest == "" {
		return false
	}
	for i := range len(any) {
		if p.rest[0] == any[i] {
			return true
		}
	}
	return false
}

func (p *timeParser) byte(any string) {
	if !p.next(any) {
		p.ok = false
		return
	}
	p.rest = p.rest[1:]
}
