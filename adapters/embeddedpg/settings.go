package embeddedpg

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// baseSettings are the server's settings. What keeps acknowledged data safe is
// on; the rest is set for a log that grows and for bulk loads.
func baseSettings(memoryMB int) map[string]string {
	return map[string]string{
		"listen_addresses":        "",
		"port":                    port,
		"unix_socket_permissions": "0777", // a password is asked for
		"max_connections":         "100",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"shared_buffers":          fmt.Sprintf("%dMB", min(max(memoryMB/4, 64), 1024)),
		"effective_cache_size":    fmt.Sprintf("%dMB", max(memoryMB/2, 128)),
		"maintenance_work_mem":    fmt.Sprintf("%dMB", min(max(memoryMB/16, 16), 256)),
		"work_mem":                "32MB",
		"wal_level":               "minimal", // nobody replicates it, and loads into new tables need no WAL
		"max_wal_senders":         "0",
		"max_wal_size":            "8GB",
		"min_wal_size":            "256MB",
		"checkpoint_timeout":      "15min",
		"wal_compression":         "on",
		"jit":                     "off",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_checkpoints":         "off",
		"autovacuum":              "on",
		"autovacuum_naptime":      "10s",
		"random_page_cost":        "1.1",
	}
}

// configure writes the settings where the server reads them.
func (c *cluster) configure(ctx context.Context) error {
	settings := baseSettings(memoryMB())
	settings["unix_socket_directories"] = c.socketDir()
	for _, name := range []string{"wal_compression", "default_toast_compression"} {
		if c.knows(ctx, name, "lz4") {
			settings[name] = "lz4"
		}
	}
	if sharedMemoryMB() < 256 && c.knows(ctx, "dynamic_shared_memory_type", "mmap") {
		settings["dynamic_shared_memory_type"] = "mmap" // as in containers: parallel queries would run out of it
	}
	maps.Copy(settings, c.config.Settings)
	if err := c.user.write(filepath.Join(c.dir, "relay.conf"), settingsFile(settings)); err != nil {
		return err
	}
	return c.include()
}

// knows tells whether the server takes a value: what it was built with differs.
func (c *cluster) knows(ctx context.Context, setting, value string) bool {
	return c.run(ctx, "postgres", "-D", c.dir, "-C", setting, "-c", setting+"="+value) == nil
}

func settingsFile(settings map[string]string) string {
	var text strings.Builder
	text.WriteString("# Written by relay at each start; changes here are lost.\n")
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, quote.Replace(settings[name]))
	}
	return text.String()
}

// include makes the server read relay.conf.
func (c *cluster) include() error {
	path := filepath.Join(c.dir, "postgresql.conf")
	const line = "include_if_exists = 'relay.conf'\n"
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read postgresql.conf: %w", err)
	}
	if strings.Contains(string(data), line) {
		return nil
	}
	return c.user.write(path, string(data)+line)
}
