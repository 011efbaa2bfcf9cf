package tables

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
)

// checksumBuckets is how many checksums are made of a table; a power of two. A
// few rows that differ make the join of a few in 4096 rows necessary.
const checksumBuckets = 4096

// prune finds the buckets of keys in which rows can differ, and limits the pair
// to them: where the number of rows and the sum of their hashes are equal, the
// rows are. It costs one scan of each side, by parallel workers where the server
// has some, and no sorting and no space on disk, unlike a join.
//
// The hashes have 64 bits and a new random seed each time, so a bucket in which
// rows differ is missed with a chance of one in 2^64, and not again the next
// time. jsonb is hashed as text: Postgres' own hash of jsonb does not see where
// an array within an array ends, [[1,2],3] being to it as [[1],2,3]. Equal
// values that are written in other ways, as 1.5 and 1.50, only cost time: the
// join decides.
func (p *pair) prune(ctx context.Context, tx app.Tx) error {
	seed := rand.Int64()
	served, err := p.checksums(ctx, tx, p.served, seed)
	if err != nil {
		return err
	}
	rebuilt, err := p.checksums(ctx, tx, p.rebuilt, seed)
	if err != nil {
		return err
	}
	var differ []string
	for bucket := range checksumBuckets {
		if served[bucket] != rebuilt[bucket] {
			differ = append(differ, strconv.Itoa(bucket))
		}
	}
	switch {
	case len(differ) == 0:
		p.within = "false"
	case len(differ) < checksumBuckets/2: // otherwise the condition costs more than it saves
		p.within = p.bucket() + " = ANY ('{" + strings.Join(differ, ",") + "}')"
	}
	return nil
}

// bucket is the bucket of a row of t.
func (p *pair) bucket() string {
	return postgres.SQL("(hash_record_extended(ROW(t.<key>), 0) & <mask>)", "key", p.key, "mask", checksumBuckets-1)
}

const checksumsSQL = `SELECT <bucket>, count(*) || ' ' || sum(hash_record_extended(ROW(<fields>), $1)) FROM <side> t GROUP BY 1`

// checksums returns a side's number of rows and sum of hashes by bucket.
func (p *pair) checksums(ctx context.Context, tx app.Tx, side string, seed int64) (sums [checksumBuckets]string, err error) {
	fields := []string{"t." + p.key} // or rows of one bucket could change places
	for _, f := range p.fields {
		name := "t." + pq.QuoteIdentifier(f.name)
		if f.jsonb {
			name += "::text"
		}
		if f.name != p.key {
			fields = append(fields, name)
		}
	}
	// The planner takes the buckets for as many as there are rows, and would
	// rather sort them.
	if _, err := tx.ExecContext(ctx, `SET LOCAL enable_sort = off`); err != nil {
		return sums, err
	}
	rows, err := tx.QueryContext(ctx, postgres.SQL(checksumsSQL,
		"bucket", p.bucket(), "fields", strings.Join(fields, ", "), "side", side), seed)
	if err != nil {
		return sums, fmt.Errorf("sum up %s: %w", side, err)
	}
	defer rows.Close()
	for rows.Next() {
		var bucket int
		var sum string
		if err := rows.Scan(&bucket, &sum); err != nil {
			return sums, fmt.Errorf("sum up %s: %w", side, err)
		}
		sums[bucket] = sum
	}
	if err := rows.Err(); err != nil {
		return sums, fmt.Errorf("sum up %s: %w", side, err)
	}
	_, err = tx.ExecContext(ctx, `SET LOCAL enable_sort = DEFAULT`)
	return sums, err
}
