package embeddedpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// settleReach finds out what the server's user needs to reach the data folder
// and the binaries: either may stand below a folder that only root may enter,
// such as /root or a temporary folder of root's. It takes the first that is
// enough: no right beyond its own, to pass and read everywhere, or (the only
// one that containers have as a rule) to write as well. Postgres refuses to be
// root; it does not refuse this.
func (c *cluster) settleReach(ctx context.Context) error {
	if c.user == nil {
		return nil
	}
	var failures []error
	for _, rights := range reaches {
		c.user.reach = rights
		probe := c.asUser(ctx, []string{"/bin/sh", "-c", `cd "$1" && exec "$0" --version`, filepath.Join(c.server.dir, "postgres"), c.dataDir})
		out, err := probe.CombinedOutput()
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("%w %s", err, bytes.TrimSpace(out)))
	}
	return fmt.Errorf("root runs the embedded server as user %d, who cannot enter %s or cannot run %s; "+
		"let others pass through the folders above (chmod a+x), or name another folder with --data-dir: %w",
		c.user.uid, c.dataDir, c.server.dir, errors.Join(failures...))
}
