package embeddedpg

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memoryMB is the memory that there is for relay and its server: the machine's,
// or the container's if that is less; where neither can be told, a careful
// guess.
func memoryMB() int {
	const guess = 1024
	least := 0
	for _, bytes := range []int64{
		machineMemory(), limitIn("/sys/fs/cgroup/memory.max"), limitIn("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
	} {
		if mb := int(bytes >> 20); mb > 0 && (least == 0 || mb < least) {
			least = mb
		}
	}
	if least == 0 {
		return guess
	}
	return least
}

// machineMemory returns bytes, 0 if unknown.
func machineMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kb int64
	if _, err := fmt.Sscanf(string(data), "MemTotal: %d kB", &kb); err != nil {
		return 0
	}
	return kb << 10
}

// limitIn returns the bytes that a control file allows, 0 if it sets no limit.
func limitIn(path string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil { // the word max
		return 0
	}
	return limit
}
