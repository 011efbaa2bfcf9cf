package main

import (
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

var selfPID = os.Getpid()

// load is a target under one kind of load, and what came of it.
type load struct {
	what, target string
	inLog        int // calls
	calls        int // in a request
	outcome      *outcome
	lag          *hdrhistogram.Histogram // of live projections; nil or empty where there are none
	spent        cores
	peak         float64 // MiB of the target
}

var loadColumns = []string{
	"ingest", "target", " calls/s", " ÷ discard", " p50 ms", " p99 ms", " max ms", " live lag p50 ms", " live lag p99 ms",
	" target µs/call", " Postgres µs/call", " load µs/call", " peak MiB", " refused", " wrong",
}

// name is what the target is called in the table.
func (l load) name() string {
	switch l.target {
	case discard:
		return "handler that discards"
	case watermillDefault:
		return "Watermill's default publisher"
	}
	return l.target
}

// rate is accepted calls a second.
func (l load) rate() float64 { return l.outcome.rate() * float64(l.calls) }

func (l load) row(all []load) []string {
	return []string{
		l.what, l.name(), fmt.Sprintf("%.0f", l.rate()), l.ratio(all),
		milliseconds(quantile(l.outcome.accepted, 50)), milliseconds(quantile(l.outcome.accepted, 99)), milliseconds(longest(l.outcome.accepted)),
		l.lagText(50), l.lagText(99), l.spentText(l.spent.target), l.spentText(l.spent.postgres), l.spentText(l.spent.self),
		orDash("%.0f", l.peak), fmt.Sprint(l.outcome.refused), fmt.Sprint(l.outcome.wrong),
	}
}

// ratio compares with the handler that discards.
func (l load) ratio(all []load) string {
	for _, other := range all {
		if other.what == l.what && other.target == discard && other.inLog == l.inLog {
			return fmt.Sprintf("%.2f", l.rate()/other.rate())
		}
	}
	return "-"
}

func (l load) lagText(percent float64) string {
	if l.lag == nil || l.lag.TotalCount() == 0 {
		return "-"
	}
	return milliseconds(quantile(l.lag, percent))
}

// spentText is time on cores for each accepted call.
func (l load) spentText(spent time.Duration) string {
	if spent <= 0 { // no process to be seen, or one that ended
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(spent.Microseconds())/float64(l.outcome.handled*int64(l.calls)))
}
