package logstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"relay/app/ingest"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// TestSearchLeavesNoneOut: however an id is written in a payload, the payload is
// among those that Search returns.
func TestSearchLeavesNoneOut(t *testing.T) {
	t.Parallel()
	db := newLog(t)
	written := map[string][]string{
		"peter":    {`"peter"`, `"p\u0065ter"`},
		"a/b":      {`"a/b"`, `"a\/b"`},
		`say "hi"`: {`"say \"hi\""`, `"say \u0022hi\u0022"`},
		`back\\`:   {`"back\\\\"`},
		"größe":    {`"größe"`, `"gr\u00f6\u00DFe"`},
		"\uFFFD":   {`"\u0000"`, `"\ud800"`, `"\uFFFD"`},
		"12.50":    {`12.50`, `"12.50"`},
		"line\n":   {`"line\n"`, `"line\u000a"`},
	}
	var entries []ingest.NewEntry
	of := map[string][]eventlog.Offset{}
	for id, forms := range written {
		for _, form := range forms {
			entries = append(entries, entry(`{"type":"track","event":"E","userId":`+form+`}`, segment.Track))
			of[id] = append(of[id], eventlog.Offset(len(entries)))
		}
	}
	entries = append(entries, entry(`{"type":"track","event":"E","userId":"somebody else"}`, segment.Track))
	if err := AppendAll(t.Context(), db, entries); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	all := eventlog.Range{UpTo: eventlog.Offset(len(entries))}
	for id, want := range of {
		found, err := (Searcher{}).Search(context.Background(), tx, all, segment.Track, []string{id})
		for _, offset := range want {
			if err != nil || !slices.Contains(found, offset) {
				t.Errorf("%q: found %v, %v; it is at %v", id, found, err, want)
			}
		}
		if slices.Contains(found, all.UpTo) {
			t.Errorf("%q is found in %s", id, entries[len(entries)-1].Inbound.Body)
		}
	}
	many := strings.Fields(fmt.Sprint(make([]int, maxNeedles+1)))
	if found, err := (Searcher{}).Search(context.Background(), tx, all, segment.Track, many); err != nil || len(found) != len(entries) {
		t.Errorf("of many ids: found %d, %v", len(found), err)
	}
}
