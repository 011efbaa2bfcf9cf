package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// sender sends requests one after the other.
type sender interface {
	// post sends a request and reads the answer.
	post(request []byte) (reply, error)
	close()
}

// connection is a sender that uses little CPU time, since it shares the machine
// with the target: requests are made in advance, and of an answer only the needed
// parts are read.
type connection struct {
	conn  net.Conn
	reply []byte
}

func newConnection(address string, deadline time.Time) (*connection, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, reply: make([]byte, 4096)}, conn.SetDeadline(deadline)
}

func (s *connection) close() { _ = s.conn.Close() } // nothing is under way

// reply holds the parts of an answer that the benchmark needs.
type reply struct {
	status     int
	retryAfter bool
}

// post implements sender.
func (s *connection) post(request []byte) (reply, error) {
	if _, err := s.conn.Write(request); err != nil {
		return reply{}, err
	}
	for n := 0; n < len(s.reply); {
		m, err := s.conn.Read(s.reply[n:])
		if err != nil {
			return reply{}, err
		}
		n += m
		if r, whole, err := parseReply(s.reply[:n]); whole || err != nil {
			return r, err
		}
	}
	return reply{}, fmt.Errorf("an answer of more than %d bytes", len(s.reply))
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	retryAfter    = []byte("\r\nRetry-After: ")
)

// parseReply reads an answer of net/http; whole reports whether the answer is
// complete.
func parseReply(data []byte) (r reply, whole bool, err error) {
	end := bytes.Index(data, headEnd)
	if end < 0 {
		return r, false, nil
	}
	head, body := data[:end+2], data[end+len(headEnd):]
	if len(head) < 12 || string(head[:9]) != "HTTP/1.1 " {
		return r, false, errors.New("an answer that is not HTTP/1.1")
	}
	if r.status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return r, false, fmt.Errorf("an answer without a status: %w", err)
	}
	r.retryAfter = bytes.Contains(head, retryAfter)
	length, err := lengthIn(head)
	return r, len(body) >= length, err
}

func lengthIn(head []byte) (int, error) {
	_, after, ok := bytes.Cut(head, contentLength)
	if !ok {
		return 0, errors.New("an answer without Content-Length")
	}
	digits, _, _ := bytes.Cut(after, []byte("\r\n"))
	return strconv.Atoi(string(digits))
}
