// Command screenshots pictures each page of the console: it starts a relay of
// its own with a shop's day in it, and writes what a headless Chromium shows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"relay/cmd/internal/browser"
)

func main() {
	binary := flag.String("relay", "bin/relay", "the relay binary")
	out := flag.String("out", "docs/screenshots", "folder for the pictures")
	height := flag.Int("height", 1320, "how much of a page a picture shows at most, in pixels; 0: all of it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *binary, *out, *height); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, out string, height int) (err error) {
	chromium, err := browser.Find()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "relay-screenshots-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	relay, err := start(ctx, binary, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, relay.stop()) }()
	if err := (&demo{relay: relay, dir: dir}).play(ctx); err != nil {
		return err
	}
	page, closeBrowser := browser.Open(ctx, chromium, filepath.Join(dir, "browser"))
	defer closeBrowser()
	return (&camera{page: page, relay: relay, out: out, height: height}).all()
}
