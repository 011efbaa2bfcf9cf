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

// announce prints where relay listens, and writes relay.json for programs.
func (s *server) announce(firstKey string) error {
	here := s.here()
	printText(s.c, "relay listens for Segment on http://%s/connector/segment/", here.Listen)
	printText(s.c, "relay listens for operators on http://%s/", here.AdminListen)
	key := "$RELAY_API_KEY"
	if firstKey != "" {
		key = firstKey
		printText(s.c, "\nYour first API key, shown only once (create more with relay keys create NAME):\n  %s", firstKey)
	}
	if firstKey != "" || os.Getenv("RELAY_API_KEY") != "" {
		printText(s.c, "\nTry it:\n%s\n\nThen: %s psql -c 'SELECT * FROM relay.profiles'", tryIt(here.Listen, key), sameData(s.c))
	} else {
		printText(s.c, "API keys: %s keys list (a key cannot be shown again; create another with keys create NAME)", sameData(s.c))
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

// announced reads what relay serve wrote; ok is false after relay serve stopped.
func announced(c *cli.Context) (there address, ok bool) {
	data, err := os.ReadFile(addressFile(c))
	return there, err == nil && json.Unmarshal(data, &there) == nil
}

// answers reports whether a server accepts connections at the address.
func (a address) answers() bool {
	conn, err := net.DialTimeout("tcp", a.Listen, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// withdraw removes relay.json, unless another relay serve has replaced it.
func (s *server) withdraw() {
	if there, ok := announced(s.c); ok && there == s.here() {
		_ = os.Remove(addressFile(s.c)) // readers of a file that stays find that no server answers
	}
}

// sameData is the shell command that runs relay on the same data folder.
func sameData(c *cli.Context) string {
	if dir := c.String("data-dir"); dir != defaultDataDir {
		return os.Args[0] + " --data-dir " + shellWord(dir)
	}
	return os.Args[0]
}

// shellWord quotes a text so that a shell reads it as one word.
func shellWord(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func tryIt(address, key string) string {
	return fmt.Sprintf(`curl -sS http://%s/connector/segment/ -H "Authorization: Bearer %s" -H "Content-Type: application/json" \
  -d '{"type":"identify","userId":"97980cfea0067",`+
		`"traits":{"name":"Peter Gibbons","email":"peter@example.com","plan":"premium","logins":5}}'`, address, key)
}
