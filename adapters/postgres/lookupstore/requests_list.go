package lookupstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/lookup"
	"relay/domain/segment"
)

// RequestLists implements lookup.RequestReader.
type RequestLists struct {
	DB *sql.DB
}

var _ lookup.RequestReader = RequestLists{}

// requestWindow is how many log rows one list looks at, where a filter leaves
// out most of them.
const requestWindow = 5_000

// acceptedColumns are what scanAccepted reads.
const acceptedColumns = `SELECT uuid::text, received_at, metadata ->> 'source', octet_length(payload),
       coalesce((metadata ->> 'calls')::integer, 1), "offset"
`

// acceptedSQL reads the log backwards by its primary keys, from an offset on. What
// is left out is left out outside, where it cannot lead the planner to another
// way: it takes few rows to be no control entries.
var acceptedSQL = acceptedColumns + `FROM (SELECT * FROM relay.log WHERE "offset" < $1 ORDER BY "offset" DESC LIMIT $2) l
WHERE ` + postgres.HoldsNone("kinds", segment.Control) + ` AND ($3 = '' OR metadata ->> 'source' = $3) ORDER BY "offset" DESC LIMIT $4`

// windowSQL tells where such a window ends, and whether there is more.
const windowSQL = `SELECT coalesce(min("offset"), 0), count(*) FROM (
    SELECT "offset" FROM relay.log WHERE "offset" < $1 ORDER BY "offset" DESC LIMIT $2) l`

// refusedColumns: bodies have an index on their time of receipt, and none on their
// request.
const refusedColumns = `SELECT q.request_id::text, q.received_at, q.source, q.status, q.code, q.bytes, q.calls,
       coalesce((SELECT max(id) FROM relay_store.rejected j WHERE j.request_id = q.request_id
           AND j.received_at BETWEEN q.received_at - interval '1 second' AND q.received_at + interval '1 second'), 0)
FROM relay_store.refused_requests q `

// Requests implements lookup.RequestReader.
func (r RequestLists) Requests(
	ctx context.Context, f lookup.RequestFilter, from lookup.RequestPlace, limit int,
) (list lookup.RequestList, err error) {
	err = postgres.Database(r).InSnapshot(ctx, func(tx app.Tx) error {
		if f.ID != "" {
			return oneRequest(ctx, tx, f.ID, &list)
		}
		return requestPage(ctx, tx, f, from, limit, &list)
	})
	if err != nil {
		return list, fmt.Errorf("list the requests: %w", err)
	}
	return list, nil
}

// requestPage merges the accepted and the refused ones by their time of receipt.
func requestPage(
	ctx context.Context, tx *sql.Tx, f lookup.RequestFilter, from lookup.RequestPlace, limit int, list *lookup.RequestList,
) error {
	var accepted, refused []lookup.RequestRow
	var end int64
	var err error
	if f.Outcome == "" || f.Outcome == "accepted" {
		if accepted, end, err = acceptedRequests(ctx, tx, f.Source, from.Offset, limit); err != nil {
			return err
		}
	}
	if f.Outcome != "accepted" {
		if refused, err = refusedRequests(ctx, tx, f, from.Refused, limit); err != nil {
			return err
		}
	}
	all := append(slices.Clone(accepted), refused...)
	slices.SortStableFunc(all, func(a, b lookup.RequestRow) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	list.Requests = all[:min(limit, len(all))]
	next, shown := from, 0
	for _, row := range list.Requests {
		if row.LogOffset == 0 {
			next.Refused = row.ReceivedAt
			continue
		}
		next.Offset = row.LogOffset
		shown++
	}
	if shown == len(accepted) && end > 0 {
		next.Offset = end
	}
	if len(all) > limit || len(refused) == limit || end > 0 {
		list.Next = &next
	}
	return nil
}

// acceptedRequests returns up to limit requests, and the offset of the last row
// that was looked at, 0 where nothing is left.
func acceptedRequests(
	ctx context.Context, tx *sql.Tx, source string, before int64, limit int,
) (list []lookup.RequestRow, end int64, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	rows, err := tx.QueryContext(ctx, acceptedSQL, before, requestWindow, source, limit)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanAccepted(rows.Scan)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	if len(list) == limit {
		return list, list[limit-1].LogOffset, nil
	}
	var looked int
	if err := tx.QueryRowContext(ctx, windowSQL, before, requestWindow).Scan(&end, &looked); err != nil {
		return nil, 0, err
	}
	if looked < requestWindow {
		end = 0
	}
	return list, end, nil
}

func scanAccepted(scan func(...any) error) (lookup.RequestRow, error) {
	row := lookup.RequestRow{Status: 200}
	err := scan(&row.RequestID, &row.ReceivedAt, &row.Source, &row.Bytes, &row.Calls, &row.LogOffset)
	return row, err
}

func refusedRequests(ctx context.Context, tx *sql.Tx, f lookup.RequestFilter, before time.Time, limit int) ([]lookup.RequestRow, error) {
	code := f.Outcome
	if code == "refused" {
		code = ""
	}
	rows, err := tx.QueryContext(ctx, refusedColumns+`WHERE ($1::timestamptz IS NULL OR q.received_at < $1)
  AND ($2 = '' OR q.source = $2) AND ($3 = '' OR q.code = $3)
ORDER BY q.received_at DESC LIMIT $4`, sql.NullTime{Time: before, Valid: !before.IsZero()}, f.Source, code, limit)
	if err != nil {
		return nil, err
	}
	return scanRefused(rows)
}

func scanRefused(rows *sql.Rows) (list []lookup.RequestRow, err error) {
	defer rows.Close()
	for rows.Next() {
		var row lookup.RequestRow
		err := rows.Scan(&row.RequestID, &row.ReceivedAt, &row.Source, &row.Status, &row.Code, &row.Bytes, &row.Calls, &row.RejectedID)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// oneRequest finds a request by its id, which tells the time of its receipt to
// within a moment: an index of stretches of the log finds it by that.
func oneRequest(ctx context.Context, tx *sql.Tx, text string, list *lookup.RequestList) error {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil // no request has such an id
	}
	rows, err := tx.QueryContext(ctx, refusedColumns+`WHERE q.request_id = $1`, id.String())
	if err != nil {
		return err
	}
	if list.Requests, err = scanRefused(rows); err != nil {
		return err
	}
	row, err := scanAccepted(tx.QueryRowContext(ctx, acceptedColumns+`FROM relay.log
WHERE (uuid::text) COLLATE "C" = $1 AND `+postgres.HoldsNone("kinds", segment.Control)+` LIMIT 1`, id.String()).Scan)
	if err == nil {
		list.Requests = append(list.Requests, row)
	} else if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return nil
}
