package segment

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseInstant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-01-31":                     "2026-01-31T00:00:00Z",
		"2026-01-31T12:30":               "2026-01-31T12:30:00Z",
		"2026-01-31 12:30:15":            "2026-01-31T12:30:15Z",
		"2026-01-31t12:30:15z":           "2026-01-31T12:30:15Z",
		"2026-01-31T12:30:15.1234569Z":   "2026-01-31T12:30:15.123456Z",
		"2026-01-31T12:30:15,5+02:00":    "2026-01-31T10:30:15.5Z",
		"2026-01-31T12:30-0530":          "2026-01-31T18:00:00Z",
		"2026-01-31T12:30:15+02":         "2026-01-31T10:30:15Z",
		"2026-12-31T23:59:60Z":           "2027-01-01T00:00:00Z",
		"2026-12-31T24:00":               "2027-01-01T00:00:00Z",
		"2024-02-29":                     "2024-02-29T00:00:00Z",
		"0001-01-01":                     "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z": "9999-12-31T23:59:59.999999Z",
		"1969-12-31T23:59:59.9999999Z":   "1969-12-31T23:59:59.999999Z",
		"":                               "", "2026": "", "2026-01": "", "2026-1-1": "", "20260131": "", "2026-02-30": "", "2026-13-01": "", "2026-00-10": "", "0000-01-01": "",
		"2026-01-31T12": "", "2026-01-31T12:30:15.": "", "2026-01-31T25:00": "", "2026-01-31T24:01": "", "2026-01-31T12:60": "", "2026-01-31T12:30:61": "",
		"2026-01-31Z": "", "2026-01-31T12:30 Z": "", "2026-01-31  12:30": "", "2026-01-31T12:30+24:00": "", "2026-01-31T12:30+1": "", "2026-01-31T12:30Zx": "", " 2026-01-31": "", "2026-W05-6": "", "2026-031": "", "1767225600": "", "-2026-01-01": "", "２026-01-01": "",
	} {
		got, ok := parseInstant(text)
		if ok != (want != "") || ok && got.Time().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %s %v, want %q", text, got.Time().Format(time.RFC3339Nano), ok, want)
		}
	}
}

// TestTheCalendar: leap years, and the days around their 29th of February.
func TestTheCalendar(t *testing.T) {
	t.Parallel()
	for year := 1; year <= 9999; year++ {
		for _, date := range [...]string{"01-01", "02-28", "02-29", "03-01", "12-31"} {
			text := fmt.Sprintf("%04d-%s", year, date)
			want, err := time.Parse(time.DateOnly, text)
			if got, ok := parseInstant(text); ok != (err == nil) || ok && got != InstantOf(want) {
				t.Errorf("%s: %d %v, want %d", text, got, ok, InstantOf(want))
			}
		}
	}
}

func TestParseInstantReadsWhatGoWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62_000_000_000, 250_000_000_000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).
			In(time.FixedZone("", 60*rapid.IntRange(-1439, 1439).Draw(t, "zone")))
		got, ok := parseInstant(at.Format(time.RFC3339Nano))
		if !ok || got != InstantOf(at) {
			t.Fatalf("%s: %d %v, want %d", at.Format(time.RFC3339Nano), got, ok, InstantOf(at))
		}
	})
}

func FuzzInstant(f *testing.F) {
	f.Add("2026-01-31T12:30:15.1234569Z")
	f.Add("2026-12-31 24:00-12")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseInstant(s)
		// Go also reads hours of one digit.
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil && at.Year() > 0 && s[13] == ':' && (!ok || got != InstantOf(at)) {
			t.Fatalf("%q: %d %v, Go reads %v", s, got, ok, at)
		}
	})
}

func TestObservedAt(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		members, want string
		problems      int
	}{
		{``, "12:00:00", 0},
		{`,"timestamp":"2026-01-01T11:00:00Z"`, "11:00:00", 0},
		{`,"timestamp":"2026-01-01T13:00:00Z"`, "12:00:00", 0},
		{`,"originalTimestamp":"2026-01-01T11:00:00Z"`, "11:00:00", 0},
		{`,"timestamp":"2026-01-01T11:30:00Z","originalTimestamp":"2026-01-01T11:00:00Z"`, "11:30:00", 0},
		{`,"timestamp":"2026-01-01T11:30:00Z","originalTimestamp":"2026-01-01T11:00:00Z","sentAt":"2026-01-01T11:00:10Z"`, "11:59:50", 0},
		{`,"timestamp":"2026-01-01T11:30:00Z","sentAt":"2026-01-01T11:30:20Z"`, "11:59:40", 0},
		{`,"timestamp":"2026-01-01T11:30:00Z","sentAt":"2026-01-01T11:30:20Z","receivedAt":"2026-01-01T11:30:30Z"`, "11:30:00", 0},
		{`,"timestamp":"2026-01-01T11:30:00Z","sentAt":"2026-01-01T11:30:20Z","receivedAt":"bad"`, "11:59:40", 1},
		{`,"timestamp":"2026-01-01T11:30:00Z","sentAt":"2026-01-01T11:30:20Z","receivedAt":null`, "11:59:40", 0},
		{`,"timestamp":"2026-01-01T11:30:00Z","sentAt":"2026-01-01T11:20:00Z"`, "12:00:00", 0},
		{`,"sentAt":"2026-01-01T11:00:00Z"`, "12:00:00", 0},
		{`,"timestamp":5,"originalTimestamp":"x","sentAt":{},"receivedAt":[]`, "12:00:00", 4},
		{`,"timestamp":"bad","originalTimestamp":"2026-01-01T10:00:00Z"`, "10:00:00", 1},
		{`,"timestamp":"2026-01-01T11\u003a00:00Z"`, "11:00:00", 0},
		{`,"timestamp":"2026-01-01T11:00:00.0000019Z","sentAt":"2026-01-01T11:00:00.0000020Z"`, "11:59:59", 0},
	} {
		p, err := new(Parser).Parse([]byte(`{"type":"track","userId":"1"`+c.members+`}`), 0)
		if err != nil {
			t.Fatal(err)
		}
		at, problems := p.Calls[0].ObservedAt(InstantOf(received))
		if got := at.Time().Format("15:04:05"); got != c.want || len(problems) != c.problems {
			t.Errorf("%s: %s, %v; want %s and %d problems", c.members, got, problems, c.want, c.problems)
		}
	}
}

func TestABatchGivesItsSentAt(t *testing.T) {
	t.Parallel()
	received := InstantOf(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	body := `{"sentAt":"2026-01-01T11:00:10Z","batch":[{"type":"track","userId":"1","timestamp":"2026-01-01T11:00:00Z"%s}]}`
	for own, want := range map[string]string{``: "11:59:50", `,"sentAt":null`: "11:59:50", `,"sentAt":"2026-01-01T11:00:05Z"`: "11:59:55", `,"sentAt":"bad"`: "11:00:00"} {
		p, err := new(Parser).Parse(fmt.Appendf(nil, body, own), 0)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := p.Calls[0].ObservedAt(received)
		if got := at.Time().Format("15:04:05"); got != want {
			t.Errorf("own sentAt %q: %s, want %s", own, got, want)
		}
	}
}

// TestObservedAtBeforeTheFirstYear: a corrected time stays one that clients of
// Postgres can show.
func TestObservedAtBeforeTheFirstYear(t *testing.T) {
	t.Parallel()
	body := `{"type":"track","userId":"1","originalTimestamp":"0001-01-01","sentAt":"9999-12-31"}`
	p, err := new(Parser).Parse([]byte(body), 0)
	if err != nil {
		t.Fatal(err)
	}
	if at, problems := p.Calls[0].ObservedAt(0); at != earliest || problems != nil {
		t.Errorf("%s, %v", at.Time(), problems)
	}
}

// TestProblemsNameTheField and nothing that a person sent.
func TestProblemsNameTheField(t *testing.T) {
	t.Parallel()
	p, err := new(Parser).Parse([]byte(`{"type":"track","userId":"1","timestamp":"secret","sentAt":17}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, problems := p.Calls[0].ObservedAt(0)
	want := "[{bad_time timestamp is not a time such as 2026-01-31T12:00:00Z} {bad_time sentAt is not a time such as 2026-01-31T12:00:00Z}]"
	if got := fmt.Sprint(problems); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
