package eventlog

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"relay/app"
	"relay/domain/segment"
)

// insertSQL appends all messages of a publish. Their bodies come as one bytea
// that the server cuts apart, which costs less than as many parameters or an
// array; other columns come as arrays in binary form, distinct metadata once
// each. The lane is taken before the first row draws its offset and held until
// the commit.
const insertSQL = keep + `WITH lane AS MATERIALIZED (SELECT ` + lane + `)
INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT m.uuid, m.received_at, m.kinds,
       (m.kinds & ` + identityMask + `) <> 0, substring($1::bytea FROM m.start FOR m.length), ($8::jsonb[])[m.metadata]
FROM lane, unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::int[], $6::int[], $7::int[])
     AS m(uuid, received_at, kinds, start, length, metadata)`

// insertOneSQL appends a message that goes alone, with less work for the server.
// As above, the lane is taken before the row draws its offset: a scan runs before
// its results are worked out.
const insertOneSQL = keep + `INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT $1::uuid, $2::timestamptz, $3::int, ($3::int & ` + identityMask + `) <> 0, $4::bytea, $5::jsonb FROM ` + lane

const identityMask = "225" // segment.IdentityKinds, as a constant for the SQL above

var errSubscribeOnly = errors.New("this adapter only publishes; consumers have their own")

// publishSchema is the schema adapter of publishers.
type publishSchema struct{}

var _ watermillsql.SchemaAdapter = publishSchema{}

// InsertQuery implements watermillsql.SchemaAdapter.
func (publishSchema) InsertQuery(params watermillsql.InsertQueryParams) (watermillsql.Query, error) {
	if len(params.Msgs) == 1 {
		return insertOne(params.Msgs[0])
	}
	b := newInsertBatch(params.Msgs)
	for _, m := range params.Msgs {
		if err := b.add(m); err != nil {
			return watermillsql.Query{}, err
		}
	}
	return watermillsql.Query{Query: insertSQL, Args: b.args()}, nil
}

// insertBatch collects the parameters of insertSQL.
type insertBatch struct {
	bodies                                           []byte
	uuids, received, kinds, starts, lengths, origins array
	metadata                                         []string
	known                                            map[provenance]int // places in metadata, from 1
}

func newInsertBatch(messages message.Messages) *insertBatch {
	n, bytes := len(messages), 0
	for _, m := range messages {
		bytes += len(m.Payload)
	}
	return &insertBatch{
		bodies: make([]byte, 0, bytes), known: map[provenance]int{},
		uuids: newArray(oidUUID, n, 16), received: newArray(oidTimestamptz, n, 8), kinds: newArray(oidInt4, n, 4),
		starts: newArray(oidInt4, n, 4), lengths: newArray(oidInt4, n, 4), origins: newArray(oidInt4, n, 4),
	}
}

// insertOne is the insert of one message. Values in bytes travel in the types'
// binary form.
func insertOne(m *message.Message) (watermillsql.Query, error) {
	e, id, err := entryWithID(m)
	if err != nil {
		return watermillsql.Query{}, err
	}
	received := appendInstant(nil, segment.InstantOf(e.ReceivedAt))
	kinds := binary.BigEndian.AppendUint32(nil, uint32(e.Kinds))
	body := []byte(m.Payload)
	if body == nil {
		body = []byte{} // nil would be null
	}
	return watermillsql.Query{Query: insertOneSQL, Args: []any{id[:], received, kinds, body, provenanceOf(e).json()}}, nil
}

func entryWithID(m *message.Message) (e *app.NewEntry, id uuid.UUID, err error) {
	if e, err = entryOf(m); err != nil {
		return nil, id, err
	}
	if id, err = uuid.Parse(m.UUID); err != nil {
		return nil, id, fmt.Errorf("the id of an entry for the log: %w", err)
	}
	return e, id, nil
}

func (b *insertBatch) add(m *message.Message) error {
	e, id, err := entryWithID(m)
	if err != nil {
		return err
	}
	b.uuids.uuid(id)
	b.received.instant(segment.InstantOf(e.ReceivedAt))
	b.kinds.int4(int(e.Kinds))
	b.starts.int4(len(b.bodies) + 1)
	b.lengths.int4(len(m.Payload))
	b.origins.int4(b.place(provenanceOf(e)))
	b.bodies = append(b.bodies, m.Payload...)
	return nil
}

func (b *insertBatch) place(p provenance) int {
	if place, ok := b.known[p]; ok {
		return place
	}
	b.metadata = append(b.metadata, p.json())
	b.known[p] = len(b.metadata)
	return len(b.metadata)
}

func (b *insertBatch) args() []any {
	return []any{
		b.bodies, b.uuids.bytes(), b.received.bytes(), b.kinds.bytes(), b.starts.bytes(),
		b.lengths.bytes(), b.origins.bytes(), textArray(b.metadata),
	}
}

var arrayEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func textArray(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = `"` + arrayEscaper.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// SelectQuery implements watermillsql.SchemaAdapter.
func (publishSchema) SelectQuery(watermillsql.SelectQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, errSubscribeOnly
}

// UnmarshalMessage implements watermillsql.SchemaAdapter.
func (publishSchema) UnmarshalMessage(watermillsql.UnmarshalMessageParams) (watermillsql.Row, error) {
	return watermillsql.Row{}, errSubscribeOnly
}

// SchemaInitializingQueries implements watermillsql.SchemaAdapter; migrations
// make the log.
func (publishSchema) SchemaInitializingQueries(watermillsql.SchemaInitializingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// SubscribeIsolationLevel implements watermillsql.SchemaAdapter.
func (publishSchema) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelReadCommitted }

// The constant in the SQL must be the set that the domain names.
var _ = [1]struct{}{}[segment.IdentityKinds-225]
