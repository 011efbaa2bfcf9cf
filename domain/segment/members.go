package segment

import "bytes"

// The members of a call that relay reads.
const (
	memberType = iota
	memberUserID
	memberAnonymousID
	memberPreviousID
	memberMessageID
	memberEvent
	memberName
	memberCategory
	memberTraits
	memberProperties
	memberTimestamp
	memberOriginalTimestamp
	memberSentAt
	memberReceivedAt
	memberBatch
	memberOther
)

// memberOf returns which member a key's text names.
func memberOf(text []byte) int {
	switch string(text) {
	case "type":
		return memberType
	case "userId":
		return memberUserID
	case "anonymousId":
		return memberAnonymousID
	case "previousId":
		return memberPreviousID
	case "messageId":
		return memberMessageID
	case "event":
		return memberEvent
	case "name":
		return memberName
	case "category":
		return memberCategory
	case "traits":
		return memberTraits
	case "properties":
		return memberProperties
	case "timestamp":
		return memberTimestamp
	case "originalTimestamp":
		return memberOriginalTimestamp
	case "sentAt":
		return memberSentAt
	case "receivedAt":
		return memberReceivedAt
	case "batch":
		return memberBatch
	}
	return memberOther
}

// memberOfKey returns which member a key in quotes names.
func memberOfKey(raw []byte) int {
	inner := raw[1 : len(raw)-1]
	which := memberOf(inner)
	if which == memberOther && bytes.IndexByte(inner, '\\') >= 0 {
		return memberOf([]byte(unquote(raw)))
	}
	return which
}

// callMembers are the members of one object; of duplicate keys the last.
type callMembers struct {
	of    [memberOther]Value
	depth int // how deep the object is nested, itself counted
}

// members checks the object at i, keeps its members and returns the index after the
// object. If the object may be a batch, it parses the calls of the batch on the way.
func (p *Parser) members(i int, m *callMembers, mayBeBatch bool) (int, *SyntaxError) {
	s := &p.scan
	m.depth = 1
	if i = s.space(i + 1); s.at(i, '}') {
		return i + 1, nil
	}
	for {
		keyEnd, err := s.keyText(i)
		if err != nil {
			return keyEnd, err
		}
		which := memberOfKey(s.data[i:keyEnd])
		start, err := s.colon(keyEnd)
		if err != nil {
			return start, err
		}
		start = s.space(start)
		end, err := p.member(start, mayBeBatch && which == memberBatch)
		if err != nil {
			return end, err
		}
		m.depth = max(m.depth, s.maxDepth+1)
		if which != memberOther {
			m.of[which] = Value{s.data[start:end], s.dirty}
		}
		next, closed, err := s.next(end, '}')
		if err != nil || closed {
			return next, err
		}
		i = next
	}
}

func (p *Parser) member(i int, isBatch bool) (int, *SyntaxError) {
	if !isBatch {
		return p.scan.value(i)
	}
	p.reset() // the last batch counts
	if p.scan.at(i, '[') {
		return p.array(i)
	}
	return p.scan.value(i)
}
