package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ingestCase is a way of sending.
type ingestCase struct {
	what        string
	connections int
	calls       int  // in a request
	standard    bool // sent by net/http's client
}

var ingestCases = []ingestCase{
	{"single calls, 1 connection", 1, 1, false},
	{"single calls, 64 connections", 64, 1, false},
	{"single calls, 64 of net/http's clients", 64, 1, true},
	{"single calls, 256 connections", 256, 1, false},
	{"single calls, 256 of net/http's clients", 256, 1, true},
	{"batches of 50, 64 connections", 64, 50, false},
}

// inBatches are the calls a second, in batches, with which live projections are
// to keep up.
const inBatches = 20_000

// mail holds the requests of the ingest cases, by the number of calls in each.
type mail map[int]*requests

func (b *bench) newMail() mail {
	return mail{1: newRequests(50_000, 1, b.calls), 50: newRequests(1000, 50, b.calls)}
}

// ingesting measures the throughput of relay serve and its peers, case by case side
// by side.
func (b *bench) ingesting(ctx context.Context) error {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	if err := b.makeTopic(ctx, peerTopic); err != nil {
		return err
	}
	m := b.newMail()
	if err := b.bareCommits(ctx, m[1]); err != nil {
		return err
	}
	for _, c := range ingestCases {
		for _, target := range []string{discard, "relay", watermillDefault} {
			if _, err := b.closedLoop(ctx, target, c, m); err != nil {
				return fmt.Errorf("%s, %s: %w", c.what, target, err)
			}
		}
	}
	if err := b.copyIngest(ctx, m[50]); err != nil {
		return err
	}
	return b.paced(ctx, m)
}

// closedLoop measures how fast a target answers over a number of connections.
func (b *bench) closedLoop(ctx context.Context, target string, c ingestCase, m mail) (load, error) {
	d := drive{requests: m[c.calls], connections: c.connections, standard: c.standard, warmup: 2 * time.Second, lasting: b.options.lasting}
	return b.drive(ctx, c.what, target, d)
}

// paced are the open loops: single calls at half of what was reached, or at the
// pace that was asked for, and batches.
func (b *bench) paced(ctx context.Context, m mail) error {
	d := drive{requests: m[1], connections: 64, warmup: 2 * time.Second, lasting: b.options.lasting}
	if d.perSecond = b.options.pace; d.perSecond == 0 {
		d.perSecond = b.fastest("single calls, 64 connections") / 2
	}
	if d.perSecond > 0 {
		if _, err := b.drive(ctx, fmt.Sprintf("single calls, %.0f/s", d.perSecond), "relay", d); err != nil {
			return err
		}
	}
	d.requests, d.perSecond = m[50], inBatches/50
	_, err := b.drive(ctx, fmt.Sprintf("batches of 50, %d calls/s", inBatches), "relay", d)
	return err
}

// fastest is relay's rate in a case that was measured.
func (b *bench) fastest(what string) (rate float64) {
	for _, l := range b.report.loads {
		if l.what == what && l.target == "relay" && l.inLog == b.calls {
			rate = l.rate()
		}
	}
	return rate
}

// drive starts a target, sends requests to it and notes the outcome.
func (b *bench) drive(ctx context.Context, what, target string, d drive) (l load, err error) {
	if !b.options.cases.MatchString(what + ", " + target) {
		return l, nil
	}
	s, err := b.start(ctx, target)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if l, err = b.driveServed(ctx, s, target, d); err != nil {
		return l, err
	}
	if err := l.outcome.check(); err != nil {
		return l, err
	}
	l.what = what
	b.noteLoad(l)
	return l, nil
}

func (b *bench) noteLoad(l load) {
	b.report.loads = append(b.report.loads, l)
	say("%v", l.row(b.report.loads))
}

func (b *bench) start(ctx context.Context, target string) (*served, error) {
	if target != "relay" {
		return b.startTarget(ctx, target)
	}
	s, err := b.serve(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.place.waitForProjections(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// driveServed sends requests to a running target and watches the target's memory,
// CPU time and lag.
func (b *bench) driveServed(ctx context.Context, s *served, target string, d drive) (l load, err error) {
	d.address = s.Listen
	l = load{target: target, inLog: b.calls, calls: d.requests.calls}
	lag := newWatch(ctx, 20*time.Millisecond)
	if target == "relay" {
		lag = b.place.watchLag(ctx, 20*time.Millisecond)
	}
	memory := watchMemory(s.pid())
	before := b.cores(ctx, s)
	l.outcome, err = d.run(ctx)
	l.spent = b.cores(ctx, s).minus(before)
	l.peak = memory.stop()
	lag.stop()
	l.lag = lag.values
	return l, err
}

// cores holds the CPU time that the target, the server and the load have used.
type cores struct{ target, postgres, self time.Duration }

func (b *bench) cores(ctx context.Context, s *served) cores {
	return cores{cpuOf(s.pid()), cpuOf(b.place.backends(ctx)...), cpuOf(selfPID)}
}

func (c cores) minus(other cores) cores {
	return cores{c.target - other.target, c.postgres - other.postgres, c.self - other.self}
}
