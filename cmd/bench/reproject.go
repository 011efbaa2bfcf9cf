package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// liveRate is the traffic, in calls a second, that continues while the past is
// re-projected.
const liveRate = 500

// replay is one re-projection as people run it: the command, in a process of its
// own, while relay serve takes traffic and readers look people up.
type replay struct {
	what       string
	calls      int // in the log
	took       time.Duration
	peak       float64 // MiB
	copyRate   float64 // of psql's COPY OUT alone, in calls a second
	copyBeside float64 // of psql's COPY OUT with the same traffic and readers
	lag        time.Duration
	readerWait time.Duration
	switchWait time.Duration // of readers while the command ended, which is when it switches
	readErrors int
	ended      time.Time
	slowest    time.Duration // answer to a live call
	wrong      int           // live calls that were not accepted
}

var replayColumns = []string{
	"re-project, with 500 calls/s and two readers", " calls in the log", " calls/s", " seconds",
	" × COPY OUT alone", " × COPY OUT likewise", " cost of a call", " peak MiB",
	" live lag max ms", " reader wait at the end max ms", " reader wait max ms", " reader errors", " live answer max ms", " live calls failed",
}

func (r replay) rate() float64 { return float64(r.calls) / r.took.Seconds() }

func (r replay) row(all []replay) []string {
	return []string{
		r.what, fmt.Sprint(r.calls), fmt.Sprintf("%.0f", r.rate()), fmt.Sprintf("%.1f", r.took.Seconds()),
		r.times(r.copyRate), r.times(r.copyBeside), fmt.Sprintf("%.2f", r.cost(all)), fmt.Sprintf("%.0f", r.peak),
		milliseconds(r.lag), milliseconds(r.switchWait), milliseconds(r.readerWait), fmt.Sprint(r.readErrors),
		milliseconds(r.slowest), fmt.Sprint(r.wrong),
	}
}

// times is the rate as a multiple of another; "-" where that was not measured.
func (r replay) times(rate float64) string {
	if rate == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", r.rate()/rate)
}

// cost is the time per call against that with the first size.
func (r replay) cost(all []replay) float64 {
	for _, other := range all {
		if other.what == r.what {
			return other.rate() / r.rate()
		}
	}
	return 1
}

// replayCase is a relay command that replays, and the mapping to apply before.
type replayCase struct {
	what    string
	mapping string   // a mapping file's text; "": none
	args    []string // none: psql's COPY OUT of the log, to compare with
}

// run runs the case's command to its end.
func (c replayCase) run(ctx context.Context, b *bench) (finished, error) {
	if c.args != nil {
		return b.runRelay(ctx, c.args...)
	}
	took, err := timed(func() error { return b.copyOnce(ctx) })
	return finished{took: took}, err
}

// replayCases are all of them. Each mapping differs from every other that a kept
// database may know, and from the one before it, whose prefix is given, in one
// thing.
func replayCases(prefix string) []replayCase {
	const head = "event_prefix: %q\n"
	unique := time.Now().UnixNano()
	list := fmt.Sprintf("channels: {email: email, sms: phone, slack_email: [slack_email, slack_%d]}\n", unique)
	channels := fmt.Sprintf(head, prefix) + list
	newPrefix := fmt.Sprintf(head, fmt.Sprintf("segment %d : ", unique)) + list
	reproject := []string{"reproject", "--from", "beginning"}
	return []replayCase{
		{copyWay, "", nil},
		{"profiles and events, whole", "", reproject},
		{"profiles, whole", "", append(reproject, "--projection", "profiles")},
		{"dry run of a channel change", channels, append(reproject, "--dry-run")},
		{"channel change", "", reproject},
		{"plan of a prefix change", newPrefix, append(reproject, "--plan")},
		{"prefix change", "", reproject},
		{"undo of a prefix change", "", []string{"reproject", "--undo"}},
		{"verify", "", []string{"verify"}},
	}
}

// reprojecting measures replays of the whole log.
func (b *bench) reprojecting(ctx context.Context) (err error) {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	if err := b.prepareReplays(ctx); err != nil {
		return err
	}
	serve, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, serve.stop()) }()
	live := newRequests(20_000, 1, b.calls)
	var prefix string
	err = b.place.db.QueryRowContext(ctx, `SELECT coalesce(
    (SELECT spec ->> 'event_prefix' FROM relay.mapping_versions ORDER BY version DESC LIMIT 1), '')`).Scan(&prefix)
	if err != nil {
		return fmt.Errorf("read the mapping that holds: %w", err)
	}
	for _, c := range replayCases(prefix) {
		if err := b.applyMapping(ctx, c.mapping); err != nil {
			return err
		}
		if !b.options.cases.MatchString(c.what) {
			continue
		}
		if err := b.measureReplay(ctx, serve, live, c); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
	}
	return nil
}

// prepareReplays readies the log for reading, measures psql's COPY of it, and
// projects what a log that was just written does not have projected yet: live
// projections would take that in meanwhile.
func (b *bench) prepareReplays(ctx context.Context) error {
	if b.copyRate == 0 {
		if err := b.place.exec(ctx, `VACUUM ANALYZE relay.log`); err != nil {
			return err
		}
		if err := b.copyOut(ctx); err != nil {
			return err
		}
	}
	lag, err := b.place.lag(ctx)
	if err != nil {
		return err
	}
	var undone bool // by an earlier run, so that the current mapping does not hold everywhere
	if err := b.place.db.QueryRowContext(ctx, `SELECT count(*) > 1 FROM relay.mapping_timeline`).Scan(&undone); err != nil {
		return err
	}
	if lag == 0 && !undone {
		return nil
	}
	_, err = b.runRelay(ctx, "reproject", "--from", "beginning")
	return err
}

func (b *bench) applyMapping(ctx context.Context, text string) error {
	if text == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "relay-bench-mapping-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "mapping.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return err
	}
	_, err = b.runRelay(ctx, "mapping", "apply", name)
	return err
}

// switching is how long before a command's end its switch may have begun.
const switching = time.Second

// measureReplay runs the command while traffic and readers go on; they begin
// before it and end after it.
func (b *bench) measureReplay(ctx context.Context, serve *served, live *requests, c replayCase) error {
	if err := errors.Join(b.place.waitForProjections(ctx), b.place.waitForVacuum(ctx)); err != nil {
		return err
	}
	r := replay{what: c.what, copyRate: b.copyRate}
	if err := b.place.db.QueryRowContext(ctx, `SELECT count(*) FROM relay.log`).Scan(&r.calls); err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what sends and watches is to cost little
	lag, readers := b.place.watchLag(ctx, 20*time.Millisecond), b.place.watchReaders(ctx, b.calls/10)
	ended, err := r.withTraffic(ctx, serve, live, func() (finished, error) { return c.run(ctx, b) })
	r.switchWait = readers.longestSince(r.ended.Add(-switching))
	lag.stop()
	readers.stop()
	if err != nil {
		return err
	}
	r.took, r.peak = ended.took, ended.peak
	r.lag, r.readerWait, r.readErrors = longest(lag.values), longest(readers.values), readers.errors+lag.errors
	if c.args == nil {
		b.copyBeside = r.rate()
	}
	r.copyBeside = b.copyBeside
	b.report.replays = append(b.report.replays, r)
	say("%v", r.row(b.report.replays))
	return nil
}

// withTraffic sends live traffic while the command runs.
func (r *replay) withTraffic(ctx context.Context, serve *served, live *requests, run func() (finished, error)) (finished, error) {
	traffic, stop := context.WithCancel(ctx)
	sent := make(chan *outcome, 1)
	go func() {
		out, err := drive{address: serve.Listen, requests: live, connections: 32, perSecond: liveRate, lasting: 24 * time.Hour}.run(traffic)
		if out == nil {
			out = &outcome{accepted: newHistogram(), wrong: 1, lastError: err}
		}
		sent <- out
	}()
	time.Sleep(time.Second)
	ended, err := run()
	r.ended = time.Now()
	time.Sleep(time.Second)
	stop()
	out := <-sent
	r.slowest, r.wrong = longest(out.accepted), out.wrong+out.refused
	if r.wrong > 0 {
		say("%v", out.check())
	}
	return ended, err
}
