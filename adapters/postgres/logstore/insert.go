package logstore

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"relay/adapters/postgres/wire"
	"relay/app/ingest"
	"relay/domain/segment"
)

// insertSQL appends all messages of a publish. Their bodies come as one bytea
// that the server cuts apart, which costs less than as many parameters or an
// array; other columns come as arrays in binary form, distinct metadata once
// each. The lane is taken before the first row draws its offset and held until
// the commit.
var insertSQL = keep + `WITH lane AS MATERIALIZED (SELECT ` + lane + `)
INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT m.uuid, m.received_at, m.kinds,
       (m.kinds & ` + identityMask + `) <> 0, substring($1::bytea FROM m.start FOR m.length), ($8::jsonb[])[m.metadata]
FROM lane, unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::int[], $6::int[], $7::int[])
     AS m(uuid, received_at, kinds, start, length, metadata)`

// insertOneSQL appends a message that goes alone, with less work for the server.
// As above, the lane is taken before the row draws its offset: a scan runs before
// its results are worked out.
var insertOneSQL = keep + `INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT $1::uuid, $2::timestamptz, $3::int, ($3::int & ` + identityMask + `) <> 0, $4::bytea, $5::jsonb FROM ` + lane

// identityMask is segment.IdentityKinds as SQL. The check of relay.log_identity
// holds the same number.
var identityMask = strconv.Itoa(int(segment.IdentityKinds))

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
	uuids, received, kinds, starts, lengths, origins *wire.Column
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
		uuids: wire.NewSizedColumn(wire.OIDUUID, n, 16), received: wire.NewSizedColumn(wire.OIDTimestamptz, n, 8), kinds: wire.NewSizedColumn(wire.OIDInt4, n, 4),
		starts: wire.NewSizedColumn(wire.OIDInt4, n, 4), lengths: wire.NewSizedColumn(wire.OIDInt4, n, 4), origins: wire.NewSizedColumn(wire.OIDInt4, n, 4),
	}
}

// insertOne is the insert of one message. Values in bytes travel in the types'
// binary form.
func insertOne(m *message.Message) (watermillsql.Query, error) {
	e, id, err := entryWithID(m)
	if err != nil {
		return watermillsql.Query{}, err
	}
	received := wire.AppendInstant(nil, segment.InstantOf(e.ReceivedAt))
	kinds := binary.BigEndian.AppendUint32(nil, uint32(e.Kinds))
	body := []byte(m.Payload)
	if body == nil {
		body = []byte{} // nil would be null
	}
	return watermillsql.Query{Query: insertOneSQL, Args: []any{id[:], received, kinds, body, provenanceOf(e).json()}}, nil
}

func entryWithID(m *message.Message) (e *ingest.NewEntry, id uuid.UUID, err error) {
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
	b.uuids.UUID(id)
	b.received.Instant(segment.InstantOf(e.ReceivedAt))
	b.kinds.Int4(int32(e.Kinds))
	b.starts.Int4(int32(len(b.bodies) + 1))
	b.lengths.Int4(int32(len(m.Payload)))
	b.origins.Int4(int32(b.place(provenanceOf(e))))
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
		b.bodies, b.uuids, b.received, b.kinds, b.starts,
		b.lengths, b.origins, textArray(b.metadata),
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
