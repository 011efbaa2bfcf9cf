package projections

import (
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Unstorable is the code of valid values that exceed the limits of the database.
const Unstorable = "not_storable"

// IssueKey identifies an issue by its code, source and field. Detail never contains a
// value that a person sent, so issues stay few and free of personal data.
type IssueKey struct {
	Code, Source, Detail string
}

// Issue counts the occurrences of one issue.
type Issue struct {
	Count       int64
	First, Last segment.Instant // times of receipt
	Example     eventlog.Offset // the smallest offset with the issue
}

// Issues are the values and calls that a fold ignored, by reason.
type Issues map[IssueKey]Issue

// Add counts one more.
func (is Issues) Add(e *eventlog.Entry, code, detail string) { is.addMany(e, code, detail, 1) }

// addMany counts n more.
func (is Issues) addMany(e *eventlog.Entry, code, detail string, n int) {
	is.merge(IssueKey{code, e.Source, detail}, Issue{int64(n), e.ReceivedAt, e.ReceivedAt, e.Offset})
}

// Merge adds the issues of another part of the log.
func (is Issues) Merge(other Issues) {
	for key, issue := range other {
		is.merge(key, issue)
	}
}

// Total returns the sum of all counts.
func (is Issues) Total() (n int64) {
	for _, issue := range is {
		n += issue.Count
	}
	return n
}

func (is Issues) merge(key IssueKey, b Issue) {
	a, known := is[key]
	if !known {
		is[key] = b
		return
	}
	is[key] = Issue{
		Count:   a.Count + b.Count,
		First:   min(a.First, b.First),
		Last:    max(a.Last, b.Last),
		Example: min(a.Example, b.Example),
	}
}

// addTimes records a call's times that could not be read.
func (is Issues) addTimes(e *eventlog.Entry, problems []segment.Problem) {
	for _, p := range problems {
		is.Add(e, p.Code, p.Detail)
	}
}
