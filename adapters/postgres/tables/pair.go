package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
)

// keyed is a table that every generation has.
type keyed struct {
	name string // without the generation
	key  string // a column without nulls, unique
	id   string // the column by which people know a row
}

// pair is two relations with the same columns, such as a table of two
// generations, of which some columns are compared row by row.
type pair struct {
	keyed
	served, rebuilt string
	fields          []field  // that are compared
	except          []string // columns that are not, and are not shown
	within          string   // SQL condition on those rows of t that can differ; empty: any row can
	bothFirst       bool     // whether rows that are on both sides come before others
}

// field is a column of a table.
type field struct {
	name  string
	jsonb bool
}

// errOtherColumns is returned where a table is not alike in two generations.
var errOtherColumns = errors.New("the table has other columns than the one that is rebuilt: another version of relay made it; " +
	"run relay reproject --from beginning")

// pairOf returns the pair of a table in two generations, for all of its columns
// but some.
func pairOf(ctx context.Context, tx app.Tx, t keyed, served, rebuilt int64, except ...string) (p pair, err error) {
	p = pair{keyed: t, served: tableOf(t.name, served), rebuilt: tableOf(t.name, rebuilt), except: except}
	if p.fields, err = fieldsOf(ctx, tx, p.rebuilt); err != nil {
		return p, err
	}
	others, err := fieldsOf(ctx, tx, p.served)
	if err != nil {
		return p, err
	}
	if !slices.Equal(p.fields, others) {
		return p, fmt.Errorf("%s: %w", p.served, errOtherColumns)
	}
	p.fields = slices.DeleteFunc(p.fields, func(f field) bool { return slices.Contains(except, f.name) })
	return p, nil
}

// tableOf names a generation's table.
func tableOf(name string, generation int64) string {
	return postgres.SQL("relay_store.<table>_g<generation>", "table", name, "generation", generation)
}

// fieldsOf returns a table's columns by name.
func fieldsOf(ctx context.Context, tx app.Tx, table string) (fields []field, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT attname, atttypid = 'jsonb'::regtype FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`, table)
	if err != nil {
		return nil, fmt.Errorf("look up the columns of %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var f field
		if err := rows.Scan(&f.name, &f.jsonb); err != nil {
			return nil, fmt.Errorf("look up the columns of %s: %w", table, err)
		}
		fields = append(fields, f)
	}
	return fields, rows.Err()
}

// differences are the rows that are not the same on both sides.
type differences struct {
	total, added, removed int64
	rows                  []app.Difference // the first of them
}

const differencesSQL = `WITH different AS MATERIALIZED (
    SELECT key, $3 AND (added OR removed) AS later, count(*) OVER () AS total,
           count(*) FILTER (WHERE added) OVER () AS added, count(*) FILTER (WHERE removed) OVER () AS removed
    FROM (<differing>) d ORDER BY later, key LIMIT $1
)
SELECT coalesce(a.<id>, b.<id>), d.total, d.added, d.removed,
       coalesce((to_jsonb(a) - coalesce($2::text[], '{}'))::text, ''), coalesce((to_jsonb(b) - coalesce($2::text[], '{}'))::text, '')
FROM different d LEFT JOIN <served> a ON a.<key> = d.key LEFT JOIN <rebuilt> b ON b.<key> = d.key ORDER BY d.later, d.key`

// differences finds them; rows holds up to limit.
//
// Plan: a hash join of what is compared; then the few rows that are shown are
// looked up by key.
func (p *pair) differences(ctx context.Context, tx app.Tx, limit int) (d differences, err error) {
	rows, err := tx.QueryContext(ctx, postgres.SQL(differencesSQL,
		"differing", p.differing(""), "served", p.served, "rebuilt", p.rebuilt, "key", p.key, "id", p.id),
		max(limit, 1), pq.Array(p.except), p.bothFirst) // one row at least, for the counts
	if err != nil {
		return d, fmt.Errorf("compare %s: %w", p.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		row := app.Difference{Table: p.name}
		if err := rows.Scan(&row.Key, &d.total, &d.added, &d.removed, &row.Served, &row.Rebuilt); err != nil {
			return d, fmt.Errorf("compare %s: %w", p.name, err)
		}
		if len(d.rows) < limit {
			d.rows = append(d.rows, row)
		}
	}
	return d, rows.Err()
}

const differingSQL = `SELECT coalesce(a.<key>, b.<key>) AS key, a.<key> IS NULL AS added, b.<key> IS NULL AS removed<more>
FROM <served> a FULL JOIN <rebuilt> b ON b.<key> = a.<key>
WHERE a.<key> IS NULL OR b.<key> IS NULL OR ROW(<served_fields>) IS DISTINCT FROM ROW(<rebuilt_fields>)`

// differing is a query for the keys of the rows that are not the same, whether
// each is added or removed, and more columns of a (served) and b (rebuilt).
func (p *pair) differing(more string) string {
	served, rebuilt := make([]string, len(p.fields)), make([]string, len(p.fields))
	for i, f := range p.fields {
		served[i], rebuilt[i] = "a."+pq.QuoteIdentifier(f.name), "b."+pq.QuoteIdentifier(f.name)
	}
	return postgres.SQL(differingSQL, "key", p.key, "more", more, "served", p.limited(p.served), "rebuilt", p.limited(p.rebuilt),
		"served_fields", strings.Join(served, ", "), "rebuilt_fields", strings.Join(rebuilt, ", "))
}

// limited is a side without the rows that cannot differ.
func (p *pair) limited(side string) string {
	if p.within == "" {
		return side
	}
	return "(SELECT * FROM " + side + " t WHERE " + p.within + ")"
}
