package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// apiKey is the key that relay is given and shown.
const apiKey = "bench"

// finished is a command that ran to its end.
type finished struct {
	output []byte
	took   time.Duration
	peak   float64 // MiB of memory at most
}

// runRelay runs a relay command as people do, in a process of its own.
func (b *bench) runRelay(ctx context.Context, args ...string) (f finished, err error) {
	var output, messages bytes.Buffer
	command := b.command(ctx, b.options.relay, args...)
	command.Stdout, command.Stderr = &output, &messages
	started := time.Now()
	if err := command.Start(); err != nil {
		return f, fmt.Errorf("start relay: %w (make build makes it)", err)
	}
	watched := watchMemory(command.Process.Pid)
	err = command.Wait()
	f = finished{output: output.Bytes(), took: time.Since(started), peak: watched.stop()}
	if err != nil {
		return f, fmt.Errorf("relay %s: %w: %s", strings.Join(args, " "), err, messages.String())
	}
	return f, nil
}

func (b *bench) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, path, args...)
	command.Env = append(os.Environ(), "RELAY_DATABASE_URL="+b.place.url, "RELAY_API_KEY="+apiKey, "RELAY_LOG_LEVEL=warn")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	return command
}

// served is a process that accepts requests.
type served struct {
	command       *exec.Cmd
	dir           string
	messages      *os.File
	Listen, Admin string
}

// serve starts relay serve and waits until it is ready.
func (b *bench) serve(ctx context.Context) (*served, error) {
	return startServed(func(dir string) *exec.Cmd {
		return b.command(ctx, b.options.relay, "serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	})
}

// startServed starts a process that writes its addresses into relay.json in the
// folder once the process accepts requests.
func startServed(command func(dir string) *exec.Cmd) (*served, error) {
	dir, err := os.MkdirTemp("", "relay-bench-serve-")
	if err != nil {
		return nil, err
	}
	s := &served{dir: dir, command: command(dir)}
	if s.messages, err = os.Create(filepath.Join(dir, "messages")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.command.Stderr = s.messages
	if err := s.command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w (make build makes relay)", s.command.Path, err), s.tidy())
	}
	if err := s.waitUntilReady(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// waitUntilReady reads relay.json, which is written once both listeners accept.
func (s *served) waitUntilReady() error {
	for range 600 {
		data, err := os.ReadFile(filepath.Join(s.dir, "relay.json"))
		if err == nil {
			var address struct {
				Listen string `json:"listen"`
				Admin  string `json:"admin_listen"`
			}
			err = json.Unmarshal(data, &address)
			s.Listen, s.Admin = address.Listen, address.Admin
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s was not ready within 30 s", s.command.Path)
}

// pid is the process's id.
func (s *served) pid() int { return s.command.Process.Pid }

// goroutines asks /metrics for the number of goroutines.
func (s *served) goroutines() (n float64, err error) {
	reply, err := http.Get("http://" + s.Admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), "\ngo_goroutines ")
	_, err = fmt.Sscan(after, &n)
	return n, err
}

// stop ends the process. The error includes what the process wrote to stderr.
func (s *served) stop() error {
	err := s.command.Process.Signal(syscall.SIGTERM)
	err = errors.Join(err, s.command.Wait())
	if messages, _ := os.ReadFile(s.messages.Name()); err != nil && len(messages) > 0 {
		err = fmt.Errorf("%w: %s", err, messages)
	}
	return errors.Join(err, s.tidy())
}

func (s *served) tidy() error { return errors.Join(s.messages.Close(), os.RemoveAll(s.dir)) }
