package sample

import (
	"context"
	"encoding/json"
	"fmt"

	"relay/app"
	"relay/app/replay"
	"relay/domain/eventlog"
	"relay/domain/mapping"
)

// PreviewDraft is DryRun for a mapping that nobody applied yet: what would change
// if it were applied, and re-projected from there on.
func (s *Sampler) PreviewDraft(ctx context.Context, spec mapping.Spec, from replay.From, n int, chosen []app.Projection) (replay.Preview, error) {
	encoded, err := json.Marshal(spec)
	if err != nil {
		return replay.Preview{}, fmt.Errorf("encode the mapping: %w", err)
	}
	reprojector, draft := *s.Reprojector, *s
	reprojector.Controls = drafted{s.Controls, encoded}
	draft.Reprojector = &reprojector
	return draft.DryRun(ctx, from, n, chosen)
}

// drafted are the log's control entries, and one more that applies the draft
// after all there is.
type drafted struct {
	app.Controls
	spec json.RawMessage
}

// draftOffset is beyond every log.
const draftOffset eventlog.Offset = 1 << 60

// All implements Controls.
func (d drafted) All(ctx context.Context, tx app.Tx) ([]eventlog.ControlEntry, error) {
	entries, err := d.Controls.All(ctx, tx)
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
