package embeddedpg

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// baseSettings are the server's settings. What keeps acknowledged data safe is
// on; the rest is set for a log that grows and for bulk loads.
func baseSettings(major int) map[string]string {
	s := map[string]string{
		"listen_addresses":           "",
		"unix_socket_permissions":    "0777", // a password is asked for
		"max_connections":            "100",
		"fsync":                      "on",
		"synchronous_commit":         "on",
		"full_page_writes":           "on",
		"shared_buffers":             fmt.Sprintf("%dMB", min(max(memoryMB()/4, 64), 1024)),
		"effective_cache_size":       fmt.Sprintf("%dMB", max(memoryMB()/2, 128)),
		"maintenance_work_mem":       "256MB",
		"work_mem":                   "32MB",
		"wal_level":                  "minimal", // nobody replicates it
		"max_wal_senders":            "0",
		"max_wal_size":               "4GB",
		"min_wal_size":               "256MB",
		"checkpoint_timeout":         "15min",
		"wal_compression":            "on",
		"jit":                        "off",
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		"autovacuum_naptime":         "10s",
		"random_page_cost":           "1.1",
		"log_min_duration_statement": "-1",
	}
	return s
}

// configure writes the settings where the server reads them.
func (c cluster) configure() error {
	settings := baseSettings(c.major)
	settings["unix_socket_directories"] = c.socketDir()
	maps.Copy(settings, c.settings)
	var text strings.Builder
	text.WriteString("# Written by relay at each start; changes here are lost.\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	path := filepath.Join(c.dir, "relay.conf")
	if err := renameio.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write the server's settings: %w", err)
	}
	if err := c.user.own(path); err != nil {
		return err
	}
	return c.include()
}

// include makes the server read relay.conf.
func (c cluster) include() error {
	path := filepath.Join(c.dir, "postgresql.conf")
	const line = "include_if_exists = 'relay.conf'\n"
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read postgresql.conf: %w", err)
	}
	if strings.Contains(string(data), line) {
		return nil
	}
	if err := renameio.WriteFile(path, append(data, line...), 0o600); err != nil {
		return fmt.Errorf("write postgresql.conf: %w", err)
	}
	return c.user.own(path)
}

// maxSocketPath is how long a socket's path may be on every system.
const maxSocketPath = 100

// socketDir is where clients find the server: the cluster's folder, or where
// that path is too long for a socket, one of this machine's temporary folders.
func (c cluster) socketDir() string {
	if len(filepath.Join(c.dir, ".s.PGSQL.5432.lock")) <= maxSocketPath {
		return c.dir
	}
	sum := sha256.Sum256([]byte(c.dir))
	return filepath.Join("/tmp", "relay-"+hex.EncodeToString(sum[:8]))
}

func (c cluster) makeSocketDir() error {
	dir := c.socketDir()
	if dir == c.dir {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the socket's folder: %w", err)
	}
	return c.user.own(dir)
}

// memoryMB is this machine's memory, or a careful guess.
func memoryMB() int {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 1024
	}
	var kb int
	if _, err := fmt.Sscanf(string(data), "MemTotal: %d kB", &kb); err != nil {
		return 1024
	}
	return kb / 1024
}
