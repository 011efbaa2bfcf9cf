package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// overloadConnections is how many calls of an overload can be in flight at once.
const overloadConnections = 1024

// overloading sends twice what relay can accept, and then measures how soon relay
// is as fast as before.
func (b *bench) overloading(ctx context.Context) (err error) {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	m := b.newMail()
	capacity, err := b.capacity(ctx, m)
	if err != nil {
		return err
	}
	s, err := b.start(ctx, "relay")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	over := drive{
		requests: m[1], connections: overloadConnections, perSecond: 2 * capacity, impatient: true,
		warmup: 2 * time.Second, lasting: 3 * b.options.lasting,
	}
	l, err := b.driveServed(ctx, s, "relay", over)
	if err != nil {
		return err
	}
	l.what = fmt.Sprintf("overload, %.0f calls/s due, %d left out", over.perSecond, l.outcome.unsent)
	b.noteLoad(l)
	if l.outcome.wrong > 0 {
		return l.outcome.check()
	}
	after := drive{requests: m[1], connections: 64, perSecond: capacity / 4, warmup: time.Second, lasting: 5 * time.Second}
	if l, err = b.driveServed(ctx, s, "relay", after); err != nil {
		return err
	}
	l.what = fmt.Sprintf("%.0f calls/s, a second after the overload", after.perSecond)
	b.noteLoad(l)
	return l.outcome.check()
}

// capacity is what relay accepts in a closed loop over 64 connections.
func (b *bench) capacity(ctx context.Context, m mail) (float64, error) {
	c := ingestCases[1]
	if rate := b.fastest(c.what); rate > 0 {
		return rate, nil
	}
	l, err := b.closedLoop(ctx, "relay", c, m)
	return l.rate(), err
}

// soaking sends half of relay's load for a long time and measures whether memory,
// goroutines or the lag grow.
func (b *bench) soaking(ctx context.Context) (err error) {
	if err := b.setUp(ctx); err != nil {
		return err
	}
	m := b.newMail()
	capacity, err := b.capacity(ctx, m)
	if err != nil {
		return err
	}
	s, err := b.start(ctx, "relay")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	const slices = 10
	for i := range slices {
		d := drive{requests: m[1], connections: 64, perSecond: capacity / 2, lasting: b.options.soak / slices}
		l, err := b.driveServed(ctx, s, "relay", d)
		if err != nil {
			return err
		}
		goroutines, err := s.goroutines()
		if err != nil {
			return err
		}
		l.what = fmt.Sprintf("soak, %.0f calls/s, part %d of %d: %.0f MiB, %.0f goroutines",
			d.perSecond, i+1, slices, statusMiB(s.pid(), "VmRSS:"), goroutines)
		b.noteLoad(l)
		if err := l.outcome.check(); err != nil {
			return err
		}
	}
	return nil
}
