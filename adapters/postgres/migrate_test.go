package postgres

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"relay/migrations"
)

// TestMigrationsGoBack: each migration but the first, which makes the schema that
// their table is in, can be taken back and made again, and leaves what was there
// before it.
func TestMigrationsGoBack(t *testing.T) {
	t.Parallel()
	db := openMigrated(t)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithTableName("relay_store.schema_migrations"))
	if err != nil {
		t.Fatal(err)
	}
	whole := shapeOf(t, db)
	sources := provider.ListSources()
	var forward []string // the shape before each migration, the last one first
	for i := len(sources) - 1; i > 0; i-- {
		if _, err := provider.Down(t.Context()); err != nil {
			t.Fatalf("take back %d: %v", sources[i].Version, err)
		}
		forward = append(forward, shapeOf(t, db))
	}
	slices.Reverse(forward)
	for i := 1; i < len(sources); i++ {
		if got := shapeOf(t, db); got != forward[i-1] {
			t.Errorf("before %d made again: %s", sources[i].Version, difference(got, forward[i-1]))
		}
		if _, err := provider.UpByOne(t.Context()); err != nil {
			t.Fatalf("make %d again: %v", sources[i].Version, err)
		}
	}
	if got := shapeOf(t, db); got != whole {
		t.Errorf("all made again: %s", difference(got, whole))
	}
}

// shapeOf returns the columns, indexes and constraints in relay's schemas, a line
// each.
func shapeOf(t *testing.T, db *sql.DB) (shape string) {
	t.Helper()
	err := db.QueryRow(`SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT format('%s.%s.%s %s %s %s', table_schema, table_name, column_name, data_type, is_nullable, column_default) AS line
    FROM information_schema.columns WHERE table_schema IN ('relay', 'relay_store')
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname IN ('relay', 'relay_store')
    UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'relay_store'::regnamespace
) lines`).Scan(&shape)
	if err != nil {
		t.Fatal(err)
	}
	return shape
}

// difference lists the lines that one shape alone has.
func difference(got, want string) string {
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	var lines []string
	for _, l := range gotLines {
		if !slices.Contains(wantLines, l) {
			lines = append(lines, "+ "+l)
		}
	}
	for _, l := range wantLines {
		if !slices.Contains(gotLines, l) {
			lines = append(lines, "- "+l)
		}
	}
	return "\n" + strings.Join(lines, "\n")
}
