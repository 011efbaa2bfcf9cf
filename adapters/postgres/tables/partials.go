package tables

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/domain/profile"
)

// partials are encoded partial states, by bucket: of each the person's id and
// the state, each after its length. They hold few pointers and are merged only
// when all are known, person by person.
type partials struct {
	of   [allBuckets][]byte // first those of user ids, then those of anonymous ids
	size int
}

// buckets is how many parts the people are merged in. Which person is in which
// must be the same in every process that works on a generation.
const (
	buckets    = 32
	allBuckets = 2 * buckets
)

// setOfBucket says whose states a bucket holds.
func setOfBucket(bucket int) StateSet {
	if bucket < buckets {
		return OwnStates
	}
	return anonymousStates
}

func newPartials(users, anonymous map[string]profile.State) *partials {
	p := &partials{}
	p.add(users, 0)
	p.add(anonymous, buckets)
	for _, b := range p.of {
		p.size += len(b)
	}
	return p
}

// add adds states to the buckets from the first on.
func (p *partials) add(states map[string]profile.State, first int) {
	var state []byte
	for id, s := range states {
		state = s.AppendBinary(state[:0])
		b := &p.of[first+int(xxhash.Sum64String(id)%buckets)]
		*b = binary.AppendUvarint(*b, uint64(len(id)))
		*b = append(*b, id...)
		*b = binary.AppendUvarint(*b, uint64(len(state)))
		*b = append(*b, state...)
	}
}

// partial is one encoded partial state. It shares the memory of what it was
// read from.
type partial struct {
	id, state []byte
}

// nextPartial takes the first partial state off data.
func nextPartial(data []byte) (p partial, rest []byte, err error) {
	if p.id, rest, err = lengthAndBytes(data); err == nil {
		p.state, rest, err = lengthAndBytes(rest)
	}
	return p, rest, err
}

func lengthAndBytes(data []byte) (text, rest []byte, err error) {
	n, size := binary.Uvarint(data)
	if size <= 0 || n > uint64(len(data)-size) {
		return nil, nil, profile.ErrCorrupt
	}
	end := size + int(n)
	return data[size:end:end], data[end:], nil
}

// The partitions hold the rows. From PostgreSQL 18 on, only they can be unlogged.
const (
	partialsDDL = `CREATE TABLE IF NOT EXISTS relay_store.partials_g<generation> (
    bucket smallint NOT NULL,
    states bytea    NOT NULL
) PARTITION BY LIST (bucket);
ALTER TABLE relay_store.partials_g<generation> ALTER COLUMN states SET STORAGE EXTERNAL`
	partialsBucketDDL = `CREATE UNLOGGED TABLE IF NOT EXISTS relay_store.partials_g<generation>_<bucket>
PARTITION OF relay_store.partials_g<generation> FOR VALUES IN (<bucket>) WITH (toast_tuple_target = 8160)`
	readPartialsSQL = `SELECT states FROM relay_store.partials_g<generation>_<bucket>`
	dropBucketSQL   = `DROP TABLE relay_store.partials_g<generation>_<bucket>`
	dropPartialsSQL = `DROP TABLE IF EXISTS relay_store.partials_g<generation>`
	sizeOfBucketSQL = `SELECT coalesce(pg_table_size(to_regclass('relay_store.partials_g<generation>_<bucket>')), -1)`
)

// pageOfPartials is how many bytes of partial states a row holds, but for the
// last of them: the row fills a page of the table.
const pageOfPartials = 7500

func createPartials(ctx context.Context, tx *sql.Tx, generation int64) error {
	if err := execFor(ctx, tx, partialsDDL, generation); err != nil {
		return err
	}
	for bucket := range allBuckets {
		if _, err := tx.ExecContext(ctx, postgres.SQL(partialsBucketDDL, "generation", generation, "bucket", bucket)); err != nil {
			return err
		}
	}
	return nil
}

func writePartials(ctx context.Context, tx *sql.Tx, generation int64, all []*partials) error {
	rows := wire.NewRowWriter(tx, tableOf("partials", generation), 2, "")
	defer rows.Close()
	for bucket := range allBuckets {
		for _, p := range all {
			if err := writeBucket(ctx, rows, bucket, p.of[bucket]); err != nil {
				return err
			}
		}
	}
	return rows.Insert(ctx)
}

// writeBucket writes partial states of a bucket, in rows of about a page.
func writeBucket(ctx context.Context, rows *wire.RowWriter, bucket int, states []byte) error {
	for start, rest := states, states; len(rest) > 0; {
		var err error
		if _, rest, err = nextPartial(rest); err != nil {
			return err
		}
		n := len(start) - len(rest)
		if n < pageOfPartials && len(rest) > 0 {
			continue
		}
		rows.Begin()
		rows.Int2(int16(bucket))
		rows.Bytes(start[:n])
		rows.End()
		start = rest
		if rows.Full() {
			if err := rows.Insert(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// readBucket reads those of a bucket's partial states that belong to one of
// several passes, so that memory holds a part of a large bucket at a time.
func readBucket(ctx context.Context, tx *sql.Tx, generation int64, bucket, pass, passes int) (list []partial, err error) {
	query := postgres.SQL(readPartialsSQL, "generation", generation, "bucket", bucket)
	read, err := tx.PrepareContext(ctx, query) // or bytes would come as text
	if err != nil {
		return nil, err
	}
	defer read.Close()
	rows, err := read.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var states []byte
		if err := rows.Scan(&states); err != nil {
			return nil, err
		}
		if list, err = appendPartials(list, states, pass, passes); err != nil {
			return nil, err
		}
	}
	return list, rows.Err()
}

func appendPartials(list []partial, states []byte, pass, passes int) ([]partial, error) {
	for len(states) > 0 {
		p, rest, err := nextPartial(states)
		if err != nil {
			return nil, err
		}
		if passes > 1 {
			if int(xxhash.Sum64(p.id)/buckets%uint64(passes)) != pass {
				states = rest
				continue
			}
			p = partial{bytes.Clone(p.id), bytes.Clone(p.state)} // the others' memory goes
		}
		list, states = append(list, p), rest
	}
	return list, nil
}

// mergePartials calls each with people in order of their ids, some at a time.
// It changes the order of the list.
func mergePartials(list []partial, each func([]person) error) error {
	slices.SortFunc(list, func(a, b partial) int { return bytes.Compare(a.id, b.id) })
	var decoder profile.Decoder
	var people []person
	for size := 0; len(list) > 0; {
		n := 1
		for n < len(list) && bytes.Equal(list[n].id, list[0].id) {
			n++
		}
		state, err := mergeStates(&decoder, list[:n])
		if err != nil {
			return err
		}
		people = append(people, person{string(list[0].id), state})
		size += n * len(list[0].state)
		list = list[n:]
		if len(people) < mergedPeople && size < mergedBytes && len(list) > 0 {
			continue
		}
		if err := each(people); err != nil {
			return err
		}
		clear(people)
		people, size = people[:0], 0
	}
	return nil
}

// How many people are merged before they are written, and about how many bytes
// their states may have.
const (
	mergedPeople = 2000
	mergedBytes  = 4 << 20
)

// mergeStates merges the partial states of one person.
func mergeStates(decoder *profile.Decoder, list []partial) (state profile.State, err error) {
	for _, p := range list {
		s, err := decoder.State(p.state)
		if err != nil {
			return state, fmt.Errorf("partial state of %q: %w", p.id, err)
		}
		state = profile.Merge(state, s)
	}
	return state, nil
}
