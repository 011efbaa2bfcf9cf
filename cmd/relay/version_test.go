package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// TestVersion: command and flag print the same, without a database.
func TestVersion(t *testing.T) {
	t.Parallel()
	var byCommand, byFlag, asJSON bytes.Buffer
	for out, args := range map[*bytes.Buffer]string{&byCommand: "relay version", &byFlag: "relay --version", &asJSON: "relay version --json"} {
		if status := Run(t.Context(), strings.Fields(args), out, io.Discard); status != exitDone {
			t.Errorf("%s: status %d", args, status)
		}
	}
	if byCommand.String() != byFlag.String() || !strings.HasPrefix(byFlag.String(), "relay version "+release+" (revision ") {
		t.Errorf("relay version printed %q, relay --version %q", &byCommand, &byFlag)
	}
	var got build
	if err := json.Unmarshal(asJSON.Bytes(), &got); err != nil || got.Version != release || !strings.HasPrefix(got.Go, "go1.") {
		t.Errorf("relay version --json printed %s: %v", &asJSON, err)
	}
}
