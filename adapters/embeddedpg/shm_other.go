//go:build !linux

package embeddedpg

// sharedMemoryMB tells of no limit: elsewhere shared memory is no folder.
func sharedMemoryMB() int { return 1 << 20 }
