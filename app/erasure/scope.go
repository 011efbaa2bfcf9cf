package erasure

import (
	"maps"
	"slices"

	"relay/domain/eventlog"
	"relay/domain/segment"
)

// scope says which calls are of the people of an erasure, and which of these go.
type scope struct {
	users     limits // by user id
	anonymous limits // by anonymous id, for calls without a userId
}

// newScope returns the scope of the people, whose groups are in the same order.
func newScope(people []Person, groups []Group) scope {
	s := scope{users: limits{}, anonymous: limits{}}
	for i, p := range people {
		for _, id := range groups[i].Users {
			s.users.add(id, p.UpTo)
		}
		for _, id := range groups[i].Anonymous {
			s.anonymous.add(id, p.UpTo)
		}
	}
	return s
}

// ids returns all ids of the people.
func (s scope) ids() []string {
	return Group{slices.Collect(maps.Keys(s.users)), slices.Collect(maps.Keys(s.anonymous))}.all()
}

// covers reports whether a call with the ids is of the people, whether it goes or
// stays.
func (s scope) covers(ids segment.CallIDs) bool {
	return s.users.has(ids.User) || s.users.has(ids.Previous) || s.anonymous.has(ids.Anonymous)
}

// erases reports whether the call with the ids, at the index in the entry's
// payload, goes.
func (s scope) erases(e *eventlog.Entry, index int, ids segment.CallIDs) bool {
	at := eventlog.Position{Offset: e.Offset, Index: int32(index)}
	return s.users.reach(ids.User, at) || s.users.reach(ids.Previous, at) || s.anonymous.reach(ids.Anonymous, at)
}

// limits holds, by id, the position of the last call that goes. The zero
// position: all calls go.
type limits map[string]eventlog.Position

// add adds an id. Of two limits of one id, the later counts.
func (l limits) add(id string, upTo eventlog.Position) {
	known, isKnown := l[id]
	if isKnown && (known == eventlog.Position{} || upTo != eventlog.Position{} && known.Compare(upTo) >= 0) {
		return
	}
	l[id] = upTo
}

func (l limits) has(id string) bool {
	_, known := l[id]
	return id != "" && known
}

// reach reports whether the id has a limit, and the position is not after it.
func (l limits) reach(id string, at eventlog.Position) bool {
	limit := l[id]
	return l.has(id) && (limit == eventlog.Position{} || at.Compare(limit) <= 0)
}
