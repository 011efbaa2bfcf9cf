// Command bench measures relay beside its peers on one machine, in one run:
// Watermill's default Postgres adapters, lib/pq's COPY, psql's COPY, and an HTTP
// handler that discards what it is sent. It prints tables with ratios, since
// absolute figures differ from machine to machine and from hour to hour.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options say what to measure, and how long.
type options struct {
	relay    string        // path of the relay binary
	measures []string      // by name, in order
	lasting  time.Duration // of each ingest case
	soak     time.Duration
	backlog  time.Duration  // of Watermill's default subscriber on a backlog
	pace     float64        // single calls a second of the paced case; 0: half of what was reached
	cases    *regexp.Regexp // re-projections and ingest cases, such as "64 connections, relay"
}

func main() {
	var o options
	calls := flag.String("calls", env("CALLS", "1000000"),
		"calls in the log (CALLS); several sizes, separated by commas, are measured one after the other")
	keep := flag.String("keep", "",
		"names of databases to measure in that stay, one for each size; a log that is there already is not written again")
	measures := flag.String("measures", env("MEASURES", "append,read,live,reproject,ingest"),
		"what to measure, in this order (MEASURES); there are also kill, overload and soak")
	flag.StringVar(&o.relay, "relay", "bin/relay", "the relay binary")
	flag.DurationVar(&o.lasting, "for", 10*time.Second, "how long each ingest case lasts")
	flag.DurationVar(&o.soak, "soak", envDuration("SOAK", 10*time.Minute), "how long the soak lasts (SOAK)")
	flag.DurationVar(&o.backlog, "backlog", time.Minute, "how long Watermill's default subscriber is given")
	flag.Float64Var(&o.pace, "pace", 0, "single calls a second of the paced ingest case; default: half of what 64 connections reached")
	cases := flag.String("cases", "",
		"which re-projections and ingest cases, by a regular expression such as '64 connections, (relay|discard)'; default: all")
	target := flag.String("target", "", "serve as this peer instead of measuring: discard or watermill")
	flag.Parse()
	o.measures = strings.Split(*measures, ",")
	o.cases = regexp.MustCompile(*cases)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := serveTarget(ctx, *target)
	if *target == "" {
		err = run(ctx, o, *calls, *keep)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func envDuration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil {
		return d
	}
	return otherwise
}

// run measures each size in a database of its own and prints what it found,
// also when it could not finish.
func run(ctx context.Context, o options, calls, keep string) error {
	sizes, names, err := sizesAndNames(calls, keep)
	if err != nil {
		return err
	}
	server, err := openServer(ctx)
	if err != nil {
		return err
	}
	r := &report{}
	for i, size := range sizes {
		b := &bench{options: o, report: r, calls: size, keep: names[i]}
		if err = server.with(ctx, b.keep, b.run); err != nil {
			break
		}
	}
	r.print(server.version)
	return errors.Join(err, server.stop())
}

// sizesAndNames reads the lists of sizes and of databases that stay.
func sizesAndNames(calls, keep string) (sizes []int, names []string, err error) {
	for _, text := range strings.Split(calls, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, nil, fmt.Errorf("-calls takes numbers from 1, separated by commas; got %q", calls)
		}
		sizes = append(sizes, n)
	}
	if keep == "" {
		return sizes, make([]string, len(sizes)), nil
	}
	if names = strings.Split(keep, ","); len(names) != len(sizes) {
		return nil, nil, fmt.Errorf("-keep takes a name for each of %d sizes; got %q", len(sizes), keep)
	}
	return sizes, names, nil
}

// bench measures one size.
type bench struct {
	options options
	report  *report
	place   *place
	calls   int
	keep    string // name of the database that stays; empty: one that is dropped
	copied  int64  // rows that COPY wrote

	copyRate   float64 // of psql's COPY OUT of the log, in calls a second; 0: not measured yet
	copyBeside float64 // the same beside live traffic
}

func (b *bench) run(ctx context.Context, p *place) error {
	b.place = p
	known := map[string]func(context.Context) error{
		"append": b.appending, "read": b.ofLog(b.reading), "live": b.ofLog(b.projecting),
		"reproject": b.ofLog(b.reprojecting), "kill": b.ofLog(b.killing),
		"ingest": b.once(b.ingesting), "overload": b.once(b.overloading), "soak": b.once(b.soaking),
	}
	for _, name := range b.options.measures {
		measure, ok := known[name]
		if !ok {
			return fmt.Errorf("nothing is measured under the name %q", name)
		}
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ofLog measures what needs a log, and writes it first if need be.
func (b *bench) ofLog(measure func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := b.appending(ctx); err != nil {
			return err
		}
		return measure(ctx)
	}
}

// once measures loads with the first size only, on which they hardly depend.
func (b *bench) once(measure func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if len(b.report.loads) > 0 && b.report.loads[0].inLog != b.calls {
			return nil
		}
		return measure(ctx)
	}
}
