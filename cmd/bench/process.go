package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// memory watches one process's memory.
type memory struct {
	pid    int
	peak   float64 // MiB
	ending chan struct{}
	ended  chan struct{}
}

// watchMemory reads a process's memory until the watch is stopped or the process
// ends. The figure of getrusage would include the process that started it.
func watchMemory(pid int) *memory {
	m := &memory{pid: pid, ending: make(chan struct{}), ended: make(chan struct{})}
	go m.run()
	return m
}

func (m *memory) run() {
	defer close(m.ended)
	for {
		m.peak = max(m.peak, statusMiB(m.pid, "VmHWM:"))
		select {
		case <-m.ending:
			return
		case <-time.After(50 * time.Millisecond): // the peak stays to be read
		}
	}
}

// stop returns the peak in MiB.
func (m *memory) stop() float64 {
	close(m.ending)
	<-m.ended
	return m.peak
}

// statusMiB reads a size from /proc/PID/status: VmHWM: is the greatest resident
// memory so far, VmRSS: that of now. 0 where there is none.
func statusMiB(pid int, field string) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(data, []byte(field))
	var kibibytes float64
	_, _ = fmt.Sscan(string(after), &kibibytes) // stays 0
	return kibibytes / 1024
}

// cpuOf returns the CPU time of all the processes together.
func cpuOf(pids ...int) (total time.Duration) {
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it is gone
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		for _, field := range fields[11:13] { // user and system time
			ticks, _ := strconv.ParseInt(field, 10, 64)
			total += time.Duration(ticks) * time.Second / clockTicks
		}
	}
	return total
}

// clockTicks is how many units of CPU time Linux counts in a second.
const clockTicks = 100

// isPostgres reports whether a process of this machine is of a Postgres server.
func isPostgres(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(name), "postgres")
}

// backends returns the processes of the server that work for this database, none
// where the server is on another machine.
func (p *place) backends(ctx context.Context) (pids []int) {
	rows, err := p.db.QueryContext(ctx, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() OR backend_type = 'walwriter'`)
	if err != nil {
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if rows.Scan(&pid) == nil && isPostgres(pid) {
			pids = append(pids, pid)
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return pids
}
