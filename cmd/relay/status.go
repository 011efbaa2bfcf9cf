package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"relay/adapters/postgres/lookupstore"
	"relay/app/lookup"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show the state and lag of the log, projections and re-projections", Flags: []cli.Flag{jsonFlag},
		Action: with(func(c *cli.Context, s *system) error {
			status, err := lookupstore.Statuses{DB: s.db}.Read(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, status)
			}
			printStatus(c, status)
			if there, ok := announced(c); ok && there.answers() {
				printText(c, "relay serve: listens on %s", there.Listen)
			} else {
				printText(c, "relay serve: not running on this data folder")
			}
			return nil
		}),
	}
}

func printStatus(c *cli.Context, status lookup.Status) {
	printText(c, "log: ends at offset %d", status.Log.Head)
	printText(c, "mapping: version %d", status.Mapping.Version)
	var rows []table.Row
	for _, p := range status.Projections {
		rows = append(rows, table.Row{p.Name, p.Generation, p.Checkpoint, p.LagRows, fmt.Sprintf("%.1f s", p.LagSeconds)})
	}
	printTable(c, table.Row{"projection", "generation", "checkpoint", "log rows behind", "behind"}, rows)
	if r := status.Reprojection; r != nil {
		printText(c, "last re-projection: %d, %s%s, started %s", r.ID, r.Status, phaseOf(r), when(r.StartedAt))
	}
	printText(c, "issues: %d (see relay issues); rejected bodies: %d (see relay rejected list)", status.IssuesIgnored, status.Rejected)
}

func phaseOf(r *lookup.RunStatus) string {
	switch {
	case r.Interrupted:
		return fmt.Sprintf(", interrupted (%s, %d of %d log rows; "+
			"resume it with relay reproject --resume, or remove it with --cancel)", r.Phase, r.Done, r.Total)
	case r.Status == "running":
		text := fmt.Sprintf(" (%s, %d of %d log rows, %.0f calls/s, %d issues", r.Phase, r.Done, r.Total, r.CallsPerSecond, r.Issues)
		if r.ExpectedAt != nil {
			text += ", log read at about " + when(*r.ExpectedAt)
		}
		if r.Error != "" {
			text += "; " + r.Error
		}
		return text + ")"
	case r.Error != "":
		return " (" + r.Error + ")"
	}
	return ""
}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "check the installation and say what to do; exit status 1 if data can be lost", Flags: []cli.Flag{jsonFlag},
		Action: with(doctor),
	}
}

func doctor(c *cli.Context, s *system) error {
	findings, err := lookupstore.Doctor{DB: s.db}.Examine(c.Context)
	if err != nil {
		return err
	}
	if there, ok := announced(c); ok && !there.answers() {
		findings = append(findings, lookup.Finding{
			Severity: "warning",
			What:     fmt.Sprintf("relay serve ended without being stopped: no server answers on %s", there.Listen),
			Do:       "start relay serve again",
		})
	}
	if c.Bool("json") {
		err = printJSON(c, findings)
	} else {
		printFindings(c, findings)
	}
	for _, f := range findings {
		if f.Severity == "danger" {
			return errors.Join(err, silentFailure{})
		}
	}
	return err
}

func printFindings(c *cli.Context, findings []lookup.Finding) {
	if len(findings) == 0 {
		printText(c, "no problems found")
	}
	for _, f := range findings {
		printText(c, "%s: %s\n  do: %s", f.Severity, f.What, f.Do)
	}
}

// shutdownPatience is how long a stopping server waits for requests and batches in
// flight.
const shutdownPatience = 10 * time.Second
