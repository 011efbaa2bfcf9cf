package logstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"relay/app"
	"relay/app/ingest"
	"relay/domain/segment"
)

func TestAFailedBatchLeavesNothingAndComesAgain(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	if _, err := db.Exec(`CREATE TABLE seen (n int)`); err != nil {
		t.Fatal(err)
	}
	if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("{}", segment.Track)}); err != nil {
		t.Fatal(err)
	}
	tries, done := 0, make(chan struct{})
	stop := consume(t, db, ConsumersConfig{}, events, func(ctx context.Context, b app.Batch) (bool, error) {
		tries++
		if _, err := b.Tx.ExecContext(ctx, `INSERT INTO seen VALUES ($1)`, tries); err != nil {
			return err == nil, err
		}
		switch tries {
		case 1:
			return false, errors.New("not yet")
		case 2:
			_, err := b.Tx.ExecContext(ctx, `SELECT 1/0`) // poisons the transaction
			return err == nil, err
		}
		close(done)
		return true, nil
	})
	<-done
	stop()
	var rows string
	if err := db.QueryRow(`SELECT string_agg(n::text, ',') FROM seen`).Scan(&rows); err != nil || rows != "3" {
		t.Errorf("rows of tries %q (%v), want those of the third only", rows, err)
	}
	if got := checkpoint(t, db); got != 1 {
		t.Errorf("checkpoint %d, want 1", got)
	}
}

// TestAFailedCommitIsReported: a range whose commit fails is announced again, and
// not before somebody was told.
func TestAFailedCommitIsReported(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	if _, err := db.Exec(`CREATE TABLE seen (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("{}", segment.Track)}); err != nil {
		t.Fatal(err)
	}
	var tries, failures atomic.Int32
	done := make(chan struct{})
	config := ConsumersConfig{OnError: func(string, error) { failures.Add(1) }}
	stop := consume(t, db, config, events, func(ctx context.Context, b app.Batch) (bool, error) {
		rows := 2 // the same twice
		if tries.Add(1) > 1 {
			rows = 1
			close(done)
		}
		_, err := b.Tx.ExecContext(ctx, `INSERT INTO seen SELECT 7 FROM generate_series(1, $1)`, rows)
		return err == nil, err
	})
	<-done
	stop()
	if failures.Load() != 1 || tries.Load() != 2 {
		t.Errorf("%d tries and %d failures told, want 2 and 1", tries.Load(), failures.Load())
	}
	if got := checkpoint(t, db); got != 1 {
		t.Errorf("checkpoint %d, want 1", got)
	}
}

func TestStoppingFinishesTheBatchUnderWay(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	if err := AppendAll(t.Context(), db, []ingest.NewEntry{entry("{}", segment.Track)}); err != nil {
		t.Fatal(err)
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	stop := consume(t, db, ConsumersConfig{}, events, func(context.Context, app.Batch) (bool, error) {
		close(begun)
		<-goOn
		return true, nil
	})
	<-begun
	go close(goOn)
	stop()
	if got := checkpoint(t, db); got != 1 {
		t.Errorf("checkpoint %d, want 1: the batch under way was lost", got)
	}
}
