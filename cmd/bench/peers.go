package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// bareCommits measures the least that one call can cost: one client that commits
// one row after the other.
func (b *bench) bareCommits(ctx context.Context, r *requests) error {
	const what, target = "single calls, 1 connection", "a bare commit of one row"
	if !b.options.cases.MatchString(what + ", " + target) {
		return nil
	}
	if err := b.place.exec(ctx, `CREATE TABLE IF NOT EXISTS peer_commit (id bigserial PRIMARY KEY, payload bytea)`); err != nil {
		return err
	}
	conn, err := b.place.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	insert, err := conn.PrepareContext(ctx, `INSERT INTO peer_commit (payload) VALUES ($1)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	l := load{what: what, target: target, inLog: b.calls, calls: 1, outcome: &outcome{accepted: newHistogram()}}
	bodies, started := r.bodies(), time.Now()
	for i := 0; time.Since(started) < b.options.lasting; i++ {
		before := time.Now()
		if _, err := insert.ExecContext(ctx, bodies[i%len(bodies)]); err != nil {
			return fmt.Errorf("bare commits: %w", err)
		}
		_ = l.outcome.accepted.RecordValue(time.Since(before).Microseconds())
	}
	l.outcome.took = time.Since(started)
	b.noteLoad(l)
	return nil
}

// copyIngest measures psql's COPY of the bodies that the batches hold: Postgres
// cannot store them with less work.
func (b *bench) copyIngest(ctx context.Context, r *requests) error {
	const rounds = 4
	name, err := writeCopyFile(r.bodies(), rounds)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := b.place.exec(ctx, `DROP TABLE IF EXISTS peer_copy_in; CREATE TABLE peer_copy_in (payload bytea)`); err != nil {
		return err
	}
	took, err := timed(func() error {
		return exec.CommandContext(ctx, "psql", b.place.url, "-qc", `\copy peer_copy_in FROM '`+name+`' (FORMAT binary)`).Run()
	})
	if err != nil {
		return fmt.Errorf("psql COPY of the same bytes: %w", err)
	}
	b.note(result{
		what: "batches of 50, their bytes", way: "psql binary COPY IN", unit: "calls",
		n: rounds * len(r.each) * r.calls, took: took,
	})
	return nil
}

// writeCopyFile writes the bodies, all of them rounds times, in Postgres' binary COPY format.
func writeCopyFile(bodies [][]byte, rounds int) (name string, err error) {
	file, err := os.CreateTemp("", "relay-bench-copy-")
	if err != nil {
		return "", err
	}
	defer file.Close()
	var rows []byte
	for _, body := range bodies {
		rows = binary.BigEndian.AppendUint16(rows, 1)
		rows = binary.BigEndian.AppendUint32(rows, uint32(len(body)))
		rows = append(rows, body...)
	}
	out := append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)
	for range rounds {
		out = append(out, rows...)
	}
	_, err = file.Write(binary.BigEndian.AppendUint16(out, 0xffff))
	return file.Name(), err
}
