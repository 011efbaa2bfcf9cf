package live

import (
	"context"
	"errors"
	"fmt"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
	"relay/projections"
)

// merger folds ranges of the log and merges what comes of them into the tables of
// one projection.
type merger struct {
	projector  *Projector
	projection app.Projection
	mappings   projections.Mappings
	kinds      segment.Kinds            // of the entries that are read
	only       func(*segment.Call) bool // which calls reach the fold, without anything else; nil: everything does
	reader     *projections.Reader
}

// merge merges a batch: as a whole first, and if the database cannot hold
// something in it, entry by entry.
func (m *merger) merge(ctx context.Context, b app.Batch) (BatchResult, error) {
	result, err := m.tryRange(ctx, b, b.Range)
	if errors.Is(err, app.ErrUnstorable) {
		result, err = m.tryEach(ctx, b)
	}
	if err != nil {
		return BatchResult{}, fmt.Errorf("merge log offsets %d to %d into %s: %w", b.Range.After+1, b.Range.UpTo, m.projection.Name, err)
	}
	if err := m.projector.Issues.AddIssues(ctx, b.Tx, b.Generation, result.Issues); err != nil {
		return BatchResult{}, fmt.Errorf("note what was ignored: %w", err)
	}
	return result, nil
}

// tryRange merges a range as a whole, or not at all: after ErrUnstorable the
// transaction can go on.
func (m *merger) tryRange(ctx context.Context, b app.Batch, r eventlog.Range) (result BatchResult, err error) {
	fold := m.projection.Fold()
	into := m.chosen(fold)
	err = m.projector.Log.Read(ctx, b.Tx, r, m.kinds, func(e *eventlog.Entry) error {
		result.Calls += m.reader.Read(e, m.mappings, into)
		return nil
	})
	if err != nil {
		return BatchResult{}, err
	}
	err = m.projector.DB.Try(ctx, b.Tx, func() error { return m.projection.Tables.Rows.Merge(ctx, b.Tx, b.Generation, fold) })
	result.Issues = fold.Ignored()
	return result, err
}

func (m *merger) chosen(fold projections.Fold) projections.Fold {
	if m.only == nil {
		return fold
	}
	return projections.Chosen{Fold: fold, Want: func(_ *eventlog.Entry, c *segment.Call) bool { return m.only(c) }}
}

// tryEach merges a range's entries one by one. An entry that the database cannot
// hold is passed over with an issue: nothing that a payload holds may stop a
// projection.
func (m *merger) tryEach(ctx context.Context, b app.Batch) (result BatchResult, err error) {
	entries, err := m.entriesOf(ctx, b)
	result.Issues = projections.Issues{}
	for i := 0; err == nil && i < len(entries); i++ {
		one, failed := m.tryRange(ctx, b, eventlog.Range{After: entries[i].Offset - 1, UpTo: entries[i].Offset})
		if errors.Is(failed, app.ErrUnstorable) {
			result.Issues.Add(&entries[i], projections.Unstorable, "the payload")
			failed = nil
		}
		result.Calls, err = result.Calls+one.Calls, failed
		result.Issues.Merge(one.Issues)
	}
	return result, err
}

// entriesOf returns the batch's entries without their payloads.
func (m *merger) entriesOf(ctx context.Context, b app.Batch) (entries []eventlog.Entry, err error) {
	err = m.projector.Log.Read(ctx, b.Tx, b.Range, m.kinds, func(e *eventlog.Entry) error {
		head := *e
		head.Payload = nil
		entries = append(entries, head)
		return nil
	})
	return entries, err
}
