// Package identity says which ids are one person's. Two kinds of links lead from
// id to id, always to a user id: a claim from an anonymous id to the user who
// owns it, an alias from one user id to another. Of several links from one id
// the earliest counts, so states of links merge in any order, any grouping and any
// number of times. It knows no database and no clock.
package identity

import (
	"strings"

	"relay/domain/eventlog"
)

// Link is what a claim or an alias says: the user id that an id leads to, and the
// stamp of the call. No id is empty, so the zero Link is none.
type Link struct {
	To string
	eventlog.Stamp
}

// Exists reports whether there is a link at all.
func (l Link) Exists() bool { return l.To != "" }

// CountsBefore reports whether l, of two links from one id, is the one that counts.
func (l Link) CountsBefore(m Link) bool {
	if !l.Exists() || !m.Exists() {
		return l.Exists()
	}
	if c := l.Compare(m.Stamp); c != 0 {
		return c < 0
	}
	return strings.Compare(l.To, m.To) < 0
}

// Links holds, for each id that leads anywhere, the link that counts.
type Links map[string]Link

// Add adds a link from the id, and reports whether it is now the one that counts.
func (l Links) Add(id string, link Link) bool {
	if !link.CountsBefore(l[id]) {
		return false
	}
	l[id] = link
	return true
}

// State is a set of links. The zero State is empty.
type State struct {
	Claims  Links // by anonymous id
	Aliases Links // by user id
}

// Claim adds a call that names the anonymous id together with the user.
func (s *State) Claim(anonymousID, userID string, at eventlog.Stamp) {
	if s.Claims == nil {
		s.Claims = Links{}
	}
	s.Claims.Add(anonymousID, Link{userID, at})
}

// Alias adds an alias call. The previous id may be an anonymous id or a user id, so
// Alias both claims it and makes it an alias.
func (s *State) Alias(previousID, userID string, at eventlog.Stamp) {
	if s.Aliases == nil {
		s.Aliases = Links{}
	}
	s.Claim(previousID, userID, at)
	s.Aliases.Add(previousID, Link{userID, at})
}

// SizeOf estimates the memory of a link from the id to the user, in bytes.
func SizeOf(id, userID string) int { return 150 + len(id) + len(userID) }

// Add adds the links of another state, which it does not change. It is commutative,
// associative and idempotent. It returns an estimate of the added memory in bytes.
func (s *State) Add(other State) (size int) {
	s.Claims, size = addLinks(s.Claims, other.Claims)
	aliases, more := addLinks(s.Aliases, other.Aliases)
	s.Aliases = aliases
	return size + more
}

func addLinks(to, from Links) (sum Links, size int) {
	if to == nil && len(from) > 0 {
		to = make(Links, len(from))
	}
	for id, link := range from {
		known := len(to)
		to.Add(id, link)
		if len(to) > known {
			size += SizeOf(id, link.To)
		}
	}
	return to, size
}

// IsEmpty reports whether the state has no link.
func (s State) IsEmpty() bool { return len(s.Claims) == 0 && len(s.Aliases) == 0 }

// Owner returns the user id that stands for the person who owns the anonymous
// id; empty: nobody owns it. canonical is s.Aliases.Canonical().
func (s State) Owner(anonymousID string, canonical Canonical) string {
	claim := s.Claims[anonymousID]
	if !claim.Exists() {
		return ""
	}
	return canonical.Of(claim.To)
}
