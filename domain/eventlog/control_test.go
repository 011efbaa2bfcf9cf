package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func samples() map[string]Control {
	return map[string]Control{
		"mapping_activated": {MappingActivated: &MappingActivated{
			Version: 2, Spec: json.RawMessage(`{"event_prefix":"segment : "}`), Note: "a prefix for events",
			CreatedAt: time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC),
		}},
		"reprojected": {Reprojected: &Reprojected{Projections: []string{"events"}, From: 1, Version: 2, AsOf: 1200}},
		"undone":      {Undone: &Undone{Entry: 1300}},
		"forgotten":   {Forgotten: &Forgotten{People: 1, Calls: 17, Payloads: 3, Rejected: 1, Suppressed: true}},
	}
}

// The files under testdata are what logs hold: they must be read for ever.
func TestControlReadsWhatLogsHold(t *testing.T) {
	t.Parallel()
	for name, want := range samples() {
		payload, err := os.ReadFile("testdata/control/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeControl(payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
		written, err := EncodeControl(want)
		if err != nil || !bytes.Equal(written, bytes.TrimSpace(payload)) {
			t.Errorf("%s: wrote %s, %v; want %s", name, written, err, payload)
		}
	}
}

func TestDecodeControlRefuses(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		``:                                 "unexpected end",
		`[]`:                               "cannot unmarshal array",
		`{"type":"track","userId":"u"}`:    `unknown type ""`,
		`{"relay":"renamed","id":"u"}`:     `unknown type "renamed"`,
		`{"relay":"forgotten"}`:            "0 people",
		`{"relay":"undone"}`:               "offsets begin at 1",
		`{"relay":"mapping_activated"}`:    "versions count from 1",
		`{"relay":"reprojected","from":1}`: "versions count from 1",
		`{"relay":"mapping_activated","version":1}`:                                     "not a JSON object",
		`{"relay":"mapping_activated","version":"1"}`:                                   "version",
		`{"relay":"reprojected","version":1,"from":0,"projections":["events"]}`:         "offsets begin at 1",
		`{"relay":"reprojected","version":1,"from":1}`:                                  "names no projection",
		`{"relay":"reprojected","version":1,"from":1,"projections":["events"]} {"a":1}`: "after top-level value",
	} {
		_, err := DecodeControl([]byte(payload))
		if !errors.Is(err, errBadControl) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", payload, err, want)
		}
	}
}

func TestEncodeControlWantsOneContent(t *testing.T) {
	t.Parallel()
	both := samples()["reprojected"]
	both.MappingActivated = samples()["mapping_activated"].MappingActivated
	for _, c := range []Control{{}, both} {
		if _, err := EncodeControl(c); !errors.Is(err, errBadControl) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func FuzzDecodeControl(f *testing.F) {
	for _, c := range samples() {
		payload, err := EncodeControl(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := DecodeControl(payload)
		if err != nil {
			return
		}
		written, err := EncodeControl(c)
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		again, err := DecodeControl(written)
		rewritten, _ := EncodeControl(again)
		if err != nil || !bytes.Equal(rewritten, written) {
			t.Fatalf("%s: wrote %s, read %+v, %v", payload, written, again, err)
		}
	})
}
