package embeddedpg

import "syscall"

// sharedMemoryMB is the size of the folder in memory that parallel queries use,
// of which containers have little; 0 if there is none.
func sharedMemoryMB() int {
	var stat syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &stat); err != nil {
		return 0
	}
	return int(uint64(stat.Bsize) * stat.Blocks >> 20)
}
