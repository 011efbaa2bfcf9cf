package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/projections"
)

// Load implements app.Tables.
func (p Profiles) Load(generation, memory int64) app.Loader {
	return &profilesLoader{tables: p, db: p.db, generation: generation, memory: int(memory)}
}

// profilesLoader keeps partial states in partials_gN, each in the bucket of its
// person, and at the end merges bucket by bucket, so that memory holds one
// bucket's people at a time. Small results never leave memory.
type profilesLoader struct {
	tables     Profiles
	db         *sql.DB
	generation int64
	memory     int // bytes of partial results that may wait in memory

	mu      sync.Mutex
	people  map[string]profile.State // partial results that wait
	size    int
	holds   []eventlog.Range // what of the log is in them
	ignored projections.Issues
	spilled time.Time // when partial results were written last
}

const (
	partialsDDL = `CREATE UNLOGGED TABLE IF NOT EXISTS relay_store.partials_g%[1]d (
    bucket      smallint         NOT NULL,
    distinct_id text COLLATE "C" NOT NULL,
    state       bytea            NOT NULL
) PARTITION BY LIST (bucket)`
	partialsBucketDDL = `CREATE UNLOGGED TABLE IF NOT EXISTS relay_store.partials_g%[1]d_%[2]d PARTITION OF relay_store.partials_g%[1]d FOR VALUES IN (%[2]d)`
	writePartialsSQL  = `INSERT INTO relay_store.partials_g%[1]d (bucket, distinct_id, state) SELECT * FROM unnest($1::smallint[], $2::text[], $3::bytea[])`
	readPartialsSQL   = `SELECT distinct_id, state FROM relay_store.partials_g%[1]d_%[2]d`
	dropBucketSQL     = `DROP TABLE relay_store.partials_g%[1]d_%[2]d`
	dropPartialsSQL   = `DROP TABLE IF EXISTS relay_store.partials_g%[1]d`
	findBucketSQL     = `SELECT to_regclass('relay_store.partials_g%[1]d_%[2]d') IS NOT NULL`
)

// buckets is how many parts the people are merged in. Which person is in which
// must be the same in every process that works on a generation.
const buckets = 32

func bucketOf(id string) int16 { return int16(xxhash.Sum64String(id) % buckets) }

// spillEvery bounds how much work is lost when a load is killed.
const spillEvery = 3 * time.Second

// Add implements app.Loader.
func (l *profilesLoader) Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error {
	f := fold.(*projections.ProfilesFold)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(f, of)
	if l.size < l.memory && time.Since(l.spilled) < spillEvery {
		return nil
	}
	return l.spill(ctx)
}

func (l *profilesLoader) take(f *projections.ProfilesFold, of []eventlog.Range) {
	if l.people == nil {
		l.people, l.ignored = f.People, f.Ignored()
	} else {
		for id, s := range f.People {
			l.people[id] = profile.Merge(l.people[id], s)
		}
		l.ignored.Merge(f.Ignored())
	}
	if l.spilled.IsZero() {
		l.spilled = time.Now()
	}
	l.size += f.Size()
	l.holds = append(l.holds, of...)
}

// spill writes the partial results out of memory.
func (l *profilesLoader) spill(ctx context.Context) error {
	err := inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := l.createPartials(ctx, tx); err != nil {
			return fmt.Errorf("create the table of partial states: %w", err)
		}
		if err := l.writePartials(ctx, tx); err != nil {
			return err
		}
		return noteLoaded(ctx, tx, l.generation, l.holds, l.ignored)
	})
	if err != nil {
		return err
	}
	l.people, l.size, l.holds, l.ignored, l.spilled = nil, 0, nil, nil, time.Now()
	return nil
}

func (l *profilesLoader) createPartials(ctx context.Context, tx *sql.Tx) error {
	if err := execFor(ctx, tx, partialsDDL, l.generation); err != nil {
		return err
	}
	for bucket := range buckets {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(partialsBucketDDL, l.generation, bucket)); err != nil {
			return err
		}
	}
	return nil
}

func (l *profilesLoader) writePartials(ctx context.Context, tx *sql.Tx) error {
	var state []byte
	columns := newColumns(oidInt2, oidText, oidBytea)
	flush := func() error {
		_, err := tx.ExecContext(ctx, fmt.Sprintf(writePartialsSQL, l.generation), arguments(columns)...)
		columns = newColumns(oidInt2, oidText, oidBytea)
		if err != nil {
			return fmt.Errorf("write partial states: %w", err)
		}
		return nil
	}
	for id, s := range l.people {
		columns[0].int2(bucketOf(id))
		columns[1].text(id)
		state = s.AppendBinary(state[:0])
		columns[2].bytes(state)
		if len(columns[2].data) > maxStatement {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Finish implements app.Loader. Each bucket's rows are kept in the transaction
// that drops its partial states.
func (l *profilesLoader) Finish(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var spilled bool
	err := l.db.QueryRowContext(ctx, fmt.Sprintf(`SELECT to_regclass('relay_store.partials_g%d') IS NOT NULL`, l.generation)).Scan(&spilled)
	if err != nil {
		return fmt.Errorf("look for partial states: %w", err)
	}
	if !spilled {
		return inTx(ctx, l.db, func(tx *sql.Tx) error {
			unstorable, err := l.write(ctx, tx, l.people)
			if err != nil {
				return err
			}
			unstorable.Merge(l.ignored)
			return noteLoaded(ctx, tx, l.generation, l.holds, unstorable)
		})
	}
	if len(l.holds) > 0 {
		if err := l.spill(ctx); err != nil {
			return err
		}
	}
	return l.mergeBuckets(ctx)
}

func (l *profilesLoader) mergeBuckets(ctx context.Context) error {
	for bucket := range buckets {
		if err := inLoadTx(ctx, l.db, func(tx *sql.Tx) error { return l.mergeBucket(ctx, tx, bucket) }); err != nil {
			return fmt.Errorf("merge partial states: %w", err)
		}
	}
	_, err := l.db.ExecContext(ctx, fmt.Sprintf(dropPartialsSQL, l.generation))
	return err
}

// mergeBucket makes rows of a bucket's partial states, unless it was done before.
func (l *profilesLoader) mergeBucket(ctx context.Context, tx *sql.Tx, bucket int) error {
	var there bool
	if err := tx.QueryRowContext(ctx, fmt.Sprintf(findBucketSQL, l.generation, bucket)).Scan(&there); err != nil || !there {
		return err
	}
	people, err := l.readBucket(ctx, tx, bucket)
	if err != nil {
		return err
	}
	unstorable, err := l.write(ctx, tx, people)
	if err != nil {
		return err
	}
	if err := (Generations{}).AddIssues(ctx, tx, l.generation, unstorable); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(dropBucketSQL, l.generation, bucket))
	return err
}

// write writes people's rows, and tells what the database could not hold.
func (l *profilesLoader) write(ctx context.Context, tx *sql.Tx, people map[string]profile.State) (projections.Issues, error) {
	unstorable := projections.Issues{}
	err := try(ctx, tx, func() error { return l.tables.writeStates(ctx, tx, l.generation, people, false) })
	if !isUnstorable(err) {
		return unstorable, err
	}
	for id, s := range people {
		err := try(ctx, tx, func() error {
			return l.tables.writeStates(ctx, tx, l.generation, map[string]profile.State{id: s}, false)
		})
		if isUnstorable(err) {
			unstorable.Add(&eventlog.Entry{ReceivedAt: s.Last, Offset: lastOffset(s)}, projections.Unstorable, "a person's state")
			err = nil
		}
		if err != nil {
			return unstorable, err
		}
	}
	return unstorable, nil
}

// lastOffset is where to look for an example of a person's traits.
func lastOffset(s profile.State) (last eventlog.Offset) {
	for _, t := range s.Traits {
		last = max(last, t.Stamp.Offset)
	}
	return last
}

func (l *profilesLoader) readBucket(ctx context.Context, tx *sql.Tx, bucket int) (map[string]profile.State, error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(readPartialsSQL, l.generation, bucket))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	people := map[string]profile.State{}
	var id string
	var data sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&id, &data); err != nil {
			return nil, err
		}
		s, err := profile.DecodeState(data)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("partial state of %q", id), err)
		}
		people[id] = profile.Merge(people[id], s)
	}
	return people, rows.Err()
}

// Index implements app.Loader.
func (l *profilesLoader) Index(ctx context.Context) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error { return l.tables.Index(ctx, tx, l.generation) })
}
