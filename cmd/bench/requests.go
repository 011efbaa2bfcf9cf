package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// requests are HTTP requests as bytes, made before anything is measured. Each
// sending gets message ids of its own, written over those that are there.
type requests struct {
	each  []request
	calls int // in each
	size  int // of the largest, in bytes
}

type request struct {
	bytes  []byte
	places []int // where the last 16 digits of message ids stand
}

// messageIDs counts the message ids that this process gave.
var messageIDs atomic.Uint64

// newRequests makes n requests of so many calls each, a batch as an array.
func newRequests(n, calls, logCalls int) *requests {
	traffic := newTraffic(logCalls, uint64(time.Now().UnixNano())) // a kept log knows other message ids
	r := &requests{calls: calls}
	for range n {
		one := newRequest(traffic, calls)
		r.each, r.size = append(r.each, one), max(r.size, len(one.bytes))
	}
	return r
}

func newRequest(traffic *traffic, calls int) request {
	body := bodyOf(traffic, calls)
	head := fmt.Sprintf("POST /connector/segment/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Segment (Actions)\r\n"+
		"Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", apiKey, len(body))
	r := request{bytes: append([]byte(head), body...)}
	const before = `"messageId":"ajs-next-` + "0123456789abcdef"
	key := []byte(before[:strings.Index(before, "0123")])
	for from := 0; ; {
		i := bytes.Index(r.bytes[from:], key)
		if i < 0 {
			return r
		}
		from += i + len(before)
		r.places = append(r.places, from)
	}
}

func bodyOf(traffic *traffic, calls int) []byte {
	if calls == 1 {
		return traffic.next().Inbound.Body
	}
	list := make([][]byte, calls)
	for i := range list {
		list[i] = traffic.next().Inbound.Body
	}
	return append(append([]byte{'['}, bytes.Join(list, []byte{','})...), ']')
}

// write puts the i-th request to be sent into the buffer.
func (r *requests) write(buffer []byte, i int64) []byte {
	one := r.each[int(i)%len(r.each)]
	buffer = append(buffer[:0], one.bytes...)
	id := messageIDs.Add(uint64(len(one.places)))
	for k, place := range one.places {
		writeHex(buffer[place:place+16], id-uint64(k))
	}
	return buffer
}

func writeHex(digits []byte, n uint64) {
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// bodies returns what the requests hold, for peers that take no HTTP.
func (r *requests) bodies() [][]byte {
	list := make([][]byte, len(r.each))
	for i, one := range r.each {
		_, list[i], _ = bytes.Cut(one.bytes, headEnd)
	}
	return list
}
