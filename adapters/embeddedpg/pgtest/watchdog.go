package pgtest

import (
	"io"
	"os/exec"
	"syscall"
)

// watchdog ends the server and removes its folder when the test binary ends,
// however it ends: it waits for the end of a pipe that only the binary holds.
type watchdog struct {
	process *exec.Cmd
	pipe    io.Closer
}

// The server may be about to start when the binary is killed, so the script
// looks again until the folder is gone.
const watchdogScript = `cat >/dev/null
n=0
while [ -e "$2" ] && [ $n -lt 100 ]; do
	if [ -s "$1" ] && kill -QUIT "$(head -n 1 "$1")" 2>/dev/null; then sleep 0.1; else rm -rf "$2" 2>/dev/null; fi
	n=$((n+1))
done`

func newWatchdog(dir string) (*watchdog, error) {
	w := &watchdog{process: exec.Command("sh", "-c", watchdogScript, "sh", pidFile(dir), dir)}
	w.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's signals end the tests, not this
	pipe, err := w.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	w.pipe = pipe
	return w, w.process.Start()
}

// end lets it clean up, and waits for that.
func (w *watchdog) end() error {
	w.pipe.Close()
	return w.process.Wait()
}
