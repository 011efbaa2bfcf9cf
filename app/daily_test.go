package app_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/mapping"
	"relay/domain/segment"
	"relay/projections"
)

// The third projection, daily, counts track and group calls by day, type and
// event prefix. Its table keeps one row for each call, so that calls can be
// erased, and so that a call that is merged once more changes nothing.

// dailyCall is one row of the table.
type dailyCall struct {
	at                  eventlog.Position
	day, kind, prefix   string
	user, anonymousUser string
}

// dailyFold turns calls into rows.
type dailyFold struct {
	calls  []dailyCall
	issues projections.Issues
}

func newDailyFold([]string) projections.Fold { return &dailyFold{issues: projections.Issues{}} }

func (f *dailyFold) Call(e *eventlog.Entry, c *segment.Call, m projections.Mapping) {
	if !c.Kind.Has(segment.Track | segment.Group) {
		return
	}
	f.calls = append(f.calls, dailyCall{
		at:  eventlog.Position{Offset: e.Offset, Index: int32(c.Index)},
		day: e.ReceivedAt.Time().UTC().Format(time.DateOnly), kind: c.Kind.String(), prefix: m.Spec.EventPrefix,
		user: c.UserID, anonymousUser: c.AnonymousID,
	})
}

func (f *dailyFold) Reject(*eventlog.Entry, string, int) {} // events has these issues
func (f *dailyFold) Ignored() projections.Issues         { return f.issues }
func (f *dailyFold) Size() int                           { return 100 * len(f.calls) }

// dailyTables keeps the table of each generation.
type dailyTables struct{ db *sql.DB }

func dailyProjection(db *sql.DB) app.Projection {
	return app.Projection{
		Name: "daily", Kinds: segment.Track | segment.Group, PerCall: true, NewFold: newDailyFold,
		NewTables: func([]string) app.Tables {
			d := dailyTables{db: db}
			return app.Tables{Schema: d, Rows: d, Loading: d, Views: d, Comparing: d, Sampling: d}
		},
		Depends: func(s *mapping.Spec) map[string]string { return map[string]string{"daily": s.EventPrefix} },
	}.Only([]string{"daily"})
}

// exec runs a statement in which gN stands for the generation.
func (dailyTables) exec(ctx context.Context, tx app.Tx, generation int64, statement string, args ...any) error {
	_, err := tx.ExecContext(ctx, strings.ReplaceAll(statement, "gN", fmt.Sprintf("g%d", generation)), args...)
	return err
}

func (d dailyTables) Create(ctx context.Context, tx app.Tx, generation int64, _ bool) error {
	return d.exec(ctx, tx, generation, `CREATE TABLE relay_store.daily_loaded_gN (after_offset bigint, up_to bigint);
CREATE TABLE relay_store.daily_gN (log_offset bigint, log_index int, day date, type text, prefix text, distinct_id text, anonymous_id text)`)
}

func (d dailyTables) Index(ctx context.Context, tx app.Tx, generation int64) error {
	return d.exec(ctx, tx, generation, `CREATE UNIQUE INDEX IF NOT EXISTS daily_gN_log ON relay_store.daily_gN (log_offset, log_index)`)
}

func (d dailyTables) Complete(ctx context.Context, tx app.Tx, generation int64) error {
	return d.exec(ctx, tx, generation, `DROP TABLE relay_store.daily_loaded_gN`)
}

func (dailyTables) Adopt(context.Context, app.Tx, int64, int64) error { return nil } // there is one part

func (d dailyTables) Drop(ctx context.Context, tx app.Tx, generation int64) error {
	if err := postgres.SetLockTimeout(ctx, tx, postgres.DropPatience); err != nil {
		return err
	}
	return d.exec(ctx, tx, generation, `DROP TABLE IF EXISTS relay_store.daily_gN, relay_store.daily_loaded_gN`)
}

func (dailyTables) Join(context.Context, app.Tx, int64) ([]string, error) { return nil, nil } // it joins no ids

func (d dailyTables) Merge(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold) error {
	return d.insert(ctx, tx, generation, fold.(*dailyFold).calls, "ON CONFLICT (log_offset, log_index) DO NOTHING")
}

func (d dailyTables) insert(ctx context.Context, tx app.Tx, generation int64, calls []dailyCall, conflict string) error {
	for _, c := range calls {
		err := d.exec(ctx, tx, generation, `INSERT INTO relay_store.daily_gN VALUES ($1, $2, $3, $4, $5, $6, $7) `+conflict,
			int64(c.at.Offset), c.at.Index, c.day, c.kind, c.prefix, c.user, c.anonymousUser)
		if err != nil {
			return err
		}
	}
	return nil
}

func (d dailyTables) Erase(ctx context.Context, tx app.Tx, generation int64, e app.Erased) error {
	return d.exec(ctx, tx, generation, `DELETE FROM relay_store.daily_gN WHERE distinct_id = ANY ($1) OR distinct_id = '' AND anonymous_id = ANY ($2)`,
		pq.Array(e.Users), pq.Array(e.Anonymous))
}

func (d dailyTables) Serve(ctx context.Context, tx app.Tx, generation int64) error {
	if err := postgres.SetLockTimeout(ctx, tx, postgres.ReadersPatience); err != nil {
		return err
	}
	return d.exec(ctx, tx, generation, `CREATE OR REPLACE VIEW relay.daily AS
SELECT day, type, prefix, count(*) AS calls FROM relay_store.daily_gN GROUP BY day, type, prefix`)
}

func (d dailyTables) Describe(ctx context.Context, tx app.Tx) error {
	return d.exec(ctx, tx, 0, `COMMENT ON VIEW relay.daily IS 'How many track and group calls came on a day'`)
}

const dailyDifferences = `SELECT coalesce(a.log_offset, b.log_offset), to_jsonb(a)::text, to_jsonb(b)::text, count(*) OVER ()
FROM relay_store.daily_g%d a FULL JOIN relay_store.daily_g%d b USING (log_offset, log_index) WHERE a IS DISTINCT FROM b ORDER BY 1 LIMIT $1`

func (dailyTables) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) (list []app.Difference, total int, err error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(dailyDifferences, served, rebuilt), max(limit, 1))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var before, after sql.NullString
		d := app.Difference{Table: "daily"}
		if err := rows.Scan(&d.Key, &before, &after, &total); err != nil {
			return nil, 0, err
		}
		d.Served, d.Rebuilt = before.String, after.String
		list = append(list, d)
	}
	return list[:min(len(list), limit)], total, rows.Err()
}

func (d dailyTables) Preview(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Count, []app.Difference, error) {
	list, total, err := d.Compare(ctx, tx, served, rebuilt, limit)
	return []app.Count{{What: "calls counted otherwise", Count: int64(total)}}, list, err
}

func (dailyTables) SomePeople(context.Context, app.Tx, int64, int) ([]string, error) { return nil, nil }

func (d dailyTables) Copy(ctx context.Context, tx app.Tx, from, to int64, which app.Which) error {
	for _, r := range which.Ranges {
		err := d.exec(ctx, tx, to, fmt.Sprintf(`INSERT INTO relay_store.daily_gN SELECT * FROM relay_store.daily_g%d
WHERE log_offset > $1 AND log_offset <= $2 AND ($3::text[] IS NULL OR distinct_id = ANY ($3))`, from),
			int64(r.After), int64(r.UpTo), pq.Array(which.People))
		if err != nil {
			return err
		}
	}
	return nil
}

func (d dailyTables) Write(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold, _ identity.State) error {
	return d.insert(ctx, tx, generation, fold.(*dailyFold).calls, "")
}

func (dailyTables) Loaded(ctx context.Context, tx app.Tx, generation int64) (list []eventlog.Range, err error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(`SELECT after_offset, up_to FROM relay_store.daily_loaded_g%d`, generation))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r eventlog.Range
		if err := rows.Scan(&r.After, &r.UpTo); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

func (d dailyTables) Load(generation, _ int64) app.Loader {
	return dailyLoader{tables: d, generation: generation}
}

// dailyLoader writes what it gets at once, so that it keeps nothing.
type dailyLoader struct {
	tables     dailyTables
	generation int64
}

func (l dailyLoader) Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error {
	return l.inTx(ctx, func(tx app.Tx) error {
		if err := l.tables.insert(ctx, tx, l.generation, fold.(*dailyFold).calls, ""); err != nil {
			return err
		}
		for _, r := range of {
			if err := l.tables.exec(ctx, tx, l.generation, `INSERT INTO relay_store.daily_loaded_gN VALUES ($1, $2)`, int64(r.After), int64(r.UpTo)); err != nil {
				return err
			}
		}
		return tables.Issues{}.AddIssues(ctx, tx, l.generation, fold.Ignored())
	})
}

func (l dailyLoader) Finish(context.Context) error { return nil }

func (l dailyLoader) Index(ctx context.Context) error {
	return l.inTx(ctx, func(tx app.Tx) error { return l.tables.Index(ctx, tx, l.generation) })
}

func (l dailyLoader) inTx(ctx context.Context, do func(tx app.Tx) error) error {
	return postgres.Database{DB: l.tables.db}.InTx(ctx, do)
}
