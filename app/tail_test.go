package app_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"relay/app"
	"relay/app/lookup"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

// shelf is a log in memory, for use cases that only read.
type shelf []eventlog.Entry

func (shelf) InTx(context.Context, func(app.Tx) error) error            { panic("reads only") }
func (shelf) Try(context.Context, app.Tx, func() error) error           { panic("reads only") }
func (shelf) InSnapshot(_ context.Context, do func(app.Tx) error) error { return do(nil) }

func (s shelf) Head(context.Context, app.Tx) (eventlog.Offset, error) {
	if len(s) == 0 {
		return 0, nil
	}
	return s[len(s)-1].Offset, nil
}

func (s shelf) Read(_ context.Context, _ app.Tx, r eventlog.Range, kinds segment.Kinds, each func(*eventlog.Entry) error) error {
	for _, e := range s {
		if e.Offset > r.After && e.Offset <= r.UpTo && e.Kinds.Has(kinds) {
			if err := each(&e); err != nil {
				return err
			}
		}
	}
	return nil
}

// drawShelf makes a log with gaps, of three people and two sources.
func drawShelf(t *rapid.T) (s shelf) {
	var offset eventlog.Offset
	for range rapid.IntRange(0, 40).Draw(t, "entries") {
		offset += eventlog.Offset(rapid.SampledFrom([]int{1, 1, 1, 2, 700, 3000}).Draw(t, "gap"))
		kind := rapid.SampledFrom([]segment.Kinds{segment.Track, segment.Identify}).Draw(t, "kind")
		person := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "person")
		s = append(s, eventlog.Entry{
			Offset: offset, Kinds: kind, Source: rapid.SampledFrom([]string{"web", "app"}).Draw(t, "source"), Route: "/v1/batch",
			Payload: fmt.Appendf(nil, `{"batch":[{"type":"%s","userId":"%s"}]}`, kind, person),
		})
	}
	return s
}

// TestTailShowsTheLast: of what passes the filter, the last n are shown, and
// everything that comes after them.
func TestTailShowsTheLast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawShelf(t)
		f := lookup.TailFilter{
			Source: rapid.SampledFrom([]string{"", "web"}).Draw(t, "of source"), Person: rapid.SampledFrom([]string{"", "bob"}).Draw(t, "of person"),
			Kinds: rapid.SampledFrom([]segment.Kinds{0, segment.Track}).Draw(t, "of kind"),
		}
		var want []eventlog.Offset
		for _, e := range s {
			if (f.Source == "" || f.Source == e.Source) && (f.Kinds == 0 || f.Kinds == e.Kinds) && (f.Person == "" || slices.Contains([]string{
				`{"batch":[{"type":"track","userId":"bob"}]}`, `{"batch":[{"type":"identify","userId":"bob"}]}`,
			}, string(e.Payload))) {
				want = append(want, e.Offset)
			}
		}
		n := rapid.IntRange(0, 12).Draw(t, "n")
		want = want[max(0, len(want)-n):]
		tail := lookup.Tail{DB: s, Log: s}
		after, err := tail.Find(t.Context(), n, f)
		if err != nil {
			t.Fatal(err)
		}
		var got []eventlog.Offset
		for former := eventlog.Offset(-1); after != former; {
			former = after
			after, err = tail.Next(t.Context(), after, f, func(e lookup.TailEntry) error {
				got = append(got, e.Offset)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the last %d: %v, want %v", n, got, want)
		}
	})
}

// TestTailLooksBackSoFar: a bounded look back finds an event within its bound, and
// tells where it gave up.
func TestTailLooksBackSoFar(t *testing.T) {
	t.Parallel()
	var s shelf
	for i := range 20 {
		s = append(s, eventlog.Entry{
			Offset: eventlog.Offset(i + 1), Kinds: segment.Track, Route: "/v1/track", Payload: fmt.Appendf(nil, `{"type":"track","userId":"u","event":"e%d"}`, i+1),
		})
	}
	tail := lookup.Tail{DB: s, Log: s}
	for most, want := range map[eventlog.Offset]eventlog.Offset{0: 20, 5: 15, 17: 3, 18: 2, 20: 2, 1000: 2} {
		if after, err := tail.FindWithin(t.Context(), 1, most, lookup.TailFilter{Event: "e3"}); err != nil || after != want {
			t.Errorf("within %d: after %d, %v; want %d", most, after, err, want)
		}
	}
}
