package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"relay/adapters/console"
	"relay/adapters/mappingfile"
	"relay/adapters/postgres/ingeststore"
	"relay/adapters/postgres/lookupstore"
	"relay/adapters/postgres/tables"
	"relay/app"
	"relay/app/erasure"
	"relay/app/ingest"
	"relay/app/lookup"
	"relay/app/replay"
	"relay/domain/mapping"
)

// console returns the console that the admin listener serves.
func (s *server) console(runs served) (*console.Console, error) {
	password, err := app.NewAdminPassword(lookupstore.Password{DB: s.db}, os.Getenv("RELAY_ADMIN_PASSWORD"))
	if err != nil {
		return nil, usageError{errors.Join(errors.New("RELAY_ADMIN_PASSWORD cannot be used"), err)}
	}
	rejected := ingeststore.Rejected{DB: s.db}
	return console.New(console.Config{
		Status: lookupstore.Statuses{DB: s.db}, Metrics: s.metrics.Handler(), Reprojections: runs, Checks: runs, Former: runs, Password: password,
		Requests: lookupstore.RequestLists{DB: s.db}, Rejected: rejected, Traffic: lookupstore.Traffics{DB: s.db},
		Lags: lookupstore.Lags{DB: s.db}, Issues: lookupstore.IssueList{DB: s.db},
		Retry:     &ingest.Retry{Store: rejected, Log: s.appender, Now: time.Now, Suppressed: s.suppressed},
		Tail:      s.tail(),
		Explainer: s.explainer(),
		People:    lookupstore.People{DB: s.db}, Exporter: s.exporter(),
		Suppressor: &erasure.Suppressor{Store: s.suppressed, Forgetter: s.forgetter()},
		Mappings:   s.mappings(), MappingFiles: mappingFiles{}, Previewer: s, Traits: lookupstore.TraitReader{DB: s.db}, Samples: s,
		Events: lookupstore.EventReader{DB: s.db}, Keys: s.keys(), Secrets: s.signingSecrets(), Setting: s.settings(),
		SQLUsers: &lookup.SQLUsers{Store: s.readers()},
		Ingest:   "http://" + s.ingest.Addr().String() + "/connector/segment/",
		Closing:  s.c.Context.Done(), Logger: s.logger, Now: time.Now,
	}), nil
}

func (s *server) explainer() *lookup.Explainer {
	return &lookup.Explainer{
		DB: s.database, Log: s.reader, Controls: s.controls,
		Generations: tables.Generations{}, Messages: tables.Events{DB: s.db}, Served: lookupstore.EventReader{DB: s.db},
	}
}

// mappingFiles implements console.MappingFiles.
type mappingFiles struct{}

func (mappingFiles) Parse(text []byte) (mapping.Spec, error) {
	return mappingfile.Parse("mapping", text)
}

func (mappingFiles) Format(spec mapping.Spec) []byte { return mappingfile.Format(spec) }

// sampled is how many people the console samples.
const sampled = 500

// PreviewMapping implements console.MappingPreviewer.
func (s *server) PreviewMapping(ctx context.Context, spec mapping.Spec, fromText string) (replay.Preview, error) {
	from, err := replay.ParseFrom(fromText, s.reader)
	if err != nil {
		return replay.Preview{}, err
	}
	return s.sampler(nil).PreviewDraft(ctx, spec, from, sampled, s.projections)
}

// DryRun implements console.Samples.
func (s *server) DryRun(ctx context.Context, request console.ReprojectionRequest) (replay.Preview, error) {
	from, chosen, err := served{system: s.system}.read(request)
	if err != nil {
		return replay.Preview{}, err
	}
	return s.sampler(nil).DryRun(ctx, from, sampled, chosen)
}

// Verify implements console.Samples.
func (s *server) Verify(ctx context.Context) ([]replay.Verified, error) {
	return s.sampler(nil).VerifySample(ctx, sampled, s.projections)
}

// settings are the flags of relay serve as they are set.
func (s *server) settings() (list []console.Setting) {
	for _, flag := range s.c.Command.Flags {
		documented, ok := flag.(cli.DocGenerationFlag)
		if name := flag.Names()[0]; ok && name != "help" {
			list = append(list, console.Setting{Name: name, Value: fmt.Sprint(s.c.Value(name)), Means: documented.GetUsage()})
		}
	}
	return list
}
