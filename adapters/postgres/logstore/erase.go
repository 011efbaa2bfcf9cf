package logstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// Eraser implements app.LogEraser.
type Eraser struct{}

var _ app.LogEraser = Eraser{}

// maxNeedles is how many texts a payload is searched for. Each costs the server
// about a quarter of what reading a payload costs, so for more all are taken.
const maxNeedles = 3

// searchSQL finds payloads that hold any of the texts.
//
// Plan: an index scan of the primary keys, merged over the partitions.
const searchSQL = `SELECT "offset" FROM <log> WHERE "offset" > $1 AND "offset" <= $2 AND (kinds & 128) = 0 AND (kinds & $4) <> 0
AND (cardinality($3::bytea[]) = 0 OR EXISTS (SELECT FROM unnest($3::bytea[]) AS needle WHERE position(needle IN payload) > 0)) ORDER BY "offset"`

// Search implements app.LogEraser. An id stands in a payload as it is, or in
// escapes: \u can hide any character, other escapes those that they are for.
func (Eraser) Search(ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, ids []string) ([]eventlog.Offset, error) {
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
	err := tx.QueryRowContext(ctx, `SELECT coalesce(array_agg("offset" ORDER BY "offset"), '{}') FROM (`+strings.ReplaceAll(searchSQL, "<log>", logOf(kinds))+`) l`,
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

// needsEscape tells which characters have an escape of their own in JSON.
func needsEscape(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '/' }

// Rewrite implements app.LogEraser. The entry stays in its partition, whatever
// kinds are left.
func (Eraser) Rewrite(ctx context.Context, tx app.Tx, e *eventlog.Entry) error {
	erased, err := json.Marshal(e.Erased)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE relay.log SET payload = $2, kinds = $3, metadata = metadata || jsonb_build_object('erased', $4::jsonb) WHERE "offset" = $1`,
			int64(e.Offset), e.Payload, int64(e.Kinds), string(erased))
	}
	if err != nil {
		return fmt.Errorf("rewrite the entry at log offset %d: %w", e.Offset, err)
	}
	return nil
}
