package segment

// text lets a time be read out of a payload without a copy.
type text interface{ string | []byte }

const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// parseInstant reads a time in the forms of RFC 3339 and ISO 8601 that rule 7 of
// docs/rules.md lists: a calendar date in the extended form, alone or with hours
// and minutes at least; no zone means UTC. Digits beyond microseconds are cut off.
func parseInstant[T text](s T) (Instant, bool) {
	const date = len("2006-01-02")
	if len(s) < date {
		return 0, false
	}
	at, ok := parseDate(s[:date])
	if !ok || len(s) == date {
		return Instant(at), ok
	}
	if c := s[date]; c != 'T' && c != 't' && c != ' ' {
		return 0, false
	}
	clock, end, ok := parseClock(s[date+1:])
	if !ok {
		return 0, false
	}
	ahead, ok := parseZone(s[date+1+end:])
	return Instant(at + clock - ahead), ok
}

// parseDate reads a date of ten characters, in microseconds since 1970.
func parseDate[T text](s T) (int64, bool) {
	y, m, d := 100*twoDigits(s, 0)+twoDigits(s, 2), twoDigits(s, 5), twoDigits(s, 8)
	if s[4] != '-' || s[7] != '-' || y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return int64(daysBefore(y, m)+d-1) * day, true
}

// daysBeforeMonth counts a common year's days.
var daysBeforeMonth = [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int) int {
	days := daysBeforeMonth[month] - daysBeforeMonth[month-1]
	if month == 2 && isLeap(year) {
		days++
	}
	return days
}

// daysBefore counts the days from 1970-01-01 to the first of a month.
func daysBefore(year, month int) int {
	const daysBefore1970 = 719_162 // since 0001-01-01
	past := year - 1
	days := 365*past + past/4 - past/100 + past/400 + daysBeforeMonth[month-1]
	if month > 2 && isLeap(year) {
		days++
	}
	return days - daysBefore1970
}

// parseClock reads the time of day at the start of s, in microseconds, and
// returns the index after it.
func parseClock[T text](s T) (micros int64, end int, ok bool) {
	if len(s) < len("15:04") || s[2] != ':' {
		return 0, 0, false
	}
	h, m, sec, fraction := twoDigits(s, 0), twoDigits(s, 3), 0, int64(0)
	if end = len("15:04"); end < len(s) && s[end] == ':' {
		if end = len("15:04:05"); end > len(s) {
			return 0, 0, false
		}
		sec = twoDigits(s, end-2)
		if end < len(s) && (s[end] == '.' || s[end] == ',') {
			start := end + 1
			if fraction, end = parseFraction(s, start); end == start {
				return 0, 0, false
			}
		}
	}
	midnight := h == 24 && m == 0 && sec == 0 && fraction == 0
	ok = h >= 0 && (h <= 23 || midnight) && m >= 0 && m <= 59 && sec >= 0 && sec <= 60
	return int64(h)*hour + int64(m)*minute + int64(sec)*second + fraction, end, ok
}

// parseFraction reads the digits from i on as part of a second, in
// microseconds, and returns the index after them.
func parseFraction[T text](s T, i int) (micros int64, end int) {
	unit := second / 10
	for ; i < len(s) && isDigit(s[i]); i++ {
		micros += int64(s[i]-'0') * unit
		unit /= 10
	}
	return micros, i
}

// parseZone reads how far a zone is ahead of UTC, in microseconds.
func parseZone[T text](s T) (ahead int64, ok bool) {
	switch {
	case len(s) == 0, len(s) == 1 && (s[0] == 'Z' || s[0] == 'z'):
		return 0, true
	case len(s) < len("+00") || s[0] != '+' && s[0] != '-':
		return 0, false
	}
	h, m := twoDigits(s, 1), 0
	switch {
	case len(s) == len("+0000"):
		m = twoDigits(s, 3)
	case len(s) == len("+00:00") && s[3] == ':':
		m = twoDigits(s, 4)
	case len(s) != len("+00"):
		return 0, false
	}
	ahead = int64(h)*hour + int64(m)*minute
	if s[0] == '-' {
		ahead = -ahead
	}
	return ahead, h >= 0 && h <= 23 && m >= 0 && m <= 59
}

// twoDigits returns the number of two digits at i, or one so far below zero that
// no sum hides it.
func twoDigits[T text](s T, i int) int {
	if !isDigit(s[i]) || !isDigit(s[i+1]) {
		return -1_000_000
	}
	return int(s[i]-'0')*10 + int(s[i+1]-'0')
}
