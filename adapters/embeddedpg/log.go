package embeddedpg

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxLog is how many bytes of the server's log are kept at the least; up to
// twice that may be.
const maxLog = 8 << 20

func (c *cluster) logFile() string { return filepath.Join(c.dataDir, "postgres.log") }

// openLog opens the log for the server, which writes to it through what it
// inherits: its user needs no right to the file.
func (c *cluster) openLog() (*os.File, error) {
	file, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	return file, nil
}

// boundLog puts a log that has grown aside. The server appends, so the file can
// be cut under it; a line it writes just then may be lost, which is no reason
// not to start.
func (c *cluster) boundLog() {
	info, err := os.Stat(c.logFile())
	if err != nil || info.Size() <= maxLog {
		return
	}
	if err := copyFile(c.logFile(), c.logFile()+".1"); err != nil {
		c.logger.Warn("the embedded server's log cannot be put aside", "error", err)
		return
	}
	if err := os.Truncate(c.logFile(), 0); err != nil {
		c.logger.Warn("the embedded server's log cannot be cut", "error", err)
	}
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}

// tail returns the end of what a log holds from an offset on, to stand at the
// end of an error.
func tail(path string, from int64) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(file, maxLog))
	if err != nil || len(data) == 0 {
		return ""
	}
	const lines = 15
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return fmt.Sprintf("\nlast lines of %s:\n%s", path, strings.Join(all[max(len(all)-lines, 0):], "\n"))
}
