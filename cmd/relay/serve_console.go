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
	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/mapping"
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
		Requests: postgres.RequestLists{DB: s.db}, Rejected: rejected, Traffic: postgres.Traffics{DB: s.db}, Lags: postgres.Lags{DB: s.db}, Issues: postgres.IssueList{DB: s.db},
		Retry:     &app.Retry{Store: rejected, Log: s.appender, Now: time.Now, Suppressed: s.suppressed},
		Tail:      s.tail(),
		Explainer: &app.Explainer{DB: s.database, Log: s.reader, Controls: s.controls, Generations: postgres.Generations{}, Messages: postgres.Events{DB: s.db}},
		People:    postgres.PeopleReader{DB: s.db}, Exporter: s.exporter(), Suppressor: &app.Suppressor{Store: s.suppressed, Forgetter: s.forgetter()},
		Mappings: s.mappings(), MappingFiles: mappingFiles{}, Previewer: s, Traits: postgres.TraitReader{DB: s.db}, Samples: s,
		Events: postgres.EventReader{DB: s.db}, Keys: s.keys(), Secrets: s.signingSecrets(), Setting: s.settings(), Readers: &app.Readers{Store: s.readers()},
		Ingest:  "http://" + s.ingest.Addr().String() + "/connector/segment/",
		Closing: s.c.Context.Done(), Logger: s.logger, Now: time.Now,
	}, nil
}

// mappingFiles implements console.MappingFiles.
type mappingFiles struct{}

func (mappingFiles) Parse(text []byte) (mapping.Spec, error) {
	return mappingfile.Parse("mapping", text)
}

func (mappingFiles) Format(spec mapping.Spec) []byte { return mappingfile.Format(spec) }

// sampled is how many people the console looks at.
const sampled = 500

// PreviewMapping implements console.MappingPreviewer.
func (s *server) PreviewMapping(ctx context.Context, spec mapping.Spec, fromText string) (app.Preview, error) {
	from, err := app.ParseFrom(fromText, s.reader)
	if err != nil {
		return app.Preview{}, err
	}
	return s.sampler(nil).PreviewDraft(ctx, spec, from, sampled, s.projections)
}

// DryRun implements console.Samples.
func (s *server) DryRun(ctx context.Context, request console.ReprojectionRequest) (app.Preview, error) {
	from, chosen, err := served{system: s.system}.read(request)
	if err != nil {
		return app.Preview{}, err
	}
	return s.sampler(nil).DryRun(ctx, from, sampled, chosen)
}

// Verify implements console.Samples.
func (s *server) Verify(ctx context.Context) ([]app.Verified, error) {
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
