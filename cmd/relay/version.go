package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// release is the version of relay. A build may name another one:
// go build -ldflags "-X main.release=0.1.1" ./cmd/relay
var release = "0.1.0"

// build identifies a binary of relay.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the source, "+dirty" where it was changed since; empty: unknown
	Go       string `json:"go"`
}

// readBuild reads what the compiler wrote into the binary.
func readBuild() build {
	b := build{Version: release, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	b.Revision = settings["vcs.revision"]
	if settings["vcs.modified"] == "true" {
		b.Revision += "+dirty"
	}
	return b
}

func (b build) String() string {
	return fmt.Sprintf("%s (revision %s, %s)", b.Version, cmp.Or(b.Revision, "unknown"), b.Go)
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print relay's version, the revision of its source, and the version of Go", Flags: []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			if c.Bool("json") {
				return printJSON(c, readBuild())
			}
			cli.ShowVersion(c)
			return nil
		},
	}
}
