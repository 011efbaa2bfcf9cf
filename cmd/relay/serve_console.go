package main

import (
	"errors"
	"os"
	"time"

	"relay/adapters/console"
	"relay/adapters/postgres"
	"relay/app"
)

// console is what the admin listener shows of the system.
func (s *server) console(reprojections console.Reprojections) (console.Config, error) {
	password, err := app.NewAdminPassword(postgres.Password{DB: s.db}, os.Getenv("RELAY_ADMIN_PASSWORD"))
	if err != nil {
		return console.Config{}, usageError{errors.Join(errors.New("RELAY_ADMIN_PASSWORD cannot be used"), err)}
	}
	rejected := postgres.Rejected{DB: s.db}
	return console.Config{
		Status: postgres.Statuses{DB: s.db}, Metrics: s.metrics.Handler(), Reprojections: reprojections, Password: password,
		Requests: postgres.RequestLists{DB: s.db}, Rejected: rejected, Traffic: postgres.Traffics{DB: s.db}, Issues: postgres.IssueList{DB: s.db},
		Retry:     &app.Retry{Store: rejected, Log: s.appender, Now: time.Now, Suppressed: s.suppressed},
		Tail:      s.tail(),
		Explainer: &app.Explainer{DB: s.database, Log: s.reader, Controls: s.controls, Generations: postgres.Generations{}, Messages: postgres.Events{DB: s.db}},
		Ingest:    "http://" + s.ingest.Addr().String() + "/connector/segment/",
		Closing:   s.c.Context.Done(), Logger: s.logger, Now: time.Now,
	}, nil
}
