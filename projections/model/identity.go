package model

import (
	"slices"
	"time"
)

// Identity is a row of relay.identities.
type Identity struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	DistinctID string    `json:"distinct_id"`
	Since      time.Time `json:"since"`
}

// links is what claims and aliases say: the call that counts for each owned
// anonymous id and for each aliased user id.
type links struct {
	owners, aliases map[string]call
}

// linksOf is rules 21 to 23. The calls stand in order of observed-at and
// position, so the first that says anything of an id is the one that counts.
func linksOf(byTime []call) links {
	l := links{owners: map[string]call{}, aliases: map[string]call{}}
	first := func(of map[string]call, id string, c call) {
		if _, taken := of[id]; !taken {
			of[id] = c
		}
	}
	for _, c := range byTime {
		switch {
		case c.mapping.Identity != "join" || c.kind == "delete":
		case c.kind == "alias":
			first(l.owners, c.previous, c)
			first(l.aliases, c.previous, c)
		case c.userID != "" && c.anonID != "":
			first(l.owners, c.anonID, c)
		}
	}
	return l
}

// canonical follows the aliases from a user id to the id that stands for it.
func (l links) canonical(id string) string {
	way := []string{id}
	for {
		alias, leads := l.aliases[id]
		if !leads {
			return id
		}
		id = alias.userID
		if i := slices.Index(way, id); i >= 0 {
			return slices.Min(way[i:])
		}
		way = append(way, id)
	}
}

// personOf returns the canonical id that a call belongs to; empty: nobody.
func (l links) personOf(c call) string {
	if c.userID != "" {
		return l.canonical(c.userID)
	}
	if claim, owned := l.owners[c.anonID]; owned {
		return l.canonical(claim.userID)
	}
	return ""
}

func (rows *Rows) addIdentities(l links) {
	for id, claim := range l.owners {
		rows.Identities = append(rows.Identities, Identity{id, "anonymous", l.canonical(claim.userID), claim.at})
	}
	for id, alias := range l.aliases {
		rows.Identities = append(rows.Identities, Identity{id, "user", l.canonical(id), alias.at})
	}
}
