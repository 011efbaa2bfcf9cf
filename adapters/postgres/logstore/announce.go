package logstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/lib/pq"

	"relay/adapters/postgres"
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
var nextRangeSQL = postgres.Keep + `WITH head AS MATERIALIZED (<head>),
generation AS MATERIALIZED (
    SELECT id, checkpoint FROM relay_store.generations
    WHERE <generation> AND checkpoint < (SELECT "offset" FROM head) FOR UPDATE
)
SELECT g.id, g.checkpoint, r.up_to, r.up_to < (SELECT "offset" FROM head) AS more, <building> AS building,
       coalesce((SELECT "offset" FROM relay.log_identity WHERE ` + isControl + ` ORDER BY "offset" DESC LIMIT 1), 0) AS controls,
       set_config('plan_cache_mode', 'force_generic_plan', true)
FROM generation g, LATERAL (
    SELECT CASE WHEN count(*) < <rows> AND count(*) = count(*) FILTER (WHERE fits)
                THEN (SELECT "offset" FROM head) ELSE max("offset") FILTER (WHERE fits) END AS up_to
    FROM (
        SELECT "offset",
               sum(octet_length(payload)) OVER (ORDER BY "offset" ROWS UNBOUNDED PRECEDING) - octet_length(payload) < <bytes> AS fits
        FROM <log>
        WHERE "offset" > g.checkpoint AND "offset" <= (SELECT "offset" FROM head) AND (kinds & <kinds>) <> 0
        ORDER BY "offset" LIMIT <rows>
    ) rows
) r`

const (
	headOfLog     = `SELECT coalesce((SELECT "offset" FROM relay.log ORDER BY "offset" DESC LIMIT 1), 0) AS "offset"`
	headOfServing = `SELECT checkpoint AS "offset" FROM relay_store.generations
WHERE status = 'serving' AND projection = (SELECT projection FROM relay_store.generations WHERE id = <id>)`
)

// building reports whether generations are being built. A generation whose build
// was interrupted is there too, but then nobody holds the lock.
var building = `EXISTS (SELECT FROM relay_store.generations WHERE status = 'building')
       AND ` + postgres.Builds.Held()

// logOf returns the table that holds all entries with any of the kinds.
func logOf(kinds segment.Kinds) string {
	if kinds&^segment.IdentityKinds == 0 {
		return "relay.log_identity"
	}
	return "relay.log"
}

// announcements is the schema adapter of one consumer's subscriber. Each message
// is an announcement.
type announcements struct {
	consumption app.Consumption
	maxRows     int
	maxBytes    int
}

var _ watermillsql.SchemaAdapter = announcements{}

// SelectQuery implements watermillsql.SchemaAdapter.
func (s announcements) SelectQuery(watermillsql.SelectQueryParams) (watermillsql.Query, error) {
	head, generation, beside := headOfLog, `projection = `+pq.QuoteLiteral(s.consumption.Projection)+` AND status = 'serving'`, building
	if id := s.consumption.Generation; id != 0 {
		head, generation, beside = postgres.SQL(headOfServing, "id", id), postgres.SQL(`id = <id>`, "id", id), "false"
	}
	kinds := s.consumption.Kinds()
	return watermillsql.Query{Query: postgres.SQL(nextRangeSQL,
		"head", head, "generation", generation, "building", beside, "log", logOf(kinds), "kinds", int64(kinds),
		"rows", s.maxRows, "bytes", s.maxBytes)}, nil
}

// announcement is the payload of a message: a range that a generation is to take
// in.
type announcement struct {
	Generation  int64           `json:"generation"`
	After       eventlog.Offset `json:"after"`
	UpTo        eventlog.Offset `json:"up_to"`
	ControlHead eventlog.Offset `json:"control_head"`
	More        bool            `json:"more"`     // whether the log holds more
	Building    bool            `json:"building"` // whether generations are being built
}

func (a announcement) batch(tx app.Tx) app.Batch {
	return app.Batch{Tx: tx, Generation: a.Generation, Range: eventlog.Range{After: a.After, UpTo: a.UpTo}, ControlHead: a.ControlHead}
}

func readAnnouncement(payload message.Payload) (a announcement, err error) {
	if err := json.Unmarshal(payload, &a); err != nil {
		return a, fmt.Errorf("read the announcement of a range: %w", err)
	}
	return a, nil
}

// UnmarshalMessage implements watermillsql.SchemaAdapter: it makes the
// announcement of what nextRangeSQL found.
func (s announcements) UnmarshalMessage(params watermillsql.UnmarshalMessageParams) (watermillsql.Row, error) {
	var a announcement
	var mode string // of planning, which only had to be set
	if err := params.Row.Scan(&a.Generation, &a.After, &a.UpTo, &a.More, &a.Building, &a.ControlHead, &mode); err != nil {
		return watermillsql.Row{}, fmt.Errorf("read the next range of the log: %w", err)
	}
	payload, err := json.Marshal(a)
	if err != nil {
		return watermillsql.Row{}, fmt.Errorf("announce a range of the log: %w", err)
	}
	id := fmt.Sprintf("%s/%d/%d-%d", s.consumption.Projection, a.Generation, a.After, a.UpTo)
	return watermillsql.Row{Offset: int64(a.UpTo), Msg: message.NewMessage(id, payload)}, nil
}

var errSubscribeOnly = errors.New("this schema adapter only subscribes; insertion is the one to publish with")

// InsertQuery implements watermillsql.SchemaAdapter.
func (announcements) InsertQuery(watermillsql.InsertQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, errSubscribeOnly
}

// SchemaInitializingQueries implements watermillsql.SchemaAdapter; migrations
// make the log.
func (announcements) SchemaInitializingQueries(watermillsql.SchemaInitializingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// SubscribeIsolationLevel implements watermillsql.SchemaAdapter. Each statement
// may see more of the log than the one before, never less, which is all that a
// range needs.
func (announcements) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelReadCommitted }
