package postgres

import (
	"database/sql"
	"fmt"
	"testing"
)

// oneConnection is a database with one connection, so that what it keeps can be
// seen.
func oneConnection(t *testing.T) *sql.DB {
	t.Helper()
	db := open(t)
	db.SetMaxOpenConns(1)
	return db
}

func keptOn(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT count(*) FROM pg_prepared_statements`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func scanInt(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStatementsAreKept(t *testing.T) {
	t.Parallel()
	db := oneConnection(t)
	for i := range 10 {
		if n := scanInt(t, db, Keep+`SELECT $1::int + 1`, i); n != i+1 {
			t.Fatalf("%d + 1 = %d", i, n)
		}
		scanInt(t, db, `SELECT $1::int + 2`, i)
	}
	if n := keptOn(t, db); n != 1 {
		t.Errorf("%d statements are kept, want the one that asks for it", n)
	}
}

// TestFewAreKept: texts that differ without end do not fill the server's memory.
func TestFewAreKept(t *testing.T) {
	t.Parallel()
	db := oneConnection(t)
	for i := range 3 * maxKept {
		scanInt(t, db, fmt.Sprintf(Keep+`SELECT %d + $1::int`, i), 1)
		if n := keptOn(t, db); n > maxKept {
			t.Fatalf("%d statements are kept", n)
		}
	}
}

// TestKeptStatementsFollowTheSchema: one whose result changed fails at most once.
func TestKeptStatementsFollowTheSchema(t *testing.T) {
	t.Parallel()
	db := oneConnection(t)
	run := func(statement string) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE TABLE things (a int); INSERT INTO things VALUES (1)`)
	const query = Keep + `SELECT * FROM things WHERE a = $1`
	scanInt(t, db, query, 1)
	run(`ALTER TABLE things ADD b int DEFAULT 2`)
	if _, err := db.Exec(query, 1); err == nil {
		t.Error("the server runs a statement whose result changed; so nothing needs to be forgotten")
	}
	var a, b int
	if err := db.QueryRow(query, 1).Scan(&a, &b); err != nil || a != 1 || b != 2 {
		t.Errorf("after the change: %d, %d, %v", a, b, err)
	}
}

// TestAFailureInATransaction: a kept statement that fails leaves the connection
// as usable as any other does.
func TestAFailureInATransaction(t *testing.T) {
	t.Parallel()
	db := oneConnection(t)
	const query = Keep + `SELECT 10 / $1::int`
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	for _, divisor := range []int{5, 0} {
		_, _ = tx.Exec(`SAVEPOINT before`) // the next statement tells
		err = tx.QueryRow(query, divisor).Scan(&n)
	}
	if err == nil {
		t.Fatal("ten by nothing")
	}
	if _, err := tx.Exec(`ROLLBACK TO before`); err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(query, 2).Scan(&n); err != nil || n != 5 {
		t.Errorf("after the failure: %d, %v", n, err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}

// TestBytesOfKeptStatements: they come in binary form, and as they are.
func TestBytesOfKeptStatements(t *testing.T) {
	t.Parallel()
	db := oneConnection(t)
	for _, want := range []string{"", "\x00\xff\\x41", "text"} {
		var got []byte
		if err := db.QueryRow(Keep+`SELECT $1::bytea`, []byte(want)).Scan(&got); err != nil || string(got) != want {
			t.Errorf("%q became %q, %v", want, got, err)
		}
	}
}
