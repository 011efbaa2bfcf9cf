package logstore

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/lib/pq"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// nextRangeSQL finds the next range (checkpoint, up_to] of a generation and
// locks its row, so that one consumer works on it at a time, whichever process
// it is in. Parts in <angle brackets> are filled in by SelectQuery.
//
// The range ends at the head when all that is to be read fits, and otherwise
// with the last row that fits into <rows> rows and <bytes> bytes. Head and rows
// come from one snapshot, and offsets become visible in order, so no row can
// appear behind the range's end later. The row is only locked when there is
// something to do: an idle consumer writes nothing.
//
// Plan: one backward index scan a partition for the head; a merge of the
// partitions' primary keys from the checkpoint on for the rows. No sort. Planning
// it takes longer than running it, and so it is with what follows in the
// transaction: this one has no parameters, so that the server plans it once, and
// the server is told to plan what follows for any parameters.
const nextRangeSQL = keep + `WITH head AS MATERIALIZED (<head>),
generation AS MATERIALIZED (
    SELECT id, checkpoint FROM relay_store.generations
    WHERE <generation> AND checkpoint < (SELECT "offset" FROM head) FOR UPDATE
)
SELECT g.id, g.checkpoint, r.up_to, r.up_to < (SELECT "offset" FROM head) AS more, <building> AS building,
       coalesce((SELECT "offset" FROM relay.log_identity WHERE (kinds & 128) <> 0 ORDER BY "offset" DESC LIMIT 1), 0) AS controls,
       set_config('plan_cache_mode', 'force_generic_plan', true)
FROM generation g, LATERAL (
    SELECT CASE WHEN count(*) < <rows> AND count(*) = count(*) FILTER (WHERE fits)
                THEN (SELECT "offset" FROM head) ELSE max("offset") FILTER (WHERE fits) END AS up_to
    FROM (
        SELECT "offset", sum(octet_length(payload)) OVER (ORDER BY "offset" ROWS UNBOUNDED PRECEDING) - octet_length(payload) < <bytes> AS fits
        FROM <log>
        WHERE "offset" > g.checkpoint AND "offset" <= (SELECT "offset" FROM head) AND (kinds & <kinds>) <> 0
        ORDER BY "offset" LIMIT <rows>
    ) rows
) r`

const (
	headOfLog     = `SELECT coalesce((SELECT "offset" FROM relay.log ORDER BY "offset" DESC LIMIT 1), 0) AS "offset"`
	headOfServing = `SELECT checkpoint AS "offset" FROM relay_store.generations WHERE status = 'serving' AND projection = (SELECT projection FROM relay_store.generations WHERE id = <id>)`
)

// building tells whether somebody builds generations now: one that was interrupted
// is there too, but nobody has the claim.
const building = `EXISTS (SELECT FROM relay_store.generations WHERE status = 'building') AND EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (1919249779, 2)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`

// logOf returns the table that holds all entries with any of the kinds.
func logOf(kinds segment.Kinds) string {
	if kinds&^segment.IdentityKinds == 0 {
		return "relay.log_identity"
	}
	return "relay.log"
}

// rangeSchema is the schema adapter of one consumer: a message announces a
// range, and carries no payload.
type rangeSchema struct {
	consumption app.Consumption
	maxRows     int
	maxBytes    int
	more        func(more, building bool) // told of each range whether the log holds more, and whether generations are built beside it
}

var _ watermillsql.SchemaAdapter = rangeSchema{}

// SelectQuery implements watermillsql.SchemaAdapter.
func (s rangeSchema) SelectQuery(watermillsql.SelectQueryParams) (watermillsql.Query, error) {
	head, generation, beside := headOfLog, `projection = `+pq.QuoteLiteral(s.consumption.Projection)+` AND status = 'serving'`, building
	if s.consumption.Generation != 0 {
		head, generation, beside = headOfServing, `id = <id>`, "false"
	}
	kinds := s.consumption.Kinds()
	query := strings.NewReplacer("<head>", head, "<generation>", generation, "<building>", beside, "<log>", logOf(kinds)).Replace(nextRangeSQL)
	query = strings.NewReplacer(
		"<id>", strconv.FormatInt(s.consumption.Generation, 10), "<kinds>", strconv.FormatInt(int64(kinds), 10),
		"<rows>", strconv.Itoa(s.maxRows), "<bytes>", strconv.Itoa(s.maxBytes),
	).Replace(query)
	return watermillsql.Query{Query: query}, nil
}

// rangeRow is what a message announces: in its metadata for the handler, and as
// the row's extra data for the offsets adapter.
type rangeRow struct {
	generation  int64
	r           eventlog.Range
	controlHead eventlog.Offset
}

func (r rangeRow) metadata() message.Metadata {
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	return message.Metadata{
		"generation": text(r.generation), "after": text(int64(r.r.After)),
		"up_to": text(int64(r.r.UpTo)), "controls": text(int64(r.controlHead)),
	}
}

// rangeOf reads what metadata wrote.
func rangeOf(m *message.Message) (rangeRow, error) {
	var err error
	number := func(key string) int64 {
		n, bad := strconv.ParseInt(m.Metadata[key], 10, 64)
		err = errors.Join(err, bad)
		return n
	}
	row := rangeRow{
		generation:  number("generation"),
		r:           eventlog.Range{After: eventlog.Offset(number("after")), UpTo: eventlog.Offset(number("up_to"))},
		controlHead: eventlog.Offset(number("controls")),
	}
	return row, err
}

// UnmarshalMessage implements watermillsql.SchemaAdapter.
func (s rangeSchema) UnmarshalMessage(params watermillsql.UnmarshalMessageParams) (watermillsql.Row, error) {
	var row rangeRow
	var more, building bool
	var mode string // of planning, which only had to be set
	if err := params.Row.Scan(&row.generation, &row.r.After, &row.r.UpTo, &more, &building, &row.controlHead, &mode); err != nil {
		return watermillsql.Row{}, fmt.Errorf("read the next range of the log: %w", err)
	}
	s.more(more, building)
	id := fmt.Sprintf("%s/%d/%d-%d", s.consumption.Projection, row.generation, row.r.After, row.r.UpTo)
	msg := message.NewMessage(id, nil)
	msg.Metadata = row.metadata()
	return watermillsql.Row{
		Offset: int64(row.r.UpTo), UUID: []byte(id), Msg: msg,
		ExtraData: map[string]any{extraRange: row},
	}, nil
}

const extraRange = "range"

var errPublishOnly = errors.New("this adapter only consumes; the appender publishes")

// InsertQuery implements watermillsql.SchemaAdapter.
func (s rangeSchema) InsertQuery(watermillsql.InsertQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, errPublishOnly
}

// SchemaInitializingQueries implements watermillsql.SchemaAdapter; migrations
// make the log.
func (s rangeSchema) SchemaInitializingQueries(watermillsql.SchemaInitializingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// SubscribeIsolationLevel implements watermillsql.SchemaAdapter. Each statement
// may see more of the log than the one before, never less, which is all that a
// range needs.
func (s rangeSchema) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelReadCommitted }
