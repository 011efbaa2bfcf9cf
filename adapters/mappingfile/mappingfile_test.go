package mappingfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/domain/segment"
)

var update = flag.Bool("update", false, "write what is expected under testdata")

// golden compares got with the file, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// eachFile runs the test for every mapping file of a folder. out is the path of
// what is expected, but for its ending.
func eachFile(t *testing.T, folder string, test func(t *testing.T, data []byte, out string)) {
	t.Helper()
	paths, err := filepath.Glob("testdata/" + folder + "/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		out := strings.TrimSuffix(path, ".yaml")
		t.Run(filepath.Base(out), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			test(t, data, out)
		})
	}
}

func TestParseValid(t *testing.T) {
	t.Parallel()
	eachFile(t, "valid", func(t *testing.T, data []byte, out string) {
		spec, err := Parse("mapping.yaml", data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(spec, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, out+".json", append(got, '\n'))
	})
}

func TestParseInvalid(t *testing.T) {
	t.Parallel()
	eachFile(t, "invalid", func(t *testing.T, data []byte, out string) {
		spec, err := Parse("mapping.yaml", data)
		var problems Problems
		if !errors.As(err, &problems) {
			t.Fatalf("got %+v, %v", spec, err)
		}
		golden(t, out+".txt", []byte(err.Error()+"\n"))
	})
}

func TestParseLimitsSize(t *testing.T) {
	t.Parallel()
	if _, err := Parse("m", bytes.Repeat([]byte("\n"), maxSize)); err != nil {
		t.Error(err)
	}
	_, err := Parse("m", bytes.Repeat([]byte("\n"), maxSize+1))
	if err == nil || err.Error() != "m: 1048577 bytes, a mapping file can have 1048576" {
		t.Error(err)
	}
}

// What descends by recursion or looks back must not grow with the square of the
// file.
func TestParseIsQuickOnLargeFiles(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"[", "{a: ", "- ", "? ", "!!str ", "&a ", "*a ", "k: v\n", "- a\n", "\"a\":", "|\n"} {
		_, err := Parse("m", []byte(strings.Repeat(part, maxSize/4/len(part))))
		var problems Problems
		if !errors.As(err, &problems) || strings.Count(err.Error(), "\n") > maxShown {
			t.Errorf("%q: %.200v", part, err)
		}
	}
	many := "channels: {email: [" + strings.Repeat("a, ", 5_000) + "]}"
	if _, err := Parse("m", []byte(many)); err == nil || !strings.HasSuffix(err.Error(), "and 4949 more") {
		t.Errorf("%.200v", err)
	}
}

func TestTemplateIsTheReference(t *testing.T) {
	t.Parallel()
	spec, err := Parse("template", Template())
	if err != nil || !spec.Equal(mapping.Reference()) {
		t.Errorf("%+v, %v", spec, err)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	spec := mapping.Default()
	spec.EventPrefix = "segment : "
	spec.Channels[profile.SMS] = []string{"phone", "address.mobile", "no"}
	const want = `event_prefix: "segment : "
preferences: {}
channels:
  email: email
  sms: [phone, address.mobile, "no"]
events: [track]
identity: off
`
	if got := string(Format(spec)); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestFormatRoundTrip(t *testing.T) {
	t.Parallel()
	trait := rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{"no", "Null", "1", "~", "a: b", "#", "- a", "\n", "\u0085", "\u2028", "\ufeff", "\U000e0001", "😀", "-", "'", `\`}))
	rapid.Check(t, func(t *rapid.T) {
		spec := mapping.Spec{EventPrefix: rapid.String().Draw(t, "prefix")}
		spec.Events = segment.Kinds(rapid.Uint32().Draw(t, "events")) & mapping.EventKinds
		spec.Identity = mapping.Identity(rapid.IntRange(0, 1).Draw(t, "identity"))
		for i := range spec.Preferences {
			if rapid.Bool().Draw(t, "mapped") {
				spec.Preferences[i] = trait.Draw(t, "trait")
			}
		}
		for i := range spec.Channels {
			spec.Channels[i] = rapid.SliceOfNDistinct(trait, 0, 3, rapid.ID).Draw(t, "traits")
		}
		if spec.Validate() != nil {
			t.Skip("not a valid spec")
		}
		read, err := Parse("m", Format(spec))
		if err != nil || !read.Equal(spec) {
			t.Fatalf("%s\nread %+v, %v", Format(spec), read, err)
		}
	})
}

// The stored JSON of a spec is a mapping file too.
func TestParseReadsStoredSpecs(t *testing.T) {
	t.Parallel()
	for _, spec := range []mapping.Spec{{}, mapping.Default(), mapping.Reference()} {
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := Parse("m", text); err != nil || !read.Equal(spec) {
			t.Errorf("%s: read %+v, %v", text, read, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Template())
	for _, folder := range []string{"valid", "invalid"} {
		paths, err := filepath.Glob("testdata/" + folder + "/*.yaml")
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := Parse("m", data)
		if err != nil {
			return
		}
		text := Format(spec)
		if again, err := Parse("m", text); err != nil || !again.Equal(spec) {
			t.Fatalf("%q: formatted as\n%s\nread %+v, %v", data, text, again, err)
		}
	})
}
