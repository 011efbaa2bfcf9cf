package logstore

import watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"

// moveCheckpointSQL is the acknowledgement of a range. Its transaction does not
// wait for the disk, where ingest waits: what a crash of the server takes back of
// it, the checkpoint among it, is projected from the log once more.
const moveCheckpointSQL = keep + `UPDATE relay_store.generations SET checkpoint = $2, checkpoint_at = now() WHERE id = $1
RETURNING set_config('synchronous_commit', 'off', true)`

// checkpoints is the offsets adapter: a consumer's offset is the checkpoint of
// its generation.
type checkpoints struct{}

var _ watermillsql.OffsetsAdapter = checkpoints{}

// AckMessageQuery implements watermillsql.OffsetsAdapter.
func (checkpoints) AckMessageQuery(params watermillsql.AckMessageQueryParams) (watermillsql.Query, error) {
	row := params.LastRow.ExtraData[extraRange].(rangeRow)
	return watermillsql.Query{Query: moveCheckpointSQL, Args: []any{row.generation, int64(row.r.UpTo)}}, nil
}

// ConsumedMessageQuery implements watermillsql.OffsetsAdapter.
func (checkpoints) ConsumedMessageQuery(watermillsql.ConsumedMessageQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// NextOffsetQuery implements watermillsql.OffsetsAdapter; the schema adapter's
// query reads the checkpoint itself, to lock and use it in one statement.
func (checkpoints) NextOffsetQuery(watermillsql.NextOffsetQueryParams) (watermillsql.Query, error) {
	return watermillsql.Query{}, nil
}

// SchemaInitializingQueries implements watermillsql.OffsetsAdapter.
func (checkpoints) SchemaInitializingQueries(watermillsql.OffsetsSchemaInitializingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}

// BeforeSubscribingQueries implements watermillsql.OffsetsAdapter.
func (checkpoints) BeforeSubscribingQueries(watermillsql.BeforeSubscribingQueriesParams) ([]watermillsql.Query, error) {
	return nil, nil
}
