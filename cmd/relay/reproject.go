package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"relay/app"
	"relay/app/replay"
)

func reprojectCommand() *cli.Command {
	return &cli.Command{
		Name: "reproject", Usage: "apply the active mapping to the past, while relay keeps accepting payloads",
		Description: "Rebuilds the projections beside the served ones, under the active mapping from FROM on, and\n" +
			"then switches to the rebuilt rows. Until then, queries see the old rows.",
		Flags:  reprojectFlags(),
		Action: with(reprojectByFlags),
	}
}

func reprojectFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name:  "from",
			Usage: "FROM: beginning, a log offset, a time of receipt (RFC 3339), or mapping:N (the first offset that version N applies to)",
		},
		projectionFlag,
		&cli.BoolFlag{Name: "plan", Usage: "print what would be rebuilt, and why; changes nothing"},
		&cli.BoolFlag{Name: "dry-run", Usage: "rebuild on the side and print what would change; changes nothing"},
		&cli.IntFlag{
			Name:  "sample",
			Usage: "with --dry-run: about how many people to sample at random; quick, and possible while a re-projection runs",
		},
		&cli.BoolFlag{Name: "resume", Usage: "resume an interrupted re-projection"},
		&cli.BoolFlag{
			Name: "cancel",
			Usage: "cancel the running or interrupted re-projection and remove what it built, " +
				"or cancel the running verification or dry run",
		},
		&cli.BoolFlag{Name: "undo", Usage: "undo the last re-projection: serve the former rows again, brought up to date"},
		&cli.BoolFlag{Name: "drop-former", Usage: "remove the former rows; the last re-projection can then no longer be undone"},
		&cli.IntFlag{
			Name: "max-load", Value: 100,
			Usage: "percentage of time that log readers are busy; less leaves more room for live traffic",
		},
		memoryFlag, jsonFlag,
	}
}

// reprojectByFlags does what the flags ask for.
func reprojectByFlags(c *cli.Context, s *system) error {
	if err := checkModes(c); err != nil {
		return err
	}
	if err := s.limit(c); err != nil {
		return err
	}
	switch {
	case c.Bool("cancel"):
		return cancelReprojection(c, s)
	case c.Bool("drop-former"):
		return dropFormer(c, s)
	case c.Bool("resume"):
		return runReprojection(c, s, (*replay.Reprojector).Resume)
	case c.Bool("undo"):
		return runReprojection(c, s, (*replay.Reprojector).Undo)
	}
	chosen, err := s.choose(c.String("projection"))
	if err != nil {
		return err
	}
	return reproject(c, s, c.String("from"), chosen)
}

// checkModes refuses flags that do not go together.
func checkModes(c *cli.Context) error {
	var given []string
	for _, mode := range []string{"from", "resume", "cancel", "undo", "drop-former"} {
		if c.IsSet(mode) {
			given = append(given, "--"+mode)
		}
	}
	switch {
	case len(given) == 0:
		return usageError{errors.New("relay reproject needs --from: beginning, a log offset, a time, or mapping:N " +
			"(or one of --resume, --cancel, --undo, --drop-former)")}
	case len(given) > 1:
		return usageError{fmt.Errorf("%s do not go together", strings.Join(given, " and "))}
	case c.Bool("plan") && c.Bool("dry-run"):
		return usageError{errors.New("--plan and --dry-run do not go together")}
	case (c.Bool("plan") || c.Bool("dry-run")) && !c.IsSet("from"):
		return usageError{errors.New("--plan and --dry-run go with --from")}
	case c.IsSet("sample") && !c.Bool("dry-run"):
		return usageError{errors.New("--sample goes with --dry-run")}
	case c.Int("max-load") < 1 || c.Int("max-load") > 100:
		return usageError{fmt.Errorf("--max-load %d: must be a percentage from 1 to 100", c.Int("max-load"))}
	}
	return checkSample(c)
}

func reproject(c *cli.Context, s *system, fromText string, chosen []app.Projection) error {
	from, err := replay.ParseFrom(fromText, s.reader)
	if err != nil {
		return usageError{err}
	}
	if c.Bool("dry-run") {
		return dryRun(c, s, from, chosen)
	}
	if c.Bool("plan") {
		plan, err := s.store().Plan(c.Context, from, chosen)
		if err != nil {
			return err
		}
		return printPlan(c, plan)
	}
	return runReprojection(c, s, func(r *replay.Reprojector, ctx context.Context) (replay.Reprojection, error) {
		return r.PlanAndRun(ctx, from, chosen, func(plan replay.Plan, outdated *replay.OutdatedPlan) { sayPlan(c, plan, outdated) })
	})
}

// sayPlan shows the plan that is about to be run, and why another one before it was
// not.
func sayPlan(c *cli.Context, plan replay.Plan, outdated *replay.OutdatedPlan) {
	if outdated != nil {
		say(c, "planned again, because %s meanwhile:", outdated.Change)
	}
	for _, step := range plan.Projections {
		say(c, "%s", stepText(step))
	}
}

// reprojected is a finished re-projection as JSON.
type reprojected struct {
	ID          int64    `json:"id"`
	Projections []string `json:"projections"`
	Rebuilt     []string `json:"rebuilt"`
	Undoes      int64    `json:"undoes"`
	From        int64    `json:"from_offset"`
	Version     int      `json:"mapping_version"`
	Calls       int64    `json:"calls"`
	Seconds     float64  `json:"seconds"`
}

// runReprojection runs a re-projection and prints its outcome.
func runReprojection(c *cli.Context, s *system, run replay.Job) error {
	done, err := runToEnd(c, s, run)
	switch {
	case err != nil:
		return err
	case c.Bool("json"):
		return printJSON(c, done)
	}
	printReprojected(c, done)
	return nil
}

func runToEnd(c *cli.Context, s *system, run replay.Job) (out reprojected, err error) {
	progress := newProgressView(c)
	started := time.Now()
	done, err := run(s.reprojector(progress.report), c.Context)
	calls := progress.finish()
	if err != nil {
		return out, fmt.Errorf("%w (the served rows have not changed)", err)
	}
	return reprojected{
		done.ID, done.Projections, append([]string{}, done.Rebuilt...), done.Undoes,
		int64(done.From), done.Version, calls, time.Since(started).Seconds(),
	}, nil
}

func printReprojected(c *cli.Context, done reprojected) {
	if done.Undoes != 0 {
		printText(c, "re-projection %d undid %d: the former rows are served again; %.1f s", done.ID, done.Undoes, done.Seconds)
		return
	}
	printText(c, "re-projection %d: %s from log offset %d under mapping version %d: %s in %.1f s, %.0f calls/s",
		done.ID, strings.Join(done.Projections, " and "), done.From, done.Version,
		number(int(done.Calls), "call", "calls"), done.Seconds, float64(done.Calls)/done.Seconds)
}

func dropFormer(c *cli.Context, s *system) error {
	dropped, err := s.reprojector(nil).DropFormer(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]int{"dropped": dropped})
	}
	printText(c, "%d former generations removed", dropped)
	return nil
}

func printPlan(c *cli.Context, plan replay.Plan) error {
	if c.Bool("json") {
		return printJSON(c, plan)
	}
	printText(c, "mapping version %d from log offset %d on:", plan.Version, plan.From)
	for _, step := range plan.Projections {
		printText(c, "%s", stepText(step))
	}
	return nil
}

func stepText(step replay.PlanStep) string {
	why := strings.Join(step.Why, "; ")
	if !step.Rebuild {
		return fmt.Sprintf("  %s: no rebuild (%s)", step.Projection, why)
	}
	return fmt.Sprintf("  %s: rebuilt from %s with %s calls, %s on disk (%s)",
		step.Projection, number(int(step.Rows), "log row", "log rows"), strings.ReplaceAll(step.Kinds, ",", ", "),
		units.BytesSize(float64(step.Bytes)), why)
}
