package main

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// leastMemory is the smallest budget with which a rebuild makes progress.
const leastMemory = 32 << 20

var memoryFlag = &cli.StringFlag{Name: "memory", Value: "256MiB", Usage: "for partial results; the process as a whole takes up to twice as much"}

// limit takes from the command line how much a rebuild may take of the machine.
func (s *system) limit(c *cli.Context) error {
	memory, err := parseSize(c.String("memory"))
	if err == nil && memory < leastMemory {
		err = fmt.Errorf("%q is too little; give at least 32MiB", c.String("memory"))
	}
	if err != nil {
		return usageError{fmt.Errorf("--memory: %w", err)}
	}
	s.memory, s.maxBusy = memory, c.Int("max-load")
	// What is collected late counts too, so the collector works harder as memory
	// nears the double of the budget.
	debug.SetMemoryLimit(memory + memory/2)
	debug.SetGCPercent(200)
	return nil
}
