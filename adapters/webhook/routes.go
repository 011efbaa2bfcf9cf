package webhook

import (
	"strings"

	"relay/domain/segment"
)

// route is where payloads are posted to.
type route struct {
	name string        // the path without a last slash
	kind segment.Kinds // what a call without a type is; 0: nothing
}

var routes = map[string]route{
	"/connector/segment": {name: "/connector/segment"},
}

// routeOf finds a route, with or without a last slash: a redirect would make
// senders drop the body.
func routeOf(path string) (route, bool) {
	r, ok := routes[strings.TrimSuffix(path, "/")]
	return r, ok
}
