package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres/wire"
	"relay/domain/segment"
	"relay/migrations"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func open(t *testing.T) *sql.DB {
	t.Helper()
	return openURL(t, pgtest.URL(t))
}

// openMigrated opens a new database that is up to date.
func openMigrated(t *testing.T) *sql.DB {
	t.Helper()
	return openURL(t, pgtest.New(t, migrated))
}

func migrated(url string) error {
	db, err := Open(context.Background(), url, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = Migrate(context.Background(), db, migrations.FS)
	return err
}

func openURL(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := Open(t.Context(), url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestURLWithoutSSLMode: a URL that works in psql works here.
func TestURLWithoutSSLMode(t *testing.T) {
	t.Parallel()
	without := strings.Replace(strings.Replace(pgtest.URL(t), "sslmode=disable&", "", 1), "&sslmode=disable", "", 1)
	if strings.Contains(without, "sslmode") {
		t.Fatalf("the URL still names an sslmode: %s", without)
	}
	db, err := Open(t.Context(), without, 1)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}

// TestOtherEncodingsAreRefused: a database that cannot hold every text is told
// so at once.
func TestOtherEncodingsAreRefused(t *testing.T) {
	t.Parallel()
	db := open(t)
	name := fmt.Sprintf("ascii_%d", os.Getpid())
	if _, err := db.Exec(`CREATE DATABASE ` + name + ` ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	ascii, err := Open(t.Context(), u.String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer ascii.Close()
	if _, err := Migrate(t.Context(), ascii, migrations.FS); err == nil || !strings.Contains(err.Error(), "relay needs UTF8") {
		t.Errorf("migrating a SQL_ASCII database: %v", err)
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	db := open(t)
	texts, numbers, times, bytes := wire.NewColumn(wire.OIDText), wire.NewColumn(wire.OIDInt4), wire.NewColumn(wire.OIDTimestamptz), wire.NewColumn(wire.OIDBytea)
	for i := range 3 {
		texts.OrNull([]string{"a", "", "ü\""}[i])
		numbers.Int4(int32(-i))
		times.Instant(segment.Instant(int64(i) * -1_500_000))
		bytes.Bytes([]byte{0, byte(i)})
	}
	var got string
	err := db.QueryRow(`SELECT string_agg(concat_ws(' ', coalesce(a, 'null'), b, extract(epoch FROM c), d), '; ') FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::bytea[]) x(a, b, c, d)`,
		texts, numbers, times, bytes).Scan(&got)
	if want := `a 0 0.000000 \x0000; null -1 -1.500000 \x0001; ü" -2 -3.000000 \x0002`; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	var n int
	if err := db.QueryRow(`SELECT cardinality($1::text[])`, wire.NewColumn(wire.OIDText)).Scan(&n); err != nil || n != 0 {
		t.Errorf("an empty column has %d values, %v", n, err)
	}
}

// waitFor polls until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(time.Millisecond)
	}
}
