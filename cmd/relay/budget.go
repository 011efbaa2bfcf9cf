package main

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// leastMemory is the smallest budget with which a rebuild makes progress.
const leastMemory = 32 << 20

var memoryFlag = &cli.StringFlag{
	Name: "memory", Value: "256MiB",
	Usage: "memory for partial results; the whole process takes up to twice as much",
}

// limit reads from the command line how much memory and CPU a rebuild may use.
func (s *system) limit(c *cli.Context) error {
	memory, err := parseSize(c.String("memory"))
	if err == nil && memory < leastMemory {
		err = fmt.Errorf("%q is too little; give at least 32MiB", c.String("memory"))
	}
	if err != nil {
		return usageError{fmt.Errorf("--memory: %w", err)}
	}
	s.memory, s.maxBusy = memory, c.Int("max-load")
	// Garbage that is not yet collected counts too, so the collector works harder
	// as memory nears one and a half times the budget.
	debug.SetMemoryLimit(memory + memory/2)
	debug.SetGCPercent(200)
	return nil
}
