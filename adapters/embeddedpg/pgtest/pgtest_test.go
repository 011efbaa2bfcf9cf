package pgtest_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"relay/adapters/embeddedpg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func prepare(url string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`CREATE TABLE prepared (n int)`)
	return err
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for range 2 {
		db, err := sql.Open("postgres", pgtest.New(t, prepare))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var n int
		if err := db.QueryRow(`WITH w AS (INSERT INTO prepared VALUES (1)) SELECT count(*) FROM prepared`).Scan(&n); err != nil || n != 0 {
			t.Fatalf("%d rows in a new database, %v", n, err)
		}
	}
	db, err := sql.Open("postgres", pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE prepared (n int)`); err != nil {
		t.Errorf("an empty database is not empty: %v", err)
	}
}

// TestServerOfAnother: on a server that is given, tests leave nothing behind.
func TestServerOfAnother(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	binary := exec.Command(os.Args[0], "-test.run=^TestDatabasesAreApart$")
	binary.Env = append(os.Environ(), "RELAY_TEST_DATABASE_URL="+url)
	if out, err := binary.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var left int
	pattern := fmt.Sprintf(`relay\_test\_%d\_%%`, binary.Process.Pid)
	if err := db.QueryRow(`SELECT count(*) FROM pg_database WHERE datname LIKE $1`, pattern).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d databases are left behind, %v", left, err)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		pgtest.New(b, prepare)
	}
}
