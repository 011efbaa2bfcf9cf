// Package migrations holds the schema of the log and of relay's own state, as
// SQL for goose. Tables of generations are not here: they come and go with
// re-projections, and adapters/postgres defines them.
package migrations

import "embed"

// FS holds the migrations, named NNNN_what.sql.
//
//go:embed *.sql
var FS embed.FS
