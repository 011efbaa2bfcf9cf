package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/profile"
	"relay/projections"
)

// Load implements app.Tables.
func (p Profiles) Load(generation int64) app.Loader {
	return &profilesLoader{tables: p, db: p.db, generation: generation, seed: maphash.MakeSeed()}
}

// profilesLoader writes partial states to partials_gN, each in the bucket of
// its person, and at the end merges bucket by bucket, so that memory holds one
// bucket's people at a time.
type profilesLoader struct {
	tables     Profiles
	db         *sql.DB
	generation int64
	seed       maphash.Seed

	mu     sync.Mutex
	people map[string]profile.State // partial results that were never written
	size   int
	parted bool // whether partials_gN exists

	unstorable projections.Issues
}

const (
	partialsDDL = `CREATE UNLOGGED TABLE relay_store.partials_g%[1]d (
    bucket      smallint         NOT NULL,
    distinct_id text COLLATE "C" NOT NULL,
    state       bytea            NOT NULL
) PARTITION BY LIST (bucket)`
	partialsBucketDDL = `CREATE UNLOGGED TABLE relay_store.partials_g%[1]d_%[2]d PARTITION OF relay_store.partials_g%[1]d FOR VALUES IN (%[2]d)`
	writePartialsSQL  = `INSERT INTO relay_store.partials_g%[1]d (bucket, distinct_id, state) SELECT * FROM unnest($1::smallint[], $2::text[], $3::bytea[])`
	readPartialsSQL   = `SELECT distinct_id, state FROM relay_store.partials_g%[1]d WHERE bucket = $1`
	dropPartialsSQL   = `DROP TABLE IF EXISTS relay_store.partials_g%[1]d`
)

// buckets is how many parts the people are merged in.
const buckets = 32

// keepInMemory is how many bytes of partial results stay in memory until the
// end before they are written out.
const keepInMemory = 128 << 20

// Add implements app.Loader.
func (l *profilesLoader) Add(ctx context.Context, fold projections.Fold) error {
	f := fold.(*projections.ProfilesFold)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.people == nil {
		l.people, l.size = f.People, f.Size()
	} else {
		for id, s := range f.People {
			l.people[id] = profile.Merge(l.people[id], s)
		}
		l.size += f.Size()
	}
	if l.size < keepInMemory {
		return nil
	}
	return l.spill(ctx)
}

// spill writes the partial results out of memory.
func (l *profilesLoader) spill(ctx context.Context) error {
	err := inTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := l.createPartials(ctx, tx); err != nil {
			return fmt.Errorf("create the table of partial states: %w", err)
		}
		return l.writePartials(ctx, tx)
	})
	if err != nil {
		return err
	}
	l.people, l.size, l.parted = nil, 0, true
	return nil
}

func (l *profilesLoader) createPartials(ctx context.Context, tx *sql.Tx) error {
	if l.parted {
		return nil
	}
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
		columns[0].int2(int16(maphash.String(l.seed, id) % buckets))
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

// Finish implements app.Loader.
func (l *profilesLoader) Finish(ctx context.Context) (projections.Issues, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unstorable = projections.Issues{}
	if !l.parted {
		return l.unstorable, l.write(ctx, l.people)
	}
	return l.unstorable, l.mergeParts(ctx)
}

func (l *profilesLoader) mergeParts(ctx context.Context) error {
	if err := l.spill(ctx); err != nil {
		return err
	}
	for bucket := range buckets {
		people, err := l.readBucket(ctx, bucket)
		if err != nil {
			return fmt.Errorf("read partial states: %w", err)
		}
		if err := l.write(ctx, people); err != nil {
			return err
		}
	}
	_, err := l.db.ExecContext(ctx, fmt.Sprintf(dropPartialsSQL, l.generation))
	return err
}

func (l *profilesLoader) write(ctx context.Context, people map[string]profile.State) error {
	err := inTx(ctx, l.db, func(tx *sql.Tx) error {
		return l.tables.writeStates(ctx, tx, l.generation, people, false)
	})
	if !isUnstorable(err) {
		return err
	}
	return l.writeEach(ctx, people)
}

// writeEach writes people one by one, and passes over whom the database cannot
// hold.
func (l *profilesLoader) writeEach(ctx context.Context, people map[string]profile.State) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		for id, s := range people {
			err := try(ctx, tx, func() error {
				return l.tables.writeStates(ctx, tx, l.generation, map[string]profile.State{id: s}, false)
			})
			if isUnstorable(err) {
				l.unstorable.Add(&eventlog.Entry{ReceivedAt: s.Last, Offset: lastOffset(s)}, projections.Unstorable, "a person's state")
				err = nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// lastOffset is where to look for an example of a person's traits.
func lastOffset(s profile.State) (last eventlog.Offset) {
	for _, t := range s.Traits {
		last = max(last, t.Stamp.Offset)
	}
	return last
}

func (l *profilesLoader) readBucket(ctx context.Context, bucket int) (map[string]profile.State, error) {
	rows, err := l.db.QueryContext(ctx, fmt.Sprintf(readPartialsSQL, l.generation), bucket)
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
