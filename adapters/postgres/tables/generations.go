package tables

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/replay"
	"relay/app/sample"
	"relay/domain/eventlog"
	"relay/projections"
)

// Generations keeps the records of generations in relay_store.generations.
type Generations struct{}

var (
	_ app.Generations       = Generations{}
	_ app.GenerationWriter  = Generations{}
	_ replay.Checkpoints    = Generations{}
	_ sample.ScratchNumbers = Generations{}
)

// Create implements app.GenerationWriter.
func (Generations) Create(ctx context.Context, tx app.Tx, g app.Generation) (id int64, err error) {
	var replay app.Replay
	if g.Replay != nil {
		replay = *g.Replay
	}
	err = tx.QueryRowContext(ctx, `INSERT INTO relay_store.generations
    (projection, status, rules_version, parts, reprojection_id, load_up_to, replay_from, replay_version, replay_as_of)
VALUES ($1, 'building', $2, $3, nullif($4, 0), $5, nullif($6, 0), nullif($7, 0), $8) RETURNING id`,
		g.Projection, projections.RulesVersion, pq.Array(g.Parts), g.Reprojection, int64(g.LoadUpTo),
		int64(replay.From), replay.Version, int64(replay.AsOf)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("note a new generation of %s: %w", g.Projection, err)
	}
	return id, nil
}

// Get implements replay.Checkpoints.
func (Generations) Get(ctx context.Context, tx app.Tx, id int64) (app.Generation, error) {
	return oneGeneration(ctx, tx, `WHERE id = $1`, id)
}

// Serving implements app.Generations.
func (Generations) Serving(ctx context.Context, tx app.Tx, projection string) (app.Generation, error) {
	return oneGeneration(ctx, tx, `WHERE projection = $1 AND status = 'serving'`, projection)
}

// LockServing implements app.Generations. It waits for the batch under way.
func (Generations) LockServing(ctx context.Context, tx app.Tx, projection string) (app.Generation, error) {
	return oneGeneration(ctx, tx, `WHERE projection = $1 AND status = 'serving' FOR UPDATE`, projection)
}

const selectGeneration = `SELECT id, projection, status, parts, checkpoint, rules_version, coalesce(reprojection_id, 0), load_up_to, loaded,
    coalesce(retired_by, 0), coalesce(replay_from, 0), coalesce(replay_version, 0), coalesce(replay_as_of, 0)
FROM relay_store.generations `

func scanGeneration(row interface{ Scan(...any) error }) (g app.Generation, err error) {
	var replay app.Replay
	err = row.Scan(&g.ID, &g.Projection, &g.Status, pq.Array(&g.Parts), &g.Checkpoint, &g.Rules, &g.Reprojection,
		&g.LoadUpTo, &g.Loaded, &g.RetiredBy, &replay.From, &replay.Version, &replay.AsOf)
	if replay.Version != 0 && g.Status == app.Building {
		g.Replay = &replay
	}
	return g, err
}

func oneGeneration(ctx context.Context, tx *sql.Tx, where string, arg any) (app.Generation, error) {
	g, err := scanGeneration(tx.QueryRowContext(ctx, selectGeneration+where, arg))
	if err != nil {
		return g, fmt.Errorf("look up generation %v: %w", arg, postgres.Translate(err))
	}
	return g, nil
}

// Move implements replay.Checkpoints.
func (Generations) Move(ctx context.Context, tx app.Tx, id int64, checkpoint eventlog.Offset) error {
	_, err := tx.ExecContext(ctx, postgres.MoveCheckpoint, id, int64(checkpoint))
	return failed(err, "move the checkpoint of generation %d", id)
}

// SetLoaded implements app.GenerationWriter.
func (Generations) SetLoaded(ctx context.Context, tx app.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.generations
SET loaded = true, checkpoint = load_up_to, checkpoint_at = now() WHERE id = $1`, id)
	return failed(err, "note that generation %d is loaded", id)
}

// SetParts implements app.GenerationWriter.
func (Generations) SetParts(ctx context.Context, tx app.Tx, id int64, parts []string) error {
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.generations SET parts = $2 WHERE id = $1`, id, pq.Array(parts))
	return failed(err, "note what generation %d holds", id)
}

// Promote implements app.GenerationWriter.
func (Generations) Promote(ctx context.Context, tx app.Tx, id, reprojection int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE relay_store.generations SET status = 'former', retired_by = nullif($2, 0)
WHERE status = 'serving' AND projection = (SELECT projection FROM relay_store.generations WHERE id = $1)`, id, reprojection)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE relay_store.generations SET status = 'serving', retired_by = NULL WHERE id = $1`, id)
	}
	return failed(err, "promote generation %d", id)
}

// AllServing implements app.Generations.
func (Generations) AllServing(ctx context.Context, tx app.Tx) ([]app.Generation, error) {
	return listGenerations(ctx, tx, `WHERE status = 'serving' ORDER BY id`)
}

// Unserved implements app.Generations.
func (Generations) Unserved(ctx context.Context, tx app.Tx) ([]app.Generation, error) {
	return listGenerations(ctx, tx, `WHERE status <> 'serving' ORDER BY id`)
}

// LockUnserved implements app.Generations.
func (Generations) LockUnserved(ctx context.Context, tx app.Tx) ([]app.Generation, error) {
	return listGenerations(ctx, tx, `WHERE status <> 'serving' ORDER BY id FOR UPDATE`)
}

func listGenerations(ctx context.Context, tx *sql.Tx, where string) ([]app.Generation, error) {
	rows, err := tx.QueryContext(ctx, selectGeneration+where)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []app.Generation
	for rows.Next() {
		g, err := scanGeneration(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, rows.Err()
}

// Delete implements app.GenerationWriter.
func (Generations) Delete(ctx context.Context, tx app.Tx, id int64) error {
	if err := (Issues{}).ClearIssues(ctx, tx, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM relay_store.generations WHERE id = $1 AND status <> 'serving'`, id)
	return failed(err, "delete generation %d", id)
}
