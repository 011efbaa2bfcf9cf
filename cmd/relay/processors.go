package main

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"time"
)

const (
	// processorsEvery is how often the server looks at what it spends.
	processorsEvery = 100 * time.Millisecond
	// spareBelow is the share of a core, used with all processors, below which one
	// does. With one the same work takes a quarter less.
	spareBelow = 0.65
	// spareAfter is for how long that must have been so.
	spareAfter = 3 * time.Second
	// spareUpTo is the share of a core up to which one processor is left alone.
	// Nobody waits for one that is busy for so much of the time.
	spareUpTo = 0.6
)

// processors lets the server run Go code on one processor while it has little to
// do, and leaves the others to the database beside it: with more of them, each
// request wakes threads that look for work and find none, which takes a quarter
// of the server's time and some of the database's. The least that looks like
// more work brings all of them back.
type processors struct {
	lone  bool
	quiet time.Duration // for how long one processor would have done
}

// look notes the share of a core that was used of late, and tells whether one
// processor is to be used from now on.
func (p *processors) look(used float64, of time.Duration) (lone bool) {
	if p.lone && used <= spareUpTo {
		return true
	}
	if p.lone || used >= spareBelow {
		p.lone, p.quiet = false, 0
		return false
	}
	p.quiet += of
	p.lone = p.quiet >= spareAfter
	return p.lone
}

// shareProcessors does so until ctx ends, unless the environment says how many
// processors to use.
func shareProcessors(ctx context.Context) {
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 {
		return
	}
	defer runtime.SetDefaultGOMAXPROCS()
	ticker := time.NewTicker(processorsEvery)
	defer ticker.Stop()
	var p processors
	for at, spent := time.Now(), cpuTime(); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		was, now, spentNow := p.lone, time.Now(), cpuTime()
		lone := p.look((spentNow-spent).Seconds()/now.Sub(at).Seconds(), now.Sub(at))
		at, spent = now, spentNow
		switch {
		case lone && !was:
			runtime.GOMAXPROCS(1)
		case !lone && was:
			runtime.SetDefaultGOMAXPROCS()
		}
	}
}

// cpuTime is the time on cores that this process took so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // which looks like nothing to do
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
