package embeddedpg

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

const (
	superuser = "relay" // the cluster's only role
	database  = "relay"
	port      = "5432" // names the socket; each cluster has a folder of its own
)

// cluster is a database cluster in the data folder.
type cluster struct {
	config   Config
	dataDir  string // relay's
	dir      string // the cluster's
	logger   *slog.Logger
	password string
	socket   string       // the folder of the socket
	server   installation // what it is started with; empty where it ran already
	user     *credential  // whom it is started as; nil: this process's user
}

func newCluster(dataDir string, config Config) cluster {
	c := cluster{config: config, dataDir: dataDir, dir: filepath.Join(dataDir, "postgres"), logger: config.Logger}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// ensureRunning starts the server unless it runs, and tells whether it did.
func (c *cluster) ensureRunning(ctx context.Context) (started bool, err error) {
	if err := c.readPassword(); err != nil {
		return false, err
	}
	c.boundLog()
	if process, runs := c.running(); runs {
		err := c.untilReady(ctx, func() bool { return c.serves(process.pid) })
		if !errors.Is(err, errEnded) { // it may have been about to stop
			return false, err
		}
	}
	return true, c.start(ctx)
}

// version returns the cluster's major version, 0 if there is no cluster yet.
func (c *cluster) version() (int, error) {
	data, err := os.ReadFile(filepath.Join(c.dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version (is the data folder another user's? name one of your own with --data-dir): %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// readPassword reads the cluster's password, making one for a new cluster.
func (c *cluster) readPassword() error {
	path := filepath.Join(c.dataDir, "postgres.password")
	data, err := os.ReadFile(path)
	if err == nil {
		c.password = strings.TrimSpace(string(data))
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the embedded server's password: %w", err)
	}
	var bits [24]byte
	_, _ = rand.Read(bits[:]) // never fails
	c.password = hex.EncodeToString(bits[:])
	if err := renameio.WriteFile(path, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the embedded server's password: %w", err)
	}
	return nil
}

// url names a database of the cluster. It has one parameter and states the
// port: an ampersand would end a shell's command, and PGPORT may be set.
func (c *cluster) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, c.password), Host: ":" + port,
		Path: "/" + database, RawQuery: url.Values{"host": {c.socket}}.Encode(),
	}
	return u.String()
}

// createDatabase makes relay's database.
func (c *cluster) createDatabase(ctx context.Context) error {
	db, err := sql.Open("postgres", c.url("postgres"))
	if err != nil {
		return fmt.Errorf("create relay's database: %w", err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+database); err != nil && !refusedWith(err, pqerror.DuplicateDatabase) {
		return fmt.Errorf("create relay's database: %w", err)
	}
	return nil
}

func refusedWith(err error, code pqerror.Code) bool {
	var refused *pq.Error
	return errors.As(err, &refused) && refused.Code == code
}
