package webhook

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"relay/domain/segment"
)

// auth is a set of ways in which a request may show its key.
type auth uint8

const (
	bearer auth = 1 << iota // Authorization: Bearer KEY
	basic                   // Authorization: Basic, the key as the user's name
	inBody                  // writeKey at the top of the body
)

// route is where payloads are posted to.
type route struct {
	name string        // the path without a last slash
	kind segment.Kinds // what a call without a type is; 0: nothing
	auth auth
	cors bool // whether pages of any origin may post
}

// routes are those of Segment's webhook and of Segment's own API, which its
// libraries speak.
var routes = byName(
	route{name: "/connector/segment", auth: bearer},
	library("/v1/identify"), library("/v1/i"),
	library("/v1/track"), library("/v1/t"),
	library("/v1/page"), library("/v1/p"),
	library("/v1/screen"), library("/v1/s"),
	library("/v1/group"), library("/v1/g"),
	library("/v1/alias"), library("/v1/a"),
	library("/v1/batch"), library("/v1/b"), library("/v1/import"),
)

var routeNames = strings.Join(slices.Sorted(maps.Keys(routes)), ", ")

// library is a route that Segment's libraries post to.
func library(name string) route {
	return route{name: name, kind: segment.KindOfRoute(name), auth: bearer | basic | inBody, cors: true}
}

func byName(list ...route) map[string]route {
	m := make(map[string]route, len(list))
	for _, r := range list {
		m[r.name] = r
	}
	return m
}

// routeOf finds a route, with or without a last slash: a redirect would make
// senders drop the body.
func routeOf(path string) (route, bool) {
	r, ok := routes[strings.TrimSuffix(path, "/")]
	return r, ok
}

// allows lists the methods that the route accepts.
func (r route) allows() string {
	if r.cors {
		return "POST, OPTIONS"
	}
	return "POST"
}

// allowOrigins lets pages of any origin read the answer.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
}

// allowRequests tells a browser what a page may send. Authorization stands there
// by name, as the asterisk does not cover it.
func allowRequests(h http.Header) {
	h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Retry-Count, *")
	h.Set("Access-Control-Max-Age", "7200") // seconds; browsers take no more
}
