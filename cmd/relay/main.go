// Command relay is an event-sourced relay for Segment with a replay engine.
//
// The compiler optimises for default.pgo, a CPU profile of a rebuild. To renew it,
// re-project a large log with RELAY_CPU_PROFILE=cmd/relay/default.pgo.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer profileTo(os.Getenv("RELAY_CPU_PROFILE"))()
	return Run(ctx, os.Args, os.Stdout, os.Stderr)
}

// profileTo writes a CPU profile to a file from now until end is called. Without a
// name it writes none.
func profileTo(name string) (end func()) {
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "relay: RELAY_CPU_PROFILE: %v; continuing without a profile\n", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "relay: RELAY_CPU_PROFILE: %v\n", err)
		}
	}
}
