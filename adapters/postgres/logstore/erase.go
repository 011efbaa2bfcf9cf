package logstore

import (
	"context"
	"encoding/json"
	"fmt"

	"relay/app"
	"relay/app/erasure"
	"relay/domain/eventlog"
)

// Eraser implements erasure.LogEraser.
type Eraser struct{}

var _ erasure.LogEraser = Eraser{}

// Rewrite implements erasure.LogEraser. The entry stays in its partition, whatever
// kinds are left.
func (Eraser) Rewrite(ctx context.Context, tx app.Tx, e *eventlog.Entry) error {
	erased, err := json.Marshal(e.Erased)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE relay.log
SET payload = $2, kinds = $3, metadata = metadata || jsonb_build_object('erased', $4::jsonb) WHERE "offset" = $1`,
			int64(e.Offset), e.Payload, int64(e.Kinds), string(erased))
	}
	if err != nil {
		return fmt.Errorf("rewrite the entry at log offset %d: %w", e.Offset, err)
	}
	return nil
}
