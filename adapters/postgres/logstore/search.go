package logstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Searcher implements app.LogSearcher.
type Searcher struct{}

var _ app.LogSearcher = Searcher{}

// maxNeedles is how many texts a payload is searched for. Each costs the server
// about a quarter of what reading a payload costs, so for more all are taken.
const maxNeedles = 3

// searchSQL finds payloads that hold any of the texts.
//
// Plan: an index scan of the primary keys, merged over the partitions.
var searchSQL = `SELECT coalesce(array_agg("offset" ORDER BY "offset"), '{}') FROM (
    SELECT "offset" FROM <log>
    WHERE "offset" > $1 AND "offset" <= $2 AND ` + postgres.HoldsNone("kinds", segment.Control) + ` AND (kinds & $4) <> 0
      AND (cardinality($3::bytea[]) = 0 OR EXISTS (SELECT FROM unnest($3::bytea[]) AS needle WHERE position(needle IN payload) > 0))
    ORDER BY "offset"
) l`

// Search implements app.LogSearcher. An id stands in a payload as it is, or in
// escapes: \u can stand for any character, each other escape for one only.
func (Searcher) Search(ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, ids []string) ([]eventlog.Offset, error) {
	needles := pq.ByteaArray{}
	if len(ids) <= maxNeedles {
		needles = append(needles, []byte(`\u`))
		for _, id := range ids {
			if strings.ContainsFunc(id, needsEscape) {
				needles[0] = []byte(`\`)
			}
			needles = append(needles, []byte(id))
		}
	}
	var offsets []int64
	err := tx.QueryRowContext(ctx, postgres.SQL(searchSQL, "log", logOf(kinds)),
		int64(r.After), int64(r.UpTo), needles, int64(kinds)).Scan(pq.Array(&offsets))
	if err != nil {
		return nil, fmt.Errorf("search the log after offset %d: %w", r.After, err)
	}
	found := make([]eventlog.Offset, len(offsets))
	for i, o := range offsets {
		found[i] = eventlog.Offset(o)
	}
	return found, nil
}

// needsEscape reports whether a character has an escape of its own in JSON.
func needsEscape(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '/' }
