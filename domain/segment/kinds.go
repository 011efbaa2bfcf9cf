package segment

import "strings"

// Kinds is a set of call kinds, one bit a kind, as the log keeps it for each
// payload.
type Kinds uint32

// The first seven are Segment's call types. Control marks an entry that relay
// wrote itself, Unusable a payload with an unusable call, and
// Claims one with a call that names both a userId and an anonymousId.
// The numbers are stored in the log: add at the end, change none.
const (
	Identify Kinds = 1 << iota
	Track
	Page
	Screen
	Group
	Alias
	Delete
	Control
	Unusable
	Claims
)

// IdentityKinds are the kinds whose entries stand in the log's identity
// partition.
const IdentityKinds = Identify | Alias | Delete | Control

var kindNames = [...]string{"identify", "track", "page", "screen", "group", "alias", "delete", "control", "unusable", "claims"}

// KindOfType returns the kind of a call's type, 0 if there is no such type.
func KindOfType(name string) Kinds {
	for i, n := range CallTypes() {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// CallTypes returns the types of calls. The caller must not change the slice.
func CallTypes() []string { return kindNames[:7] }

// Has reports whether the set holds any of the given kinds.
func (k Kinds) Has(any Kinds) bool { return k&any != 0 }

// String lists the kinds' names, separated by commas.
func (k Kinds) String() string {
	var names []string
	for i, n := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ",")
}

// KindOfRoute returns the kind of call that a typed route such as /v1/track
// stands for where a call has no type of its own; 0 for every other route.
func KindOfRoute(route string) Kinds { return routeKinds[route] }

var routeKinds = map[string]Kinds{
	"/v1/identify": Identify, "/v1/i": Identify,
	"/v1/track": Track, "/v1/t": Track,
	"/v1/page": Page, "/v1/p": Page,
	"/v1/screen": Screen, "/v1/s": Screen,
	"/v1/group": Group, "/v1/g": Group,
	"/v1/alias": Alias, "/v1/a": Alias,
}
