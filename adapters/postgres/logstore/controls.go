package logstore

import (
	"context"
	"fmt"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/google/uuid"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Controls implements app.Controls.
type Controls struct{}

var _ app.Controls = Controls{}

// Lock implements app.Controls: it takes the lane.
func (Controls) Lock(ctx context.Context, tx app.Tx) error {
	if _, err := tx.ExecContext(ctx, `SELECT `+lane); err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	return nil
}

// Append implements app.Controls.
func (Controls) Append(ctx context.Context, tx app.Tx, c eventlog.Control) (offset eventlog.Offset, err error) {
	body, err := eventlog.EncodeControl(c)
	if err != nil {
		return 0, fmt.Errorf("encode a control entry: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return 0, fmt.Errorf("name a control entry: %w", err)
	}
	entry := &ingest.NewEntry{
		Inbound: ingest.Inbound{RequestID: id.String(), Source: "relay", Route: "control", ReceivedAt: time.Now(), Body: body},
		Kinds:   segment.Control, Calls: 1,
	}
	if err := appendEntries(ctx, watermillsql.TxFromStdSQL(tx), []*ingest.NewEntry{entry}); err != nil {
		return 0, fmt.Errorf("append a control entry: %w", err)
	}
	// The lane is ours, so the last offset drawn in this session is the entry's.
	if err := tx.QueryRowContext(ctx, `SELECT currval('relay.log_offset_seq')`).Scan(&offset); err != nil {
		return 0, fmt.Errorf("find the control entry's offset: %w", err)
	}
	return offset, nil
}

// allControlsSQL: the partial index on control entries finds them.
var allControlsSQL = `SELECT "offset", received_at, payload FROM relay.log_identity WHERE ` + isControl + ` ORDER BY "offset"`

// All implements app.Controls.
func (Controls) All(ctx context.Context, tx app.Tx) ([]eventlog.ControlEntry, error) {
	rows, err := tx.QueryContext(ctx, allControlsSQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []eventlog.ControlEntry
	for rows.Next() {
		var e eventlog.ControlEntry
		var payload []byte
		if err := rows.Scan(&e.Offset, &e.ReceivedAt, &payload); err != nil {
			return nil, err
		}
		if e.Control, err = eventlog.DecodeControl(payload); err != nil {
			return nil, fmt.Errorf("control entry at log offset %d: %w", e.Offset, err)
		}
		entries = append(entries, e)
	}
	return entries, rows.Err()
}
