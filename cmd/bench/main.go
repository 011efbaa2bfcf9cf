// Command bench measures relay beside its peers on one machine, in one run:
// Watermill's default Postgres adapter, lib/pq's COPY and psql's COPY. It prints
// one table, with ratios, since absolute figures differ from machine to machine
// and from hour to hour.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/lib/pq"

	"relay/adapters/embeddedpg"
	"relay/adapters/postgres"
	"relay/migrations"
)

func main() {
	calls := flag.Int("calls", envInt("CALLS", 1_000_000), "calls in the log (CALLS)")
	measures := flag.String("measures", "append,read,live,rebuild", "what to measure, in this order")
	keep := flag.String("keep", "", "name of a database to measure in that stays; a log that is there already is not written again")
	flag.Parse()
	if err := run(context.Background(), *calls, *keep, strings.Split(*measures, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func envInt(name string, otherwise int) int {
	var n int
	if _, err := fmt.Sscan(os.Getenv(name), &n); err != nil || n < 1 {
		return otherwise
	}
	return n
}

// bench is one run.
type bench struct {
	url     string
	db      *sql.DB
	calls   int
	keep    string // name of the database that stays; empty: one that is dropped
	results []result
	plain   *sql.DB // as Watermill's users open it
	copied  int64   // rows that COPY wrote
}

func run(ctx context.Context, calls int, keep string, measures []string) error {
	url, stop, err := database(ctx)
	if err != nil {
		return err
	}
	b := &bench{calls: calls, keep: keep}
	err = b.run(ctx, url, measures)
	return errors.Join(err, stop())
}

// database returns the server to measure on: RELAY_DATABASE_URL, or an embedded
// one in a folder that is removed afterwards.
func database(ctx context.Context) (url string, stop func() error, err error) {
	if url := os.Getenv("RELAY_DATABASE_URL"); url != "" {
		return url, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "relay-bench-")
	if err != nil {
		return "", nil, err
	}
	server, err := embeddedpg.Open(ctx, embeddedpg.Config{DataDir: dir, BinDir: os.Getenv("RELAY_POSTGRES_BIN"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server.URL(), func() error { return errors.Join(server.Close(), os.RemoveAll(dir)) }, nil
}

// run measures in a database of its own.
func (b *bench) run(ctx context.Context, serverURL string, measures []string) error {
	server, err := postgres.Open(ctx, serverURL, 2)
	if err != nil {
		return err
	}
	defer server.Close()
	name := b.keep
	if name == "" {
		name = fmt.Sprintf("relay_bench_%d", os.Getpid())
		defer func() {
			_, _ = server.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") // its name tells what it is
		}()
	}
	if err := createDatabase(ctx, server, name); err != nil {
		return err
	}
	if b.url, err = otherDatabase(serverURL, name); err != nil {
		return err
	}
	if b.db, err = postgres.Open(ctx, b.url, 16); err != nil {
		return err
	}
	defer b.db.Close()
	if _, err := postgres.Migrate(ctx, b.db, migrations.FS); err != nil {
		return err
	}
	known := map[string]func(context.Context) error{"append": b.appending, "read": b.reading, "live": b.projecting, "rebuild": b.rebuilding}
	for _, name := range measures {
		measure, ok := known[name]
		if !ok {
			return fmt.Errorf("nothing is measured under the name %q", name)
		}
		if err := measure(ctx); err != nil {
			return err
		}
	}
	b.print(ctx)
	return nil
}

// createDatabase creates the database unless it is there.
func createDatabase(ctx context.Context, server *sql.DB, name string) error {
	var there bool
	if err := server.QueryRowContext(ctx, "SELECT count(*) > 0 FROM pg_database WHERE datname = $1", name).Scan(&there); err != nil {
		return fmt.Errorf("look for the database to measure in: %w", err)
	}
	if there {
		return nil
	}
	if _, err := server.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(name)); err != nil {
		return fmt.Errorf("create a database to measure in: %w", err)
	}
	return nil
}

func otherDatabase(serverURL, name string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", fmt.Errorf("read the database URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// print prints the table, as it stands in the README.
func (b *bench) print(ctx context.Context) {
	var version string
	if err := b.db.QueryRowContext(ctx, "SHOW server_version").Scan(&version); err != nil {
		version = "?"
	}
	fmt.Printf("\n%d cores shared by load, relay and PostgreSQL %s; %s; %d calls, %s\n\n",
		runtime.NumCPU(), version, runtime.Version(), b.calls, time.Now().UTC().Format("2006-01-02"))
	fmt.Println("| what | way | rate | ratio |")
	fmt.Println("| --- | --- | ---: | ---: |")
	for _, r := range b.results {
		fmt.Printf("| %s | %s | %s | %.2f |\n", r.what, r.way, r.rateText(), r.ratio(b.results))
	}
}

// result is one measured way of doing something.
type result struct {
	what, way string
	n         int
	unit      string
	took      time.Duration
}

func (r result) rate() float64 { return float64(r.n) / r.took.Seconds() }

func (r result) rateText() string { return fmt.Sprintf("%.0f %s/s", r.rate(), r.unit) }

// ratio compares with the first way of the same thing, which is relay's.
func (r result) ratio(all []result) float64 {
	for _, other := range all {
		if other.what == r.what {
			return r.rate() / other.rate()
		}
	}
	return 1
}

// measure times one way and notes the result.
func (b *bench) measure(what, way, unit string, n int, do func() error) error {
	runtime.GC()
	took, err := timed(do)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", what, way, err)
	}
	b.note(result{what, way, n, unit, took})
	return nil
}

func timed(do func() error) (time.Duration, error) {
	started := time.Now()
	err := do()
	return time.Since(started), err
}

func (b *bench) note(r result) {
	b.results = append(b.results, r)
	fmt.Fprintf(os.Stderr, "%s, %s: %s in %.1f s\n", r.what, r.way, r.rateText(), r.took.Seconds())
}
