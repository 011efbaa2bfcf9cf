package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestProcessors: one processor is used after a while of little work, and all of
// them again with the first look at more.
func TestProcessors(t *testing.T) {
	t.Parallel()
	var p processors
	for at := time.Duration(0); at < spareAfter; at += processorsEvery {
		if p.lone {
			t.Fatalf("one processor is used after %s", at)
		}
		p.look(spareBelow-0.01, processorsEvery)
	}
	for _, step := range []struct {
		used float64
		lone bool
	}{{0, true}, {spareUpTo, true}, {spareUpTo + 0.01, false}, {0, false}} {
		if step.lone && !p.lone {
			t.Fatalf("all processors are used after %s of little work", spareAfter)
		}
		if lone := p.look(step.used, processorsEvery); lone != step.lone {
			t.Errorf("with %.2f of a core used, one processor is used: %t", step.used, lone)
		}
	}
}

// TestProcessorsFollowTheWork: whatever came before, much work is never left to
// one processor, and little work gets to one in the end.
func TestProcessorsFollowTheWork(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p processors
		for _, used := range rapid.SliceOf(rapid.Float64Range(0, 2)).Draw(t, "shares") {
			if lone := p.look(used, processorsEvery); lone && used > spareBelow {
				t.Fatalf("one processor for %.2f of a core", used)
			}
		}
		for range int(2*spareAfter/processorsEvery) + 1 {
			p.look(0.1, processorsEvery)
		}
		if !p.lone {
			t.Fatal("all processors for little work")
		}
	})
}
