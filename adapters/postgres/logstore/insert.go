package logstore

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/google/uuid"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app/ingest"
	"relay/domain/segment"
)

// insertManySQL appends several entries. Their bodies come as one bytea that the
// server cuts apart, which costs less than as many parameters or an array; other
// columns come as arrays in binary form, distinct metadata once each. The lane is
// taken before the first row draws its offset and held until the commit.
var insertManySQL = postgres.Keep + `WITH lane AS MATERIALIZED (SELECT ` + lane + `)
INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT m.uuid, m.received_at, m.kinds,
       ` + postgres.HoldsAny("m.kinds", segment.IdentityKinds) + `,
       substring($1::bytea FROM m.start FOR m.length), ($8::jsonb[])[m.metadata]
FROM lane, unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::int[], $6::int[], $7::int[])
     AS m(uuid, received_at, kinds, start, length, metadata)`

// insertOneSQL appends an entry that goes alone, with less work for the server.
// As above, the lane is taken before the row draws its offset: a scan runs before
// its results are worked out.
var insertOneSQL = postgres.Keep + `INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT $1::uuid, $2::timestamptz, $3::int, ` + postgres.HoldsAny("$3::int", segment.IdentityKinds) + `, $4::bytea, $5::jsonb FROM ` + lane

// insertion is the schema adapter of a publisher that is used once, for these
// entries.
type insertion struct {
	entries []*ingest.NewEntry
}

var _ watermillsql.SchemaAdapter = insertion{}

// InsertQuery implements watermillsql.SchemaAdapter. It needs nothing of the
// messages, since it holds the entries.
func (i insertion) InsertQuery(watermillsql.InsertQueryParams) (watermillsql.Query, error) {
	if len(i.entries) == 1 {
		return insertOne(i.entries[0])
	}
	return insertMany(i.entries)
}

// insertOne makes the query for one entry. Values in bytes travel in the types'
// binary form.
func insertOne(e *ingest.NewEntry) (watermillsql.Query, error) {
	id, err := entryID(e)
	if err != nil {
		return watermillsql.Query{}, err
	}
	received := wire.AppendInstant(nil, segment.InstantOf(e.Inbound.ReceivedAt))
	kinds := binary.BigEndian.AppendUint32(nil, uint32(e.Kinds))
	body := e.Inbound.Body
	if body == nil {
		body = []byte{} // nil would be null
	}
	return watermillsql.Query{Query: insertOneSQL, Args: []any{id[:], received, kinds, body, metadataOf(e).json()}}, nil
}

// insertMany makes the query for several entries.
func insertMany(entries []*ingest.NewEntry) (watermillsql.Query, error) {
	c := newInsertColumns(entries)
	for _, e := range entries {
		if err := c.add(e); err != nil {
			return watermillsql.Query{}, err
		}
	}
	return watermillsql.Query{Query: insertManySQL, Args: c.args()}, nil
}

func entryID(e *ingest.NewEntry) (uuid.UUID, error) {
	id, err := uuid.Parse(e.Inbound.RequestID)
	if err != nil {
		return id, fmt.Errorf("the id of an entry for the log: %w", err)
	}
	return id, nil
}

// insertColumns collects the parameters of insertManySQL.
type insertColumns struct {
	bodies                                               []byte
	uuids, received, kinds, starts, lengths, metadataIDs *wire.Column
	metadata                                             []string         // distinct ones, as JSON
	metadataID                                           map[metadata]int // their places in that list, from 1
}

func newInsertColumns(entries []*ingest.NewEntry) *insertColumns {
	n, bytes := len(entries), 0
	for _, e := range entries {
		bytes += len(e.Inbound.Body)
	}
	ints := func() *wire.Column { return wire.NewSizedColumn(wire.OIDInt4, n, 4) }
	return &insertColumns{
		bodies: make([]byte, 0, bytes), metadataID: map[metadata]int{},
		uuids: wire.NewSizedColumn(wire.OIDUUID, n, 16), received: wire.NewSizedColumn(wire.OIDTimestamptz, n, 8),
		kinds: ints(), starts: ints(), lengths: ints(), metadataIDs: ints(),
	}
}

func (c *insertColumns) add(e *ingest.NewEntry) error {
	id, err := entryID(e)
	if err != nil {
		return err
	}
	c.uuids.UUID(id)
	c.received.Instant(segment.InstantOf(e.Inbound.ReceivedAt))
	c.kinds.Int4(int32(e.Kinds))
	c.starts.Int4(int32(len(c.bodies) + 1))
	c.lengths.Int4(int32(len(e.Inbound.Body)))
	c.metadataIDs.Int4(int32(c.placeOf(metadataOf(e))))
	c.bodies = append(c.bodies, e.Inbound.Body...)
	return nil
}

func (c *insertColumns) placeOf(m metadata) int {
	if place, ok := c.metadataID[m]; ok {
		return place
	}
	c.metadata = append(c.metadata, m.json())
	c.metadataID[m] = len(c.metadata)
	return len(c.metadata)
}

func (c *insertColumns) args() []any {
	return []any{c.bodies, c.uuids, c.received, c.kinds, c.starts, c.lengths, c.metadataIDs, textArray(c.metadata)}
}

var arrayEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func textArray(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = `"` + arrayEscaper.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

var errPublishOnly = errors.New("this schema adapter only publishes; announcements is the one to subscribe with")

// SelectQuery implements watermillsql.SchemaAdapter.
func (insertion) SelectQuery(watermillsql.SelectQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, errPublishOnly
}

// UnmarshalMessage implements watermillsql.SchemaAdapter.
func (insertion) UnmarshalMessage(watermillsql.UnmarshalMessageParams) (watermillsql.Row, error) {
	return watermillsql.Row{}, errPublishOnly
}

// SchemaInitializingQueries implements watermillsql.SchemaAdapter; migrations
// make the log.
func (insertion) SchemaInitializingQueries(watermillsql.SchemaInitializingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// SubscribeIsolationLevel implements watermillsql.SchemaAdapter.
func (insertion) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelReadCommitted }

// These constants also stand in migrations, so they must not change.
var (
	_ = [1]struct{}{}[segment.IdentityKinds-225]
	_ = [1]struct{}{}[segment.Control-128]
)
