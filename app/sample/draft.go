package sample

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/domain/mapping"
)

// PreviewDraft is DryRun for a mapping that is not applied: it returns what would
// change if the mapping were applied and then re-projected.
func (s *Sampler) PreviewDraft(
	ctx context.Context, spec mapping.Spec, from replay.From, n int, chosen []app.Projection,
) (replay.Preview, error) {
	encoded, err := json.Marshal(spec)
	if err != nil {
		return replay.Preview{}, fmt.Errorf("encode the mapping: %w", err)
	}
	draft := *s
	draft.Store.Controls = draftControls{log: s.Store.Controls, spec: encoded}
	return draft.DryRun(ctx, from, n, chosen)
}

// draftControls are the log's control entries, and a last one that applies the
// draft.
type draftControls struct {
	log  app.Controls
	spec json.RawMessage
}

// draftOffset is greater than the offsets of every log.
const draftOffset eventlog.Offset = 1 << 60

// errDraftWrites is returned by the methods that would write: a preview changes
// nothing.
var errDraftWrites = errors.New("the preview of a draft writes no control entries")

// Lock implements app.Controls.
func (draftControls) Lock(context.Context, app.Tx) error { return errDraftWrites }

// Append implements app.Controls.
func (draftControls) Append(context.Context, app.Tx, eventlog.Control) (eventlog.Offset, error) {
	return 0, errDraftWrites
}

// All implements app.Controls.
func (d draftControls) All(ctx context.Context, tx app.Tx) ([]eventlog.ControlEntry, error) {
	entries, err := d.log.All(ctx, tx)
	if err != nil {
		return nil, err
	}
	latest := 1
	for _, e := range entries {
		if activated := e.Control.MappingActivated; activated != nil {
			latest = max(latest, activated.Version)
		}
	}
	return append(entries, eventlog.ControlEntry{Offset: draftOffset, Control: eventlog.Control{
		MappingActivated: &eventlog.MappingActivated{Version: latest + 1, Spec: d.spec, Note: "draft"},
	}}), nil
}
