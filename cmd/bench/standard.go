package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// standard is a sender that uses net/http's client, which costs as much as the
// server that it sends to.
type standard struct {
	client *http.Client
	url    string
}

func newStandardClient(connections int) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
}

// post implements sender.
func (s *standard) post(request []byte) (reply, error) {
	_, body, _ := bytes.Cut(request, headEnd)
	r, err := http.NewRequest(http.MethodPost, s.url+"/connector/segment/", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return reply{}, fmt.Errorf("post: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	return reply{answer.StatusCode, answer.Header.Get("Retry-After") != ""}, nil
}

func (s *standard) close() { s.client.CloseIdleConnections() }
