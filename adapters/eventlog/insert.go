package eventlog

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"relay/domain/segment"
)

// insertSQL appends all messages of a publish. Their bodies come as one bytea
// that the server cuts apart, which costs less than as many parameters or an
// array; distinct metadata come once each. The lane is taken before the first
// row draws its offset and held until the commit.
const insertSQL = `WITH lane AS MATERIALIZED (SELECT ` + lane + `)
INSERT INTO relay.log (uuid, received_at, kinds, identity, payload, metadata)
SELECT m.uuid, relay_store.instant(m.received), m.kinds,
       (m.kinds & ` + identityMask + `) <> 0, substring($1::bytea FROM m.start FOR m.length), ($8::jsonb[])[m.metadata]
FROM lane, unnest($2::uuid[], $3::bigint[], $4::int[], $5::int[], $6::int[], $7::int[])
     AS m(uuid, received, kinds, start, length, metadata)`

const identityMask = "225" // segment.IdentityKinds, as a constant for the SQL above

var errSubscribeOnly = errors.New("this adapter only publishes; consumers have their own")

// publishSchema is the schema adapter of publishers.
type publishSchema struct{}

var _ watermillsql.SchemaAdapter = publishSchema{}

// InsertQuery implements watermillsql.SchemaAdapter.
func (publishSchema) InsertQuery(params watermillsql.InsertQueryParams) (watermillsql.Query, error) {
	var b insertBatch
	for _, m := range params.Msgs {
		if err := b.add(m); err != nil {
			return watermillsql.Query{}, err
		}
	}
	return watermillsql.Query{Query: insertSQL, Args: b.args()}, nil
}

// insertBatch collects the parameters of insertSQL, arrays as Postgres texts.
type insertBatch struct {
	bodies                                          []byte
	uuids, received, kinds, starts, lengths, places []byte
	metadata                                        []string
	known                                           map[string]int
}

func (b *insertBatch) add(m *message.Message) error {
	kinds, receivedAt, err := columns(m)
	if err != nil {
		return err
	}
	b.uuids = append(appendComma(b.uuids), m.UUID...)
	b.received = strconv.AppendInt(appendComma(b.received), int64(receivedAt), 10)
	b.kinds = strconv.AppendUint(appendComma(b.kinds), uint64(kinds), 10)
	b.starts = strconv.AppendInt(appendComma(b.starts), int64(len(b.bodies))+1, 10)
	b.lengths = strconv.AppendInt(appendComma(b.lengths), int64(len(m.Payload)), 10)
	b.places = strconv.AppendInt(appendComma(b.places), int64(b.place(metadataOf(m))), 10)
	b.bodies = append(b.bodies, m.Payload...)
	return nil
}

// place returns the metadata's index in the array of distinct ones, from 1.
func (b *insertBatch) place(metadata string) int {
	if i, ok := b.known[metadata]; ok {
		return i
	}
	if b.known == nil {
		b.known = map[string]int{}
	}
	b.metadata = append(b.metadata, metadata)
	b.known[metadata] = len(b.metadata)
	return len(b.metadata)
}

func (b *insertBatch) args() []any {
	bodies := b.bodies
	if bodies == nil {
		bodies = []byte{}
	}
	return []any{
		bodies, array(b.uuids), array(b.received), array(b.kinds), array(b.starts),
		array(b.lengths), array(b.places), textArray(b.metadata),
	}
}

func appendComma(list []byte) []byte {
	if len(list) > 0 {
		return append(list, ',')
	}
	return list
}

func array(list []byte) string { return "{" + string(list) + "}" }

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
