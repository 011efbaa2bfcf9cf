package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/domain/profile"
	"relay/domain/segment"
)

// TestRandomHistories: whatever the splits into batches, the workers' order and
// the interleaving of payloads, mapping changes and re-projections, what is
// served is what a plain fold of the log under the timeline gives, and what a
// replay gives.
func TestRandomHistories(t *testing.T) { inParallel(t, 2, randomHistories) }

// inParallel holds a law against several times as many histories as usual, in as
// many worlds.
func inParallel(t *testing.T, times int, law func(*testing.T)) {
	t.Parallel()
	for i := range times {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			law(t)
		})
	}
}

func randomHistories(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		w.reset(t)
		shadow, ledger := newShadow(), newLedger()
		w.maxRows = rapid.IntRange(1, 7).Draw(t, "rows a batch")
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		steps := rapid.IntRange(1, 6).Draw(t, "steps")
		stop := func() {}
		if rapid.Bool().Draw(t, "live all the while") {
			stop = w.live(t)
		}
		for range steps {
			at = at.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "seconds")) * time.Second)
			step := rapid.SampledFrom([]string{"payloads", "payloads", "payloads", "mapping", "mapping", "replay", "replay", "replay", "undo", "forget", "forget", "delete"}).Draw(t, "step")
			switch step {
			case "payloads":
				w.append(t, at, "/connector/segment", rapid.SliceOfN(bodyGen, 1, 6).Draw(t, "bodies")...)
			case "mapping":
				spec := specGen.Draw(t, "spec")
				if applied := w.apply(t, spec); applied.Changed {
					shadow.applied(applied.Version, applied.Offset, spec)
				}
			case "forget":
				ledger.forget(t, w, drawPerson(t, people))
			case "delete":
				id := drawPerson(t, people)
				ledger.forget(t, w, w.sendDelete(t, at, id, callGen, bodyGen))
			case "undo":
				if w.undo(t) {
					shadow.undone()
				}
			case "replay":
				if rapid.Bool().Draw(t, "somebody is erased meanwhile") {
					w.meanwhile = ledger.forgetLater(t, w, people)
				}
				w.replay(t, shadow)
				w.meanwhile = nil
			}
		}
		stop()
		w.drain(t)
		ledger.check(t, w)
		shadow.check(t, w)
		if rapid.Bool().Draw(t, "somebody is erased while it is verified") {
			w.meanwhile = ledger.forgetLater(t, w, people)
		}
		w.verify(t)
		w.meanwhile = nil
		ledger.check(t, w)
		shadow.check(t, w)
	})
}

// replay re-projects some projections from some offset, with or without an
// interruption.
func (w *world) replay(t *rapid.T, shadow *shadow) {
	chosen := rapid.SampledFrom([][]app.Projection{w.all, w.all[:1], w.all[1:], w.all[len(w.all)-1:]}).Draw(t, "projections")
	from := eventlog.Offset(rapid.Int64Range(1, int64(w.head(t))+1).Draw(t, "from"))
	if rapid.IntRange(0, 2).Draw(t, "interrupted") == 0 {
		w.interrupt(t, fmt.Sprint(from), chosen, rapid.IntRange(1, 8).Draw(t, "reports until it is interrupted"))
	} else {
		w.reproject(t, fmt.Sprint(from), chosen)
	}
	var names []string
	for _, p := range chosen {
		names = append(names, p.Name)
	}
	shadow.reprojected(names, from)
}

var specGen = rapid.Custom(func(t *rapid.T) mapping.Spec {
	s := mapping.Spec{Identity: mapping.Off}
	s.EventPrefix = rapid.SampledFrom([]string{"", "segment : ", "é"}).Draw(t, "prefix")
	trait := rapid.SampledFrom([]string{"email", "phone", "a.b", "lang", "x"})
	for i := range s.Preferences {
		s.Preferences[i] = rapid.SampledFrom([]string{"", "lang", "a.b"}).Draw(t, "preference trait")
	}
	for i := range rapid.IntRange(0, profile.ChannelCount-1).Draw(t, "channels") {
		s.Channels[i] = rapid.SliceOfNDistinct(trait, 1, 3, rapid.ID).Draw(t, "channel traits")
	}
	s.Events = segment.Kinds(rapid.SampledFrom([]segment.Kinds{0, segment.Track, segment.Track | segment.Page | segment.Screen, segment.Screen}).Draw(t, "events"))
	return s
})

// bodyGen makes payloads whose parts collide: few people, few traits, few
// times, few message ids.
var bodyGen = rapid.Custom(func(t *rapid.T) string {
	switch rapid.IntRange(0, 5).Draw(t, "shape") {
	case 0:
		return "[" + strings.Join(rapid.SliceOfN(callGen, 1, 4).Draw(t, "calls"), ",") + "]"
	case 1:
		return `{"batch":[` + strings.Join(rapid.SliceOfN(callGen, 1, 4).Draw(t, "calls"), ",") + `]` +
			rapid.SampledFrom([]string{"", `,"sentAt":"2026-01-01T00:00:10Z"`, `,"sentAt":null`}).Draw(t, "sentAt") + `}`
	default:
		return callGen.Draw(t, "call")
	}
})

var callGen = rapid.Custom(func(t *rapid.T) string {
	members := []string{
		`"type":` + rapid.SampledFrom([]string{`"identify"`, `"identify"`, `"track"`, `"track"`, `"page"`, `"screen"`, `"group"`, `"nope"`, `"alias"`}).Draw(t, "type"),
	}
	add := func(name string, values ...string) {
		if v := rapid.SampledFrom(append(values, "")).Draw(t, name); v != "" {
			members = append(members, `"`+name+`":`+v)
		}
	}
	add("userId", `"u1"`, `"u2"`, `3`, `"\u0000"`)
	add("previousId", `"u1"`, `"a1"`)
	add("anonymousId", `"a1"`, `"a2"`)
	add("messageId", `"m1"`, `"m2"`, `"m3"`, `""`)
	add("event", `"E"`, `"F\ud800"`, `7`)
	add("name", `"Home"`, `""`)
	add("category", `"Shop"`)
	add("timestamp", `"2026-01-01T00:00:05Z"`, `"2026-01-01T00:00:07.1234567+01:00"`, `"2027-01-01"`, `"bad"`)
	add("originalTimestamp", `"2026-01-01T00:00:06Z"`, `"2025-12-31 23:59"`)
	add("sentAt", `"2026-01-01T00:00:08Z"`, `null`)
	add("receivedAt", `"2026-01-01T00:00:08Z"`)
	add("properties", `{"a":1}`, `{"n":1e999999,"s":"\ud800","d":{"d":[]}}`, `[]`)
	if rapid.Bool().Draw(t, "has traits") {
		members = append(members, `"traits":`+traitsGen.Draw(t, "traits"))
	}
	return "{" + strings.Join(members, ",") + "}"
})

// Parallel tests share these, and rapid names a generator when a list first draws from it.
func init() {
	for _, g := range []*rapid.Generator[string]{bodyGen, callGen, linkedBodyGen, linkedCallGen} {
		_ = g.String()
	}
}

var traitsGen = rapid.Custom(func(t *rapid.T) string {
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
		return rapid.SampledFrom([]string{"null", `"text"`, "[]", "7"}).Draw(t, "odd traits")
	}
	value := rapid.SampledFrom([]string{
		`"a@b.cde"`, `" A@b.cde "`, `"+15550100"`, `"+4917012345678"`, `["a@b.cde","+15550101",7,null]`, `"en"`, `"en_GB"`, `"Europe/Berlin"`,
		`"EN"`, `""`, `null`, `{"b":"fr"}`, `{"b":["x@y.zz"]}`, `1.50`, `1e999999`, `"\u0000"`, `true`,
	})
	var members []string
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"email", "phone", "a", "a.b", "lang", "x", "k\\u0000"}), 0, 5).Draw(t, "keys") {
		members = append(members, `"`+key+`":`+value.Draw(t, "value"))
	}
	return "{" + strings.Join(members, ",") + "}"
})
