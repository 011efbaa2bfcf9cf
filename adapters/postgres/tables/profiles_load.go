package tables

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/identity"
	"relay/domain/profile"
	"relay/projections"
)

// Load implements app.Loading.
func (p Profiles) Load(generation, memory int64) app.Loader {
	return &profilesLoader{tables: p, db: p.db, generation: generation, memory: int(memory)}
}

// profilesLoader keeps partial states in partials_gN, each in the bucket of its
// person, and at the end merges bucket by bucket. Small results never leave
// memory.
type profilesLoader struct {
	tables     Profiles
	db         *sql.DB
	generation int64
	memory     int // bytes of partial results that may wait in memory

	mu      sync.Mutex
	waits   waiting
	spilled time.Time // when partial results were written last

	joins bool // whether mappings join ids; known after Finish

	spilling sync.Mutex // held while partial results are written
	created  bool       // whether their table is there; guarded by spilling
}

// waiting are partial results in memory.
type waiting struct {
	partials []*partials
	size     int
	links    identity.State
	holds    []eventlog.Range // what of the log is in them
	ignored  projections.Issues
}

// spillEvery bounds how much work is lost when a load is killed.
const spillEvery = 3 * time.Second

// Add implements app.Loader.
func (l *profilesLoader) Add(ctx context.Context, fold projections.Fold, of []eventlog.Range) error {
	f := fold.(*projections.ProfilesFold)
	full := l.take(newPartials(f.People, f.Anonymous), f, of)
	if full == nil {
		return nil
	}
	return l.spill(ctx, *full)
}

// take notes a partial result. It returns all that wait if they are to be
// written.
func (l *profilesLoader) take(p *partials, f *projections.ProfilesFold, of []eventlog.Range) *waiting {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spilled.IsZero() {
		l.spilled = time.Now()
	}
	l.waits.partials = append(l.waits.partials, p)
	l.waits.size += p.size + l.waits.links.Add(f.Links)
	l.waits.holds = append(l.waits.holds, of...)
	if l.waits.ignored == nil {
		l.waits.ignored = projections.Issues{}
	}
	l.waits.ignored.Merge(f.Ignored())
	if l.waits.size < l.memory/4 && time.Since(l.spilled) < spillEvery {
		return nil
	}
	return l.takeAll()
}

// takeAll returns what waits, which is then nothing. The caller holds mu.
func (l *profilesLoader) takeAll() *waiting {
	all := l.waits
	l.waits, l.spilled = waiting{}, time.Now()
	return &all
}

// spill writes partial results out of memory.
func (l *profilesLoader) spill(ctx context.Context, w waiting) error {
	l.spilling.Lock()
	defer l.spilling.Unlock()
	err := inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		if !l.created {
			if err := createPartials(ctx, tx, l.generation); err != nil {
				return fmt.Errorf("create the table of partial states: %w", err)
			}
		}
		if err := writePartials(ctx, tx, l.generation, w.partials); err != nil {
			return fmt.Errorf("write partial states: %w", err)
		}
		return l.note(ctx, tx, &w, w.ignored)
	})
	l.created = l.created || err == nil
	return err
}

// Finish implements app.Loader. Each bucket's rows are kept in the transaction
// that drops its partial states.
func (l *profilesLoader) Finish(ctx context.Context) error {
	l.mu.Lock()
	w := l.takeAll()
	l.mu.Unlock()
	if err := l.finishStates(ctx, w); err != nil {
		return err
	}
	joins, err := finishLinks(ctx, l.db, l.generation)
	l.joins = joins
	return err
}

// finishStates makes the rows of what ids contribute themselves.
func (l *profilesLoader) finishStates(ctx context.Context, w *waiting) error {
	var spilled bool
	err := l.db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, tableOf("partials", l.generation)).Scan(&spilled)
	if err != nil {
		return fmt.Errorf("look for partial states: %w", err)
	}
	if !spilled {
		return l.writeAll(ctx, w)
	}
	if len(w.holds) > 0 {
		if err := l.spill(ctx, *w); err != nil {
			return err
		}
	}
	if err := l.mergeBuckets(ctx); err != nil {
		return fmt.Errorf("merge partial states: %w", err)
	}
	return nil
}

// writeAll makes rows of partial results that are all in memory.
func (l *profilesLoader) writeAll(ctx context.Context, w *waiting) error {
	return inLoadTx(ctx, l.db, func(tx *sql.Tx) error {
		unstorable := projections.Issues{}
		for bucket := range allBuckets {
			var list []partial
			for _, p := range w.partials {
				var err error
				if list, err = appendPartials(list, p.of[bucket], 0, 1); err != nil {
					return err
				}
			}
			if err := l.write(ctx, tx, setOfBucket(bucket), list, unstorable); err != nil {
				return err
			}
		}
		unstorable.Merge(w.ignored)
		return l.note(ctx, tx, w, unstorable)
	})
}

// mergers is how many buckets are merged at once.
const mergers = 3

func (l *profilesLoader) mergeBuckets(ctx context.Context) error {
	merging, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range mergers {
		wg.Go(func() {
			for bucket := int(next.Add(1)) - 1; bucket < allBuckets && merging.Err() == nil; bucket = int(next.Add(1)) - 1 {
				if err := inLoadTx(merging, l.db, func(tx *sql.Tx) error { return l.mergeBucket(merging, tx, bucket) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(merging); err != nil {
		return err
	}
	_, err := l.db.ExecContext(ctx, postgres.SQL(dropPartialsSQL, "generation", l.generation))
	return err
}

// mergeBucket makes rows of a bucket's partial states, unless it was done before.
func (l *profilesLoader) mergeBucket(ctx context.Context, tx *sql.Tx, bucket int) error {
	var size int
	query := postgres.SQL(sizeOfBucketSQL, "generation", l.generation, "bucket", bucket)
	if err := tx.QueryRowContext(ctx, query).Scan(&size); err != nil || size < 0 {
		return err
	}
	unstorable := projections.Issues{}
	passes := 1 + size/max(l.memory/4, 1)
	for pass := range passes {
		list, err := readBucket(ctx, tx, l.generation, bucket, pass, passes)
		if err != nil {
			return err
		}
		if err := l.write(ctx, tx, setOfBucket(bucket), list, unstorable); err != nil {
			return err
		}
	}
	if err := (Issues{}).AddIssues(ctx, tx, l.generation, unstorable); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, postgres.SQL(dropBucketSQL, "generation", l.generation, "bucket", bucket))
	return err
}

// note notes what is kept of what waited, and keeps its links.
func (l *profilesLoader) note(ctx context.Context, tx *sql.Tx, w *waiting, ignored projections.Issues) error {
	if err := keepLinks(ctx, tx, l.generation, w.links); err != nil {
		return err
	}
	return noteLoaded(ctx, tx, l.generation, w.holds, ignored)
}

// write merges partial states and writes people's rows; unstorable tells what
// the database could not hold.
func (l *profilesLoader) write(ctx context.Context, tx *sql.Tx, set StateSet, list []partial, unstorable projections.Issues) error {
	return mergePartials(list, func(people []person) error { return l.writePeople(ctx, tx, set, people, unstorable) })
}

func (l *profilesLoader) writePeople(ctx context.Context, tx *sql.Tx, set StateSet, people []person, unstorable projections.Issues) error {
	err := l.tryWrite(ctx, tx, set, people)
	if !postgres.IsUnstorable(err) {
		return err
	}
	for i := range people {
		err := l.tryWrite(ctx, tx, set, people[i:i+1])
		if postgres.IsUnstorable(err) {
			s := people[i].state
			unstorable.Add(&eventlog.Entry{ReceivedAt: s.Last, Offset: lastOffset(s)}, projections.Unstorable, "a person's state")
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tryWrite writes the people's rows as a whole, or none.
func (l *profilesLoader) tryWrite(ctx context.Context, tx *sql.Tx, set StateSet, people []person) error {
	return postgres.Try(ctx, tx, func() error { return l.tables.Of(set).writeStates(ctx, tx, l.generation, people, false) })
}

// lastOffset is where to look for an example of a person's traits.
func lastOffset(s profile.State) (last eventlog.Offset) {
	for _, t := range s.Traits {
		last = max(last, t.Stamp.Offset)
	}
	return last
}

// Index implements app.Loader.
func (l *profilesLoader) Index(ctx context.Context) error {
	err := postgres.InTx(ctx, l.db, func(tx *sql.Tx) error {
		if err := l.tables.Index(ctx, tx, l.generation); err != nil || !l.joins {
			return err
		}
		return l.tables.Of(anonymousStates).Index(ctx, tx, l.generation)
	})
	if err != nil || !l.joins {
		return err
	}
	return l.joinPeople(ctx)
}
