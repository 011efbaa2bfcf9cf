package segment

import "slices"

// Part is the ids and the bytes of one call of a payload, usable or not.
type Part struct {
	Index                           int
	Kind                            Kinds // one bit of Identify to Delete; 0: none of them
	UserID, AnonymousID, PreviousID string
	Raw                             []byte // the call's bytes in the payload
}

// Place is where a call's bytes stand in its payload.
type Place struct{ Index, Start, End int }

// Select returns, in order, the places of the calls that want accepts. want is not
// called for elements that are no objects, nor for calls erased before. pathKind,
// erased and errors are those of ParseCut.
func (p *Parser) Select(body []byte, pathKind Kinds, erased []int, want func(*Part) bool) ([]Place, Payload, error) {
	p.erased, p.want = erased, want
	payload, err := p.parse(body, pathKind)
	places := p.places
	p.want, p.places = nil, nil
	return places, payload, err
}

func (p *Parser) isErased(index int) bool {
	_, found := slices.BinarySearch(p.erased, index)
	return found
}

// choose notes the place of the next call if Select's caller wants it.
func (p *Parser) choose(start, end int, m *callMembers) {
	if p.want == nil {
		return
	}
	part := Part{Index: p.payload.Total, Kind: m.of[memberType].kindOfCall(p.pathKind), Raw: p.scan.data[start:end]}
	part.UserID, _ = m.of[memberUserID].id()
	part.AnonymousID, _ = m.of[memberAnonymousID].id()
	part.PreviousID, _ = m.of[memberPreviousID].id()
	if p.want(&part) {
		p.places = append(p.places, Place{part.Index, start, end})
	}
}

// erasedCall stands in an erased call's place.
const erasedCall = "null"

// Cut returns the payload with null in place of the calls that Select chose, and every
// other byte as it was; and the indexes of all calls that are then erased. If no other
// call is left, the whole payload becomes null: the other members of a batch belong to
// its calls.
func Cut(body []byte, payload Payload, erased []int, places []Place) ([]byte, []int) {
	all := slices.Clone(erased)
	for _, place := range places {
		all = append(all, place.Index)
	}
	slices.Sort(all)
	if len(places) == 0 {
		return body, all
	}
	if len(all) >= payload.Total {
		return []byte(erasedCall), all
	}
	cut := make([]byte, 0, len(body)+len(erasedCall)*len(places))
	end := 0
	for _, place := range places {
		cut = append(append(cut, body[end:place.Start]...), erasedCall...)
		end = place.End
	}
	return append(cut, body[end:]...), all
}
