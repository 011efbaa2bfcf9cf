package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"relay/app/replay"
	"relay/app/sample"
)

func previewCommand() *cli.Command {
	return &cli.Command{
		Name: "preview", Usage: "show what a file would change if it were applied and re-projected; changes nothing", ArgsUsage: "FILE",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Value: "beginning", Usage: "from where to re-project; see relay reproject --from"},
			&cli.IntFlag{Name: "sample", Value: 1000, Usage: "about how many people to sample at random"}, jsonFlag,
		},
		Action: with(mappingPreview),
	}
}

func mappingPreview(c *cli.Context, s *system) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	if n := c.Int("sample"); n < 1 || n > sample.MaxSample {
		return usageError{fmt.Errorf("--sample %d: must be from 1 to %d", n, sample.MaxSample)}
	}
	spec, err := readMapping(c)
	if err != nil {
		return err
	}
	from, err := replay.ParseFrom(c.String("from"), s.reader)
	if err != nil {
		return usageError{err}
	}
	progress := newProgressView(c)
	preview, err := s.sampler(progress.report).PreviewDraft(c.Context, spec, from, c.Int("sample"), s.projections)
	progress.finish()
	if err != nil {
		return err
	}
	return printPreview(c, preview)
}
