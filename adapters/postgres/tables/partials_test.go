package tables

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"relay/adapters/postgres/postgrestest"

	"relay/domain/eventlog"
	"relay/domain/profile"
)

// somePeople have partial states of many sizes; every third differs with seed.
func somePeople(seed int) map[string]profile.State {
	people := map[string]profile.State{}
	for i := range 3000 {
		value := fmt.Sprintf(`"%d%s"`, i%3*seed, strings.Repeat("x", i%700*(i%7)))
		stamp := eventlog.Stamp{At: 5, Position: eventlog.Position{Offset: eventlog.Offset(1 + i%3*seed)}}
		people[fmt.Sprint("person ", i)] = profile.State{
			Identified: true, First: 5, Last: 5, Traits: []profile.Trait{{Key: "a", Value: []byte(value), Stamp: stamp}},
		}
	}
	return people
}

// TestPartialsComeBackMerged: what is written in buckets and read in any number
// of passes is each person's merged state once, in order within a pass.
func TestPartialsComeBackMerged(t *testing.T) {
	t.Parallel()
	want := somePeople(1)
	for id, s := range somePeople(2) {
		want[id] = profile.Merge(want[id], s)
	}
	for _, passes := range []int{1, 3} {
		got := map[string]profile.State{}
		for bucket := range buckets {
			for pass := range passes {
				readPass(t, bucket, pass, passes, got)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in %d passes: %d people, want %d, or other states", passes, len(got), len(want))
		}
	}
}

func readPass(t *testing.T, bucket, pass, passes int, got map[string]profile.State) {
	t.Helper()
	var list []partial
	for _, p := range []*partials{newPartials(somePeople(1), nil), newPartials(somePeople(2), nil)} {
		var err error
		if list, err = appendPartials(list, p.of[bucket], pass, passes); err != nil {
			t.Fatal(err)
		}
	}
	last := ""
	err := mergePartials(list, func(people []person) error {
		for _, p := range people {
			if p.id <= last {
				t.Fatalf("%q came after %q", p.id, last)
			}
			got[p.id], last = p.state, p.id
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPartialsInTheDatabase: rows hold whole partial states, whatever their
// sizes, and come back byte for byte.
func TestPartialsInTheDatabase(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	people := somePeople(1)
	people["huge"] = profile.State{Traits: []profile.Trait{{Key: "a", Value: []byte(`"` + strings.Repeat("y", 1<<20) + `"`)}}}
	written := newPartials(people, somePeople(2))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := createPartials(t.Context(), tx, 1); err != nil {
		t.Fatal(err)
	}
	if err := writePartials(t.Context(), tx, 1, []*partials{written}); err != nil {
		t.Fatal(err)
	}
	for bucket := range allBuckets {
		want, err := appendPartials(nil, written.of[bucket], 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readBucket(t.Context(), tx, 1, bucket, 0, 1)
		for _, list := range [][]partial{got, want} { // rows come in any order
			slices.SortFunc(list, func(a, b partial) int { return bytes.Compare(a.id, b.id) })
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("bucket %d: %d partial states, want %d, or other bytes; %v", bucket, len(got), len(want), err)
		}
	}
}

func FuzzNextPartial(f *testing.F) {
	for _, b := range newPartials(map[string]profile.State{"a": {}, "b": {}}, map[string]profile.State{"a": {}}).of {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for len(data) > 0 {
			_, rest, err := nextPartial(data)
			if err != nil {
				return
			}
			if len(rest) >= len(data) {
				t.Fatalf("%d bytes became %d", len(data), len(rest))
			}
			data = rest
		}
	})
}
