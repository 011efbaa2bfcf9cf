package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/google/renameio/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/mappingfile"
	"relay/app"
	"relay/app/replay"
	"relay/domain/mapping"
)

func mappingCommand() *cli.Command {
	return &cli.Command{
		Name: "mapping", Usage: "mapping versions: how calls become events, preferences and channels",
		Subcommands: []*cli.Command{
			{Name: "init", Usage: "write a commented mapping file", ArgsUsage: "[FILE] (default mapping.yaml)", Action: mappingInit},
			{
				Name: "show", Usage: "print a version; default: the active one", ArgsUsage: "[VERSION]",
				Flags: []cli.Flag{jsonFlag}, Action: with(mappingShow),
			},
			{
				Name: "apply", Usage: "make a file the active mapping, for payloads from now on", ArgsUsage: "FILE",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "note", Usage: "why the mapping changed, for the history"},
					&cli.BoolFlag{Name: "reproject", Usage: "apply the mapping to the past too, from the beginning of the log"},
					&cli.IntFlag{Name: "base", Usage: "the version that the file was made from; fails if another one is active"}, jsonFlag,
				},
				Action: with(mappingApply),
			},
			previewCommand(),
			{
				Name: "diff", Usage: "show what differs between two versions", ArgsUsage: "A B",
				Flags: []cli.Flag{jsonFlag}, Action: with(mappingDiff),
			},
			{
				Name: "history", Usage: "list all versions, what changed when, and which part of the log each version applies to",
				Flags: []cli.Flag{jsonFlag}, Action: with(mappingHistory),
			},
			{
				Name: "rollback", Usage: "make an earlier version active again, for payloads from now on", ArgsUsage: "VERSION",
				Flags: []cli.Flag{jsonFlag}, Action: with(mappingRollback),
			},
		},
	}
}

func mappingInit(c *cli.Context) error {
	if err := wantArgs(c, 0, 1); err != nil {
		return err
	}
	name := c.Args().First()
	if name == "" {
		name = "mapping.yaml"
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already; remove it or name another file", name)
	}
	if err := renameio.WriteFile(name, mappingfile.Template(), 0o644); err != nil {
		return fmt.Errorf("write the mapping file: %w", err)
	}
	say(c, "Wrote %s. Edit it, then: relay mapping apply %s", name, name)
	return nil
}

func versionArg(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usageError{fmt.Errorf("a mapping version is a number from 1, got %q", text)}
	}
	return n, nil
}

func mappingShow(c *cli.Context, s *system) error {
	if err := wantArgs(c, 0, 1); err != nil {
		return err
	}
	number := 0
	if c.NArg() == 1 {
		n, err := versionArg(c.Args().First())
		if err != nil {
			return err
		}
		number = n
	}
	v, err := s.mappings().Version(c.Context, number)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, versionJSON(v))
	}
	printText(c, "# version %d%s", v.Number, noteText(v.Note))
	_, err = c.App.Writer.Write(mappingfile.Format(v.Spec))
	return err
}

func noteText(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

type versionOutput struct {
	Version   int          `json:"version"`
	Spec      mapping.Spec `json:"spec"`
	Note      string       `json:"note"`
	CreatedAt string       `json:"created_at,omitempty"`
}

func versionJSON(v mapping.Version) versionOutput {
	out := versionOutput{Version: v.Number, Spec: v.Spec, Note: v.Note}
	if !v.CreatedAt.IsZero() {
		out.CreatedAt = when(v.CreatedAt)
	}
	return out
}

func mappingApply(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	spec, err := readMapping(c)
	if err != nil {
		return err
	}
	applied, err := s.mappings().ApplyTo(c.Context, c.Int("base"), spec, c.String("note"))
	if err != nil {
		return err
	}
	if c.Bool("reproject") && c.Bool("json") {
		return reprojectApplied(c, s, applied)
	}
	if err := printApplied(c, applied); err != nil {
		return err
	}
	if c.Bool("reproject") {
		return reproject(c, s, "beginning", s.projections)
	}
	return nil
}

// reprojectApplied re-projects from the beginning and prints one JSON document.
// The document names the applied version even if the re-projection failed.
func reprojectApplied(c *cli.Context, s *system, applied app.Applied) error {
	out := struct {
		app.Applied
		Reprojection *reprojected `json:"reprojection"` // null: it failed
	}{Applied: applied}
	from, err := replay.ParseFrom("beginning", s.reader)
	if err == nil {
		var done reprojected
		done, err = runToEnd(c, s, func(r *replay.Reprojector, ctx context.Context) (replay.Reprojection, error) {
			return r.PlanAndRun(ctx, from, s.projections, nil)
		})
		if err == nil {
			out.Reprojection = &done
		}
	}
	return errors.Join(err, printJSON(c, out))
}

// readMapping reads the mapping file that the first argument names.
func readMapping(c *cli.Context) (mapping.Spec, error) {
	name := c.Args().First()
	data, err := os.ReadFile(name)
	if err != nil {
		return mapping.Spec{}, fmt.Errorf("read the mapping file: %w", err)
	}
	return mappingfile.Parse(name, data)
}

func printApplied(c *cli.Context, applied app.Applied) error {
	if c.Bool("json") {
		return printJSON(c, applied)
	}
	if !applied.Changed {
		printText(c, "version %d is active already, from log offset %d", applied.Version, applied.Offset)
		return nil
	}
	printText(c, "version %d is active from log offset %d", applied.Version, applied.Offset)
	for _, change := range applied.Changes {
		say(c, "  %s: %s -> %s", change.Path, change.Before, change.After)
	}
	if !c.Bool("reproject") {
		say(c, "Rows of earlier payloads have not changed. To apply the version to the past: relay reproject --from beginning")
	}
	return nil
}

func mappingDiff(c *cli.Context, s *system) error {
	if err := wantArgs(c, 2, 2); err != nil {
		return err
	}
	var specs [2]mapping.Spec
	for i := range specs {
		n, err := versionArg(c.Args().Get(i))
		if err != nil {
			return err
		}
		v, err := s.mappings().Version(c.Context, n)
		if err != nil {
			return err
		}
		specs[i] = v.Spec
	}
	changes := mapping.Diff(specs[0], specs[1])
	if c.Bool("json") {
		return printJSON(c, append([]mapping.Change{}, changes...))
	}
	for _, change := range changes {
		printText(c, "%s: %s -> %s", change.Path, change.Before, change.After)
	}
	return nil
}

func mappingHistory(c *cli.Context, s *system) error {
	versions, history, err := s.mappings().History(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		out := []versionOutput{}
		for _, v := range versions {
			out = append(out, versionJSON(v))
		}
		timelines := map[string]mapping.Timeline{}
		for _, p := range s.projections {
			timelines[p.Name] = history.Timelines.Of(p.Name)
		}
		return printJSON(c, map[string]any{"versions": out, "changes": history.MappingChanges(), "timelines": timelines})
	}
	var rows []table.Row
	for _, v := range versions {
		created := ""
		if !v.CreatedAt.IsZero() {
			created = when(v.CreatedAt)
		}
		rows = append(rows, table.Row{v.Number, created, int64(history.Activated[v.Number]), printable(v.Note)})
	}
	printTable(c, table.Row{"version", "applied at", "first active at offset", "note"}, rows)
	printMappingChanges(c, history)
	rows = nil
	for _, p := range s.projections {
		for _, span := range history.Timelines.Of(p.Name).Spans() {
			rows = append(rows, table.Row{p.Name, int64(span.From), span.Version})
		}
	}
	printTable(c, table.Row{"projection", "from offset", "version"}, rows)
	return nil
}

// printMappingChanges prints what was done to the mapping, in order.
func printMappingChanges(c *cli.Context, history app.History) {
	var rows []table.Row
	for _, change := range history.MappingChanges() {
		from, undone := any(int64(change.From)), ""
		if change.Undoes > 0 {
			from = ""
		}
		if change.UndoneBy > 0 {
			undone = fmt.Sprintf("undone at %d", change.UndoneBy)
		}
		rows = append(rows, table.Row{int64(change.Offset), when(change.At), change.String(), from, undone})
	}
	printTable(c, table.Row{"offset", "when", "what", "from offset", "undone"}, rows)
}

func mappingRollback(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	n, err := versionArg(c.Args().First())
	if err != nil {
		return err
	}
	applied, err := s.mappings().Rollback(c.Context, n)
	if err != nil {
		return err
	}
	return printApplied(c, applied)
}
