package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"
)

// address is what relay serve writes into relay.json.
type address struct {
	PID         int    `json:"pid"`
	Listen      string `json:"listen"`
	AdminListen string `json:"admin_listen"`
}

func addressFile(c *cli.Context) string { return filepath.Join(c.String("data-dir"), "relay.json") }

func (s *server) here() address {
	return address{PID: os.Getpid(), Listen: s.ingest.Addr().String(), AdminListen: s.admin.Addr().String()}
}

// announce tells people and programs where relay listens.
func (s *server) announce(firstKey string) error {
	here := s.here()
	printText(s.c, "relay listens for Segment on http://%s/connector/segment/", here.Listen)
	printText(s.c, "relay listens for operators on http://%s/", here.AdminListen)
	key := "$RELAY_API_KEY"
	if firstKey != "" {
		key = firstKey
		printText(s.c, "\nThe first API key, printed this once (more: relay keys create NAME):\n  %s", firstKey)
	}
	if firstKey != "" || os.Getenv("RELAY_API_KEY") != "" {
		printText(s.c, "\nTry it:\n%s\n\nThen: %s psql -c 'SELECT * FROM relay.profiles'", tryIt(here.Listen, key), sameData(s.c))
	} else {
		printText(s.c, "API keys: %s keys list (their secrets are not kept; make another with keys create NAME)", sameData(s.c))
	}
	data, err := json.Marshal(here)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.c.String("data-dir"), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(addressFile(s.c), append(data, '\n'), 0o644)
}

// announced reads what relay serve wrote last, unless it was stopped.
func announced(c *cli.Context) (there address, ok bool) {
	data, err := os.ReadFile(addressFile(c))
	return there, err == nil && json.Unmarshal(data, &there) == nil
}

// answers tells whether somebody listens there.
func (a address) answers() bool {
	conn, err := net.DialTimeout("tcp", a.Listen, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// withdraw removes what announce wrote, unless another relay serve has written
// its own there.
func (s *server) withdraw() {
	if there, ok := announced(s.c); ok && there == s.here() {
		_ = os.Remove(addressFile(s.c)) // who finds it sees that nobody listens
	}
}

// sameData is how a shell runs relay on the same data folder.
func sameData(c *cli.Context) string {
	if dir := c.String("data-dir"); dir != defaultDataDir {
		return os.Args[0] + " --data-dir " + shellWord(dir)
	}
	return os.Args[0]
}

// shellWord is a text as one word for a shell.
func shellWord(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func tryIt(address, key string) string {
	return fmt.Sprintf(`curl -sS http://%s/connector/segment/ -H "Authorization: Bearer %s" -H "Content-Type: application/json" \
  -d '{"type":"identify","userId":"97980cfea0067","traits":{"name":"Peter Gibbons","email":"peter@example.com","plan":"premium","logins":5}}'`, address, key)
}
