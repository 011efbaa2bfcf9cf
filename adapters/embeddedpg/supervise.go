package embeddedpg

import (
	"context"
	"path/filepath"
	"time"
)

// Supervise starts the server again whenever it ends by itself, until ctx ends.
// Data that was acknowledged is there again, and the URL stays. Several
// processes may supervise one server.
func (s *Server) Supervise(ctx context.Context) {
	c := s.cluster // a copy: restarting changes it while others read the URL
	const pause = 200 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, runs := c.running(); runs {
			continue
		}
		if err := c.restart(ctx); err != nil && ctx.Err() == nil {
			c.logger.Error("the embedded server ended and cannot be started again; trying on", "error", err)
		}
	}
}

// restart starts the server unless another process was quicker.
func (c *cluster) restart(ctx context.Context) error {
	startStop, err := acquire(ctx, filepath.Join(c.dataDir, "postgres.lock"), exclusive)
	if err != nil {
		return err
	}
	defer startStop.release()
	started, err := c.ensureRunning(ctx)
	if started && err == nil {
		c.logger.Warn("the embedded server had ended; it was started again", "log", c.logFile())
	}
	return err
}
