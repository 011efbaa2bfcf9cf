package identity

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// said is one call that claims or aliases.
type said struct {
	alias    bool
	id, user string
	at       eventlog.Stamp
}

// idGen draws few ids, in an order of bytes that is not that of the alphabet.
var idGen = rapid.SampledFrom([]string{"a", "B", "c", "é", "e", "10", "9", "g"})

// saidGen draws calls at positions of their own, in any order, at few times.
var saidGen = rapid.Custom(func(t *rapid.T) []said {
	offsets := make([]int, rapid.IntRange(0, 12).Draw(t, "calls"))
	for i := range offsets {
		offsets[i] = i
	}
	calls := make([]said, len(offsets))
	for i, offset := range rapid.Permutation(offsets).Draw(t, "offsets") {
		calls[i] = said{
			alias: rapid.Bool().Draw(t, "alias"), id: idGen.Draw(t, "id"), user: idGen.Draw(t, "user"),
			at: eventlog.Stamp{
				At:       segment.Instant(rapid.Int64Range(-1, 1).Draw(t, "at")),
				Position: eventlog.Position{Offset: eventlog.Offset(1 + offset/2), Index: int32(offset % 2)},
			},
		}
	}
	return calls
})

func fold(calls []said) (s State) {
	for _, c := range calls {
		if c.alias {
			s.Alias(c.id, c.user, c.at)
		} else {
			s.Claim(c.id, c.user, c.at)
		}
	}
	return s
}

func same(a, b State) bool {
	return maps.Equal(a.Claims, b.Claims) && maps.Equal(a.Aliases, b.Aliases)
}

// merge returns the links of a and b, which it does not change.
func merge(a, b State) State {
	sum := State{Claims: maps.Clone(a.Claims), Aliases: maps.Clone(a.Aliases)}
	sum.Add(b)
	return sum
}

func TestMergeLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := fold(saidGen.Draw(t, "a")), fold(saidGen.Draw(t, "b")), fold(saidGen.Draw(t, "c"))
		if !same(merge(a, b), merge(b, a)) {
			t.Fatal("not commutative")
		}
		if !same(merge(merge(a, b), c), merge(a, merge(b, c))) {
			t.Fatal("not associative")
		}
		if !same(merge(a, a), a) || !same(merge(a, State{}), a) {
			t.Fatal("not idempotent, or the zero state is not neutral")
		}
	})
}

func TestFoldOfPartsMerges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		calls := saidGen.Draw(t, "calls")
		cut := rapid.IntRange(0, len(calls)).Draw(t, "cut")
		if got := merge(fold(calls[cut:]), fold(calls[:cut])); !same(got, fold(calls)) {
			t.Fatalf("got %v, want %v", got, fold(calls))
		}
	})
}

// TestEarliestCounts: the rules in their own words, one call after the other in
// order of observed-at and position.
func TestEarliestCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		calls := saidGen.Draw(t, "calls")
		s := fold(calls)
		slices.SortFunc(calls, func(a, b said) int { return a.at.Compare(b.at) })
		claims, aliases := map[string]said{}, map[string]said{}
		for _, c := range calls {
			if _, taken := claims[c.id]; !taken {
				claims[c.id] = c
			}
			if _, taken := aliases[c.id]; c.alias && !taken {
				aliases[c.id] = c
			}
		}
		check := func(links Links, want map[string]said) {
			if len(links) != len(want) {
				t.Fatalf("%v, want %v", links, want)
			}
			for id, c := range want {
				if links[id] != (Link{c.user, c.at}) {
					t.Fatalf("%q: %v, want %v", id, links[id], c)
				}
			}
		}
		check(s.Claims, claims)
		check(s.Aliases, aliases)
	})
}

// stepwise is what stands for an id, found step by step: whatever comes round
// again within as many steps as there are ids is in a cycle.
func stepwise(l Links, id string) string {
	for range len(l) {
		if !l[id].Exists() {
			return id
		}
		id = l[id].To
	}
	if !l[id].Exists() {
		return id
	}
	least := id
	for next := l[id].To; next != id; next = l[next].To {
		least = min(least, next)
	}
	return least
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := fold(saidGen.Draw(t, "calls"))
		canonical := s.Aliases.Canonical()
		if len(canonical) != len(s.Aliases) {
			t.Fatalf("%d ids with an alias, %d canonical ids", len(s.Aliases), len(canonical))
		}
		for id, link := range s.Aliases {
			if got, want := canonical[id], stepwise(s.Aliases, id); got != want {
				t.Fatalf("%q: %q, want %q", id, got, want)
			}
			if canonical.Of(id) != canonical.Of(link.To) || canonical.Of(canonical.Of(id)) != canonical.Of(id) {
				t.Fatalf("%q leads to %q but stands for another: %v", id, link.To, canonical)
			}
		}
		for id, claim := range s.Claims {
			if got := s.Owner(id, canonical); got != stepwise(s.Aliases, claim.To) {
				t.Fatalf("%q belongs to %q", id, got)
			}
		}
		if got := s.Owner("nobody's", canonical); got != "" {
			t.Fatalf("an id that nobody claimed belongs to %q", got)
		}
	})
}

// TestCanonicalOfPart: the links on the ways from some ids are enough for them.
func TestCanonicalOfPart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := fold(saidGen.Draw(t, "calls")).Aliases
		from := idGen.Draw(t, "from")
		part := Links{}
		for id := from; all[id].Exists() && !part[id].Exists(); id = all[id].To {
			part[id] = all[id]
		}
		if got, want := part.Canonical().Of(from), all.Canonical().Of(from); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func TestLongChain(t *testing.T) {
	t.Parallel()
	links := Links{}
	const n = 200_000
	for i := range n {
		links[fmt.Sprint(i)] = Link{To: fmt.Sprint(i + 1)}
	}
	canonical := links.Canonical()
	for i := range n {
		if got := canonical[fmt.Sprint(i)]; got != fmt.Sprint(n) {
			t.Fatalf("%d: %s", i, got)
		}
	}
}
