package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// kills is re-projections of the whole log that were killed at random moments,
// each followed by relay reproject --resume.
type kills struct {
	calls     int // in the log
	whole     time.Duration
	rounds    int
	ended     int           // rounds in which it was killed before it began or after it was done
	wrong     int           // rounds after which other rows were served, or tables left over
	late      int           // rounds in which half of the run's time was over
	slow      int           // of these, those in which resuming took no less than starting over
	remaining time.Duration // that resuming took in late rounds, in all
}

var killColumns = []string{
	"kill -9 and --resume", " calls in the log", " rounds", " wrong rows or tables left over", " whole run s",
	" killed after half of it", " resumed in s, mean of these", " of these slower than starting over", " not under way when killed",
}

func (k kills) row() []string {
	return []string{
		"profiles and events, whole", fmt.Sprint(k.calls), fmt.Sprint(k.rounds), fmt.Sprint(k.wrong), fmt.Sprintf("%.1f", k.whole.Seconds()),
		fmt.Sprint(k.late), fmt.Sprintf("%.1f", k.remaining.Seconds()/float64(max(k.late, 1))), fmt.Sprint(k.slow), fmt.Sprint(k.ended),
	}
}

// killRounds is how often a run is killed.
const killRounds = 50

// killing kills re-projections at random moments and resumes them.
func (b *bench) killing(ctx context.Context) error {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	whole, err := b.undisturbed(ctx)
	if err != nil {
		return err
	}
	want, err := b.digest(ctx)
	if err != nil {
		return err
	}
	k := kills{calls: b.calls, whole: whole}
	for k.rounds < killRounds {
		if err := b.killOnce(ctx, &k, want); err != nil {
			return err
		}
		say("%v", k.row())
	}
	b.report.kills = append(b.report.kills, k)
	return nil
}

// undisturbed is how long a run takes, the shortest of three: moments after its
// end would kill nothing.
func (b *bench) undisturbed(ctx context.Context) (shortest time.Duration, err error) {
	for range 3 {
		run, err := b.runRelay(ctx, wholeReplay...)
		if err != nil {
			return 0, err
		}
		if shortest == 0 || run.took < shortest {
			shortest = run.took
		}
	}
	return shortest, nil
}

var wholeReplay = []string{"reproject", "--from", "beginning"}

func (b *bench) killOnce(ctx context.Context, k *kills, want string) error {
	after := time.Duration(rand.Float64() * float64(k.whole))
	killed, err := b.killRelay(ctx, after, wholeReplay...)
	if err != nil {
		return err
	}
	k.rounds++
	if !killed {
		k.ended++
		return b.countWrong(ctx, k, want)
	}
	resumed, err := b.runRelay(ctx, "reproject", "--resume")
	switch {
	case err != nil && strings.Contains(err.Error(), "there is no re-projection to resume"):
		k.ended++
	case err != nil:
		return err
	case after > k.whole/2:
		k.late, k.remaining = k.late+1, k.remaining+resumed.took
		if resumed.took >= k.whole {
			k.slow++
		}
	}
	return b.countWrong(ctx, k, want)
}

// killRelay starts a relay command and kills it. It reports whether it was still
// running.
func (b *bench) killRelay(ctx context.Context, after time.Duration, args ...string) (killed bool, err error) {
	command := b.command(ctx, b.options.relay, args...)
	if err := command.Start(); err != nil {
		return false, fmt.Errorf("start relay: %w (make build makes it)", err)
	}
	timer := time.AfterFunc(after, func() { _ = command.Process.Kill() }) // it may have ended
	defer timer.Stop()
	_ = command.Wait() // the status tells
	return !command.ProcessState.Exited(), ctx.Err()
}

// countWrong compares what is served with what should be, and looks for tables
// of generations that are neither served nor kept for an undoing.
func (b *bench) countWrong(ctx context.Context, k *kills, want string) error {
	got, err := b.digest(ctx)
	if err != nil {
		return err
	}
	var left int
	err = b.place.db.QueryRowContext(ctx, `SELECT count(*) FROM pg_tables
WHERE schemaname = 'relay_store' AND tablename ~ '_g[0-9]+' AND NOT EXISTS (
    SELECT FROM relay_store.generations g WHERE g.status <> 'building' AND tablename ~ ('_g' || g.id || '$'))`).Scan(&left)
	if err != nil {
		return err
	}
	if got != want || left > 0 {
		k.wrong++
		say("round %d: %d tables are left over; the rows are %s, want %s", k.rounds, left, got, want)
	}
	return nil
}

// digest sums up all rows that people query.
func (b *bench) digest(ctx context.Context) (string, error) {
	var parts []string
	for _, view := range []string{"profiles", "profile_channels", "events", "issues"} {
		var part string
		err := b.place.db.QueryRowContext(ctx, `SELECT count(*) || '-' || coalesce(sum(hashtextextended(v::text, 0)), 0)
FROM relay.`+view+` v`).Scan(&part)
		if err != nil {
			return "", errors.Join(fmt.Errorf("sum up relay.%s", view), err)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " "), nil
}
