package segment

import (
	"bytes"
	"unicode/utf8"
)

// Rejection is a call that no projection can use, and why.
type Rejection struct {
	Index   int    `json:"index"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Payload is what a request body holds.
type Payload struct {
	Calls    []Call // the usable ones
	Rejected []Rejection
	Kinds    Kinds // of the usable calls, with Unusable and Claims
	Total    int   // calls, usable or not
	IsBatch  bool  // an array, or an object with a batch
}

// Parser reads payloads. It is reusable, and not for concurrent use: what Parse
// returns is valid until the next Parse, and shares the body's memory.
type Parser struct {
	payload Payload
	scan    scanner
}

// Parse reads a payload; pathKind, if not 0, stands in where a call has no
// type. Errors are *SyntaxError. The members context and integrations of a
// batch play no part in any projection, so they are not merged into calls here.
func (p *Parser) Parse(body []byte, pathKind Kinds) (Payload, error) {
	if !utf8.Valid(body) {
		return Payload{}, syntaxError(body, invalidAt(body), "bytes that are not UTF-8")
	}
	p.payload = Payload{Calls: p.payload.Calls[:0], Rejected: p.payload.Rejected[:0]}
	p.scan.data = body
	start := p.scan.space(0)
	var end int
	var err *SyntaxError
	switch {
	case start < len(body) && body[start] == '[':
		p.payload.IsBatch = true
		end, err = p.elements(start, pathKind, member{})
	case start < len(body) && body[start] == '{':
		end, err = p.object(start, pathKind)
	default:
		if end, err = p.scan.value(start); err == nil {
			p.add(Value{raw: body[start:end]}, nil, 0, pathKind, member{})
		}
	}
	if err != nil {
		return Payload{}, err
	}
	if rest := p.scan.space(end); rest != len(body) {
		_, err := p.scan.fail(rest, "more after the value")
		return Payload{}, err
	}
	return p.payload, nil
}

func invalidAt(body []byte) int {
	for i := 0; i < len(body); {
		r, n := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(body)
}

// elements reads an array of calls.
func (p *Parser) elements(i int, pathKind Kinds, sentAt member) (int, *SyntaxError) {
	data := p.scan.data
	i = p.scan.space(i + 1)
	if i < len(data) && data[i] == ']' {
		return i + 1, nil
	}
	for {
		start := p.scan.space(i)
		var call callMembers
		end, depth, err := p.members(start, &call)
		if err != nil {
			return end, err
		}
		p.add(Value{raw: data[start:end]}, &call, depth, pathKind, sentAt)
		i = p.scan.space(end)
		if i >= len(data) {
			return p.scan.fail(i, "")
		}
		switch data[i] {
		case ']':
			return i + 1, nil
		case ',':
			i++
		default:
			return p.scan.fail(i, "a comma or ] should be here")
		}
	}
}

// object reads an object that is one call, or a batch of them.
func (p *Parser) object(start int, pathKind Kinds) (int, *SyntaxError) {
	var call callMembers
	end, depth, err := p.members(start, &call)
	if err != nil {
		return end, err
	}
	if call.of[memberBatch].value.Kind() != Array {
		p.add(Value{raw: p.scan.data[start:end]}, &call, depth, pathKind, member{})
		return end, nil
	}
	p.payload.IsBatch = true
	whole := p.scan.data
	batch := call.of[memberBatch].value.raw
	p.scan.data = batch
	_, err = p.elements(0, pathKind, call.of[memberSentAt])
	p.scan.data = whole
	return end, err
}

// add notes a call, usable or not.
func (p *Parser) add(raw Value, members *callMembers, depth int, pathKind Kinds, sentAt member) {
	index := p.payload.Total
	p.payload.Total++
	code, message := "not_an_object", "a call is a JSON object such as {\"type\":\"track\",\"userId\":\"1\",\"event\":\"Ordered\"}"
	if raw.Kind() == Object {
		var call Call
		if call, code, message = members.call(depth, pathKind, sentAt); code == "" {
			call.Index = index
			p.payload.Calls = append(p.payload.Calls, call)
			p.payload.Kinds |= call.kinds()
			return
		}
	}
	p.payload.Rejected = append(p.payload.Rejected, Rejection{index, code, message})
	p.payload.Kinds |= Unusable
}

// FirstElement returns the bytes of an array's first element, nil if there is
// none or the body is no array. Senders that sign a batch sign these.
func FirstElement(body []byte) []byte {
	s := scanner{data: body}
	i := s.space(0)
	if i >= len(body) || body[i] != '[' {
		return nil
	}
	i = s.space(i + 1)
	end, err := s.value(i)
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(body[i:end])
}
