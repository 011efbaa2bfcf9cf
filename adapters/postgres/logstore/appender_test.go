package logstore

import (
	"database/sql"
	"sync"
	"testing"
	"time"

	"relay/app"
	"relay/domain/segment"
)

func TestWhatWaitsGoesTogether(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	hold, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := (Controls{}).Lock(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var commits []int
	a := newAppender(t, db, AppenderConfig{OnCommitted: func(rows, _ int, _ time.Duration, _ error) {
		mu.Lock()
		commits = append(commits, rows)
		mu.Unlock()
	}})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := a.Append(t.Context(), entry("12345", segment.Track)); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, "all entries to wait", func() bool { return a.Waiting() == 20*5 })
	hold.Rollback()
	wg.Wait()
	if len(commits) > 2 {
		t.Errorf("20 entries took %d commits %v, want 2 at most: the first under way and all others", len(commits), commits)
	}
}

func TestAppenderLimits(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	hold, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback()
	if err := (Controls{}).Lock(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	a := newAppender(t, db, AppenderConfig{MaxWaiting: 10, Timeout: 200 * time.Millisecond})
	first := make(chan error, 1)
	go func() { first <- a.Append(t.Context(), entry("12345678", segment.Track)) }()
	waitFor(t, "the first entry to wait", func() bool { return a.Waiting() == 8 })
	if err := a.Append(t.Context(), entry("1234", segment.Track)); !isErr(err, app.ErrOverloaded) {
		t.Errorf("beyond the bytes that may wait: %v, want ErrOverloaded", err)
	}
	if err := <-first; !isErr(err, app.ErrUnavailable) {
		t.Errorf("while the log is locked: %v, want ErrUnavailable", err)
	}
	hold.Rollback()
	waitFor(t, "room", func() bool { return a.Waiting() == 0 })
	if err := a.Append(t.Context(), entry("1234", segment.Track)); err != nil {
		t.Errorf("after that: %v", err)
	}
	if n := len(readAll(t, db, everyKind)); n != 1 {
		t.Errorf("%d entries, want the acknowledged one only", n)
	}
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	a := NewAppender(db, AppenderConfig{})
	results := make(chan error, 10)
	for range cap(results) {
		go func() { results <- a.Append(t.Context(), entry("{}", segment.Track)) }()
	}
	acknowledged := 0
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	a.Close()
	acknowledged++
	for range cap(results) - 1 {
		if <-results == nil {
			acknowledged++
		}
	}
	if n := len(readAll(t, db, everyKind)); n != acknowledged {
		t.Errorf("%d entries, %d were acknowledged", n, acknowledged)
	}
	if err := a.Append(t.Context(), entry("{}", segment.Track)); !isErr(err, app.ErrUnavailable) {
		t.Errorf("after Close: %v, want ErrUnavailable", err)
	}
}

func newAppender(t *testing.T, db *sql.DB, config AppenderConfig) *Appender {
	t.Helper()
	a := NewAppender(db, config)
	t.Cleanup(a.Close)
	return a
}
