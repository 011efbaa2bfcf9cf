package embeddedpg

import (
	"context"
	"fmt"
	"os"
)

// init makes the cluster. It is built aside and renamed, so that one that was
// interrupted is no cluster.
func (c *cluster) init(ctx context.Context) error {
	building := c.dir + ".new"
	if err := os.RemoveAll(building); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	if err := os.Mkdir(building, 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if err := c.user.own(building); err != nil {
		return err
	}
	passwordFile := building + ".password"
	if err := c.user.write(passwordFile, c.password+"\n"); err != nil {
		return err
	}
	defer os.Remove(passwordFile)
	args := []string{
		"--pgdata=" + building, "--username=" + superuser, "--pwfile=" + passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums",
	}
	if c.config.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	if err := c.run(ctx, "initdb", args...); err != nil {
		return fmt.Errorf("make a database cluster in %s: %w%s", c.dir, err, c.user.namelessHint())
	}
	if err := os.Rename(building, c.dir); err != nil {
		return fmt.Errorf("put the new cluster in its place (what is there is none, and is not relay's to remove): %w", err)
	}
	c.logger.Info("a new, empty database was made", "in", c.dir)
	return syncFolder(c.dataDir)
}

// syncFolder makes a rename within the folder durable.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync the data folder: %w", err)
	}
	return nil
}
