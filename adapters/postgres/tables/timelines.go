package tables

import (
	"context"
	"encoding/json"
	"fmt"

	"relay/adapters/postgres/wire"
	"relay/app"
)

// Timelines implements app.Timelines: it keeps, for SQL, what folding the log's
// control entries gives.
type Timelines struct{}

var _ app.Timelines = Timelines{}

// Save implements app.Timelines.
func (Timelines) Save(ctx context.Context, tx app.Tx, h app.History) error {
	if err := saveVersions(ctx, tx, h); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM relay_store.timeline`); err != nil {
		return fmt.Errorf("replace the timeline: %w", err)
	}
	c := wire.NewColumns(wire.OIDText, wire.OIDInt8, wire.OIDInt4)
	names, err := readTexts(ctx, tx, `SELECT DISTINCT projection FROM relay_store.generations`)
	if err != nil {
		return fmt.Errorf("list the projections: %w", err)
	}
	for _, projection := range names {
		for _, span := range h.Timelines.Of(projection).Spans() {
			c[0].Text(projection)
			c[1].Int8(int64(span.From))
			c[2].Int4(int32(span.Version))
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO relay_store.timeline (projection, from_offset, version)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[])`, wire.Arguments(c)...)
	return failed(err, "save the timeline")
}

func saveVersions(ctx context.Context, tx app.Tx, h app.History) error {
	for n, v := range h.Versions {
		spec, err := json.Marshal(v.Spec)
		if err != nil {
			return fmt.Errorf("encode mapping version %d: %w", n, err)
		}
		created := any(v.CreatedAt)
		if v.CreatedAt.IsZero() {
			created = nil // the default mapping is as old as the database
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO relay_store.mapping_versions (version, spec, note, created_at)
VALUES ($1, $2, $3, coalesce($4, now())) ON CONFLICT (version) DO NOTHING`, n, string(spec), v.Note, created)
		if err != nil {
			return fmt.Errorf("save mapping version %d: %w", n, err)
		}
	}
	return nil
}
