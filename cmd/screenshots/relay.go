package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// relay is a running relay serve with an embedded server.
type relay struct {
	binary, dataDir string
	process         *exec.Cmd
	said            bytes.Buffer
	ended           chan error

	Listen string `json:"listen"`
	Admin  string `json:"admin_listen"`
}

// patience is how long relay may take to listen, and to stop.
const patience = time.Minute

// start starts relay serve and returns once it listens.
func start(ctx context.Context, binary, dataDir string) (*relay, error) {
	r := &relay{binary: binary, dataDir: dataDir, ended: make(chan error, 1)}
	r.process = r.command(ctx, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	r.process.Stderr = &r.said
	if err := r.process.Start(); err != nil {
		return nil, fmt.Errorf("start relay: %w (make build makes it)", err)
	}
	go func() { r.ended <- r.process.Wait() }()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-r.ended:
			return nil, fmt.Errorf("relay serve ended: %w: %s", err, r.said.String())
		default:
		}
		if data, err := os.ReadFile(filepath.Join(dataDir, "relay.json")); err == nil && json.Unmarshal(data, r) == nil {
			return r, nil
		}
	}
	return nil, errors.Join(errors.New("relay serve does not listen"), r.stop())
}

// stop ends relay serve in order.
func (r *relay) stop() error {
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		return errors.Join(errors.New("relay serve did not stop"), r.process.Process.Kill())
	}
}

// command returns a relay command that works on the same data.
func (r *relay) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, r.binary, append([]string{"--data-dir", r.dataDir}, args...)...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = patience
	for _, variable := range os.Environ() { // nothing of this machine's relay
		if !strings.HasPrefix(variable, "RELAY_") {
			c.Env = append(c.Env, variable)
		}
	}
	return c
}

// run runs a command to its end and returns what it printed.
func (r *relay) run(ctx context.Context, input string, args ...string) (string, error) {
	var said bytes.Buffer
	c := r.command(ctx, args...)
	c.Stdin, c.Stderr = strings.NewReader(input), &said
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("relay %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// send posts a body and returns the status of the answer.
func (r *relay) send(ctx context.Context, method, key, body string, headers ...string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.Listen+"/connector/segment/", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return reply.StatusCode, reply.Body.Close()
}
