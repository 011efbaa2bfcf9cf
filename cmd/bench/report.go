package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report holds all that was measured, and prints tables as the documentation shows
// them.
type report struct {
	results []result
	replays []replay
	loads   []load
	kills   []kills
}

// print prints the tables that have figures.
func (r *report) print(serverVersion string) {
	fmt.Printf("\n%d cores shared by load, relay and PostgreSQL %s; %s; %s\n",
		runtime.NumCPU(), serverVersion, runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	printTable(rateColumns, rows(r.results, func(one result) []string { return one.row(r.results) }))
	printTable(replayColumns, rows(r.replays, func(one replay) []string { return one.row(r.replays) }))
	printTable(killColumns, rows(r.kills, kills.row))
	printTable(loadColumns, rows(r.loads, func(one load) []string { return one.row(r.loads) }))
}

// rows are the rows of a table, those of one measure together, whatever size
// they were measured with.
func rows[T any](list []T, row func(T) []string) [][]string {
	first := map[string]int{}
	texts := make([][]string, len(list))
	for i, one := range list {
		texts[i] = row(one)
		if _, known := first[texts[i][0]]; !known {
			first[texts[i][0]] = i
		}
	}
	slices.SortStableFunc(texts, func(a, b []string) int { return cmp.Compare(first[a[0]], first[b[0]]) })
	return texts
}

// printTable prints a table in Markdown. Columns whose name begins with a space
// hold numbers.
func printTable(columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	var names, lines []string
	for _, name := range columns {
		names = append(names, strings.TrimSpace(name))
		lines = append(lines, map[bool]string{true: "---:", false: "---"}[strings.HasPrefix(name, " ")])
	}
	fmt.Println()
	for _, cells := range append([][]string{names, lines}, rows...) {
		fmt.Printf("| %s |\n", strings.Join(cells, " | "))
	}
}

// result is one measured way of doing something with so many rows or calls.
type result struct {
	what, way string
	calls     int // in the log
	n         int
	unit      string
	took      time.Duration
}

var rateColumns = []string{"what", "way", " calls in the log", " rate", " ratio"}

func (r result) rate() float64 { return float64(r.n) / r.took.Seconds() }

func (r result) rateText() string { return fmt.Sprintf("%.0f %s/s", r.rate(), r.unit) }

func (r result) row(all []result) []string {
	return []string{r.what, r.way, fmt.Sprint(r.calls), r.rateText(), fmt.Sprintf("%.2f", r.ratio(all))}
}

// ratio compares with the first way of the same thing, which is relay's.
func (r result) ratio(all []result) float64 {
	for _, other := range all {
		if other.what == r.what && other.calls == r.calls {
			return r.rate() / other.rate()
		}
	}
	return 1
}

// measure times one way and notes the result.
func (b *bench) measure(what, way, unit string, n int, do func() error) error {
	runtime.GC()
	took, err := timed(do)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", what, way, err)
	}
	b.note(result{what: what, way: way, unit: unit, n: n, took: took})
	return nil
}

func timed(do func() error) (time.Duration, error) {
	started := time.Now()
	err := do()
	return time.Since(started), err
}

func (b *bench) note(r result) {
	r.calls = b.calls
	b.report.results = append(b.report.results, r)
	say("%s, %s: %s in %.1f s", r.what, r.way, r.rateText(), r.took.Seconds())
}

// say prints what was measured just now, for whoever waits.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// orDash returns a figure's text; a dash if there is no figure.
func orDash[T cmp.Ordered](format string, value T) string {
	var none T
	if value == none {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

// milliseconds returns a duration as text for a table, a short one with more
// digits.
func milliseconds(d time.Duration) string {
	digits := 1
	if d < 10*time.Millisecond {
		digits = 2
	}
	return fmt.Sprintf("%.*f", digits, d.Seconds()*1000)
}
