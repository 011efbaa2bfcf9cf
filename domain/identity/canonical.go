package identity

import "slices"

// Canonical holds, for each user id with an alias, the id that stands for it.
type Canonical map[string]string

// Of returns the id that stands for the user id: itself, unless it has an alias.
func (c Canonical) Of(userID string) string {
	if id, aliased := c[userID]; aliased {
		return id
	}
	return userID
}

// Canonical follows the aliases from every id that has one. An id that leads
// nowhere stands for all that lead to it; in a cycle the smallest id in byte
// order stands for the cycle and for what leads into it.
//
// Canonical reads only l. If l holds some of the aliases, the result is right for
// those ids of which every alias on the way is in l.
func (l Links) Canonical() Canonical {
	c := make(Canonical, len(l))
	for id := range l {
		c.follow(l, id)
	}
	return c
}

// onTheWay marks, while a way is followed, the ids on it; no id is empty.
const onTheWay = ""

// follow finds what stands for the id and for all on the way from it.
func (c Canonical) follow(l Links, id string) {
	var way []string
	for {
		known, seen := c[id]
		if seen && known != onTheWay {
			id = known
			break
		}
		if seen {
			id = slices.Min(way[slices.Index(way, id):])
			break
		}
		link := l[id]
		if !link.Exists() {
			break
		}
		c[id] = onTheWay
		way = append(way, id)
		id = link.To
	}
	for _, passed := range way {
		c[passed] = id
	}
}
