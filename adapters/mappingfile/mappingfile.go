// Package mappingfile reads and writes mapping files, in YAML or JSON. It knows
// the syntax of files; what a mapping may say is the domain's.
package mappingfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"relay/domain/mapping"
)

// maxSize is how many bytes a mapping file can have.
const maxSize = 1 << 20

// Problem is a mistake at one place of a file.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 where the whole file is meant
	Key          string // path of keys, as in "channels.sms[1]"; empty: the file
	Message      string
}

// String returns "file:line:column: key: message".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	return b.String() + ": " + p.Message
}

// Problems is the error that Parse returns: all mistakes in a file, in the order of
// its lines.
type Problems []Problem

// maxShown is how many problems a message lists: a file with more is probably no
// mapping at all.
const maxShown = 50

// Error implements error, one problem a line.
func (p Problems) Error() string {
	var lines []string
	for _, problem := range p[:min(len(p), maxShown)] {
		lines = append(lines, problem.String())
	}
	if more := len(p) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Parse reads the content of a mapping file; name is for messages. What the
// file leaves out is as in mapping.Default. Errors are Problems.
func Parse(name string, data []byte) (mapping.Spec, error) {
	root, anchors, problem := parseDocument(data)
	if problem != nil {
		problem.File = name
		return mapping.Spec{}, Problems{*problem}
	}
	r := reader{anchors: anchors, places: map[string]place{}}
	spec := r.spec(root)
	for _, e := range spec.Validate() {
		r.add(r.places[e.Path], e.Path, "%s", e.Message)
	}
	if len(r.problems) == 0 {
		return spec, nil
	}
	for i := range r.problems {
		r.problems[i].File = name
	}
	slices.SortStableFunc(r.problems, func(p, q Problem) int {
		return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
	})
	return mapping.Spec{}, r.problems
}
