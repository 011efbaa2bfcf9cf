package segment

// Rejection is an unusable call, and the reason.
type Rejection struct {
	Index   int    `json:"index"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Payload is the content of a request body.
type Payload struct {
	Calls    []Call         // the usable ones
	Rejected []Rejection    // the first MaxRejections unusable ones
	Unlisted map[string]int // counts of the other unusable ones by code; nil: none
	Kinds    Kinds          // of the usable calls, with Unusable and Claims
	Total    int            // calls, usable or not, and those that were erased
	Erased   int            // those that were erased
	IsBatch  bool           // an array, or an object with a batch
}

// maxRejections is how many unusable calls are listed: all of a batch that Segment
// sends, which has 4,000 calls at most. A body could have millions, and a list of
// them would take about thirty times the size of the body.
const maxRejections = 5000

// Parser reads payloads. It is reusable, and not for concurrent use: what Parse
// returns is valid until the next Parse, and shares the body's memory.
type Parser struct {
	payload  Payload
	scan     scanner
	pathKind Kinds
	erased   []int            // indexes of calls that were erased, ascending
	want     func(*Part) bool // of Select; nil otherwise
	places   []Place          // that it chose
}

// Parse reads a payload; pathKind, if not 0, stands in where a call has no
// type. Errors are *SyntaxError. The members context and integrations of a
// batch play no part in any projection, so they are not merged into calls here.
func (p *Parser) Parse(body []byte, pathKind Kinds) (Payload, error) {
	return p.ParseCut(body, pathKind, nil)
}

// ParseCut is Parse for a payload from which the calls with the given indexes
// were erased. They are passed over, and the others keep their indexes.
func (p *Parser) ParseCut(body []byte, pathKind Kinds, erased []int) (Payload, error) {
	p.erased, p.want = erased, nil
	return p.parse(body, pathKind)
}

func (p *Parser) parse(body []byte, pathKind Kinds) (Payload, error) {
	if err := checkUTF8(body); err != nil {
		return Payload{}, err
	}
	p.reset()
	p.scan.data, p.pathKind = body, pathKind
	end, err := p.whole(p.scan.space(0))
	if err == nil {
		err = p.scan.whole(end)
	}
	if err != nil {
		return Payload{}, err
	}
	return p.payload, nil
}

// keptCalls is for how many calls a parser keeps memory between payloads, so that one
// huge payload does not keep its memory for as long as the parser lives.
const keptCalls = 4096

// reset empties the payload and drops its references to the body.
func (p *Parser) reset() {
	calls, rejected := p.payload.Calls, p.payload.Rejected
	if cap(calls) > keptCalls {
		calls = nil
	}
	if cap(rejected) > keptCalls {
		rejected = nil
	}
	clear(calls)
	p.payload = Payload{Calls: calls[:0], Rejected: rejected[:0]}
	p.places = nil
}

// whole reads the body's one value, which begins at i.
func (p *Parser) whole(i int) (int, *SyntaxError) {
	switch {
	case p.scan.at(i, '['):
		p.payload.IsBatch = true
		return p.array(i)
	case p.scan.at(i, '{'):
		return p.object(i)
	}
	return p.element(i)
}

// array reads the calls of an array. It sets the scanner's maxDepth.
func (p *Parser) array(i int) (int, *SyntaxError) {
	s, deepest := &p.scan, 0
	if i = s.space(i + 1); s.at(i, ']') {
		s.maxDepth = 1
		return i + 1, nil
	}
	for {
		end, err := p.element(i)
		if err != nil {
			return end, err
		}
		deepest = max(deepest, s.maxDepth)
		next, closed, err := s.next(end, ']')
		if err != nil || closed {
			s.maxDepth = deepest + 1
			return next, err
		}
		i = next
	}
}

// element reads one call. It sets the scanner's maxDepth.
func (p *Parser) element(i int) (int, *SyntaxError) {
	if len(p.erased) > 0 && p.isErased(p.payload.Total) {
		p.payload.Total++
		p.payload.Erased++
		return p.scan.value(i)
	}
	if !p.scan.at(i, '{') {
		end, err := p.scan.value(i)
		p.reject(&notAnObject)
		return end, err
	}
	var m callMembers
	end, err := p.members(i, &m, false)
	if err == nil {
		p.choose(i, end, &m)
		p.add(&m)
	}
	p.scan.maxDepth = m.depth
	return end, err
}

// object reads an object that is one call, or a batch of them. The calls are
// added on the way, so that a batch is read once. Whether the object is a batch is
// known only at its end, since of several members named batch the last counts.
func (p *Parser) object(i int) (int, *SyntaxError) {
	var m callMembers
	end, err := p.members(i, &m, true)
	if err != nil {
		return end, err
	}
	if m.of[memberBatch].Kind() != Array {
		p.reset()
		p.choose(i, end, &m)
		p.add(&m)
		return end, nil
	}
	p.payload.IsBatch = true
	for i := range p.payload.Calls {
		p.payload.Calls[i].times.sentBy(m.of[memberSentAt])
	}
	return end, nil
}

// add adds a call, usable or not.
func (p *Parser) add(m *callMembers) {
	p.payload.Calls = append(p.payload.Calls, Call{})
	last := len(p.payload.Calls) - 1
	c := &p.payload.Calls[last]
	if why := c.read(m, p.pathKind); why != nil {
		p.payload.Calls = p.payload.Calls[:last]
		p.reject(why)
		return
	}
	c.Index = p.payload.Total
	p.payload.Total++
	p.payload.Kinds |= c.kinds()
}

func (p *Parser) reject(why *unusable) {
	if len(p.payload.Rejected) < maxRejections {
		p.payload.Rejected = append(p.payload.Rejected, Rejection{p.payload.Total, why.code, why.message})
	} else {
		if p.payload.Unlisted == nil {
			p.payload.Unlisted = map[string]int{}
		}
		p.payload.Unlisted[why.code]++
	}
	p.payload.Total++
	p.payload.Kinds |= Unusable
}

// FirstElement returns the bytes of an array's first element, nil if there is
// none or the body is no array. Senders that sign a batch sign these.
func FirstElement(body []byte) []byte {
	s := scanner{data: body}
	i := s.space(0)
	if !s.at(i, '[') {
		return nil
	}
	i = s.space(i + 1)
	end, err := s.value(i)
	if err != nil {
		return nil
	}
	return body[i:end]
}
