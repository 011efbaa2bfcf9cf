package mappingfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// reader turns nodes into a spec and collects problems on the way.
type reader struct {
	anchors  []*ast.AnchorNode
	places   map[string]place // of the paths of the spec in the file
	problems Problems
}

func (r *reader) add(at place, key, format string, args ...any) {
	p := problemAt(at, format, args...)
	p.Key = key
	r.problems = append(r.problems, *p)
}

// member is one key of a block with its value.
type member struct {
	name, path string
	at         place // of the key
	value      ast.Node
}

// members returns the members with known names, each once, and adds a problem for
// every other. what is the noun for a key, such as channel.
func (r *reader) members(node ast.Node, path, what string, known []string) []member {
	node = r.resolve(node)
	block, ok := node.(*ast.MappingNode)
	if !ok {
		r.add(startOf(node), path, "%s where keys with values are expected; the keys are %s", describe(node), strings.Join(known, ", "))
		return nil
	}
	var out []member
	for _, v := range block.Values {
		m := member{name: keyOf(v), at: placeOf(v.Key.GetToken()), value: v.Value}
		m.path = strings.TrimPrefix(path+"."+m.name, ".")
		same := func(other member) bool { return other.name == m.name }
		switch i := slices.IndexFunc(out, same); {
		case !slices.Contains(known, m.name):
			r.add(m.at, m.path, "unknown %s; the %s", what, oneOf(what, known))
		case i >= 0:
			r.add(m.at, m.path, "stands here a second time; the first is in line %d", out[i].at.line)
		default:
			out = append(out, m)
		}
	}
	return out
}

var numbers = map[int]string{3: "three ", 8: "eight "}

func oneOf(what string, known []string) string {
	return fmt.Sprintf("%s%ss are %s", numbers[len(known)], what, strings.Join(known, ", "))
}

func keyOf(v *ast.MappingValueNode) string {
	var key ast.Node = v.Key
	if explicit, ok := key.(*ast.MappingKeyNode); ok {
		key = explicit.Value
	}
	if text, ok := key.(*ast.StringNode); ok {
		return text.Value
	}
	return key.GetToken().Value
}

// resolve follows an alias to the last anchor of its name that stands before
// it, and takes anchors off.
func (r *reader) resolve(node ast.Node) ast.Node {
	for range maxDepth {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.AliasNode:
			anchor := r.anchor(n)
			if anchor == nil {
				return n
			}
			node = anchor.Value
		default:
			return node
		}
	}
	return node
}

func (r *reader) anchor(alias *ast.AliasNode) *ast.AnchorNode {
	at := alias.GetToken().Position
	for _, a := range slices.Backward(r.anchors) {
		start := a.GetToken().Position
		before := start.Line < at.Line || start.Line == at.Line && start.Column < at.Column
		if before && a.Name.GetToken().Value == alias.Value.GetToken().Value {
			return a
		}
	}
	return nil
}

// text returns the value of a text, and adds a problem for another node; wanted
// describes what is expected.
func (r *reader) text(node ast.Node, path, wanted string) (string, bool) {
	node = r.resolve(node)
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.TagNode:
		if scalar, ok := n.Value.(ast.ScalarNode); ok && token.ReservedTagKeyword(n.Start.Value) == token.StringTag {
			return scalarText(scalar), true
		}
	}
	hint := ""
	switch node.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		hint = `; if it is meant as text, put it in quotes`
	}
	r.add(startOf(node), path, "%s where %s is expected%s", describe(node), wanted, hint)
	return "", false
}

func scalarText(n ast.ScalarNode) string {
	if text, ok := n.GetValue().(string); ok {
		return text
	}
	return n.GetToken().Value
}

// item is a text that can stand in a list.
type item struct {
	text, path string
	at         place
}

// texts returns a text, or the texts of a list.
func (r *reader) texts(node ast.Node, path string) []item {
	list, ok := r.resolve(node).(*ast.SequenceNode)
	if !ok {
		if text, ok := r.text(node, path, "text or a list of texts"); ok {
			return []item{{text, path, startOf(node)}}
		}
		return nil
	}
	var out []item
	for i, v := range list.Values {
		path := fmt.Sprintf("%s[%d]", path, i)
		if text, ok := r.text(v, path, "text"); ok {
			out = append(out, item{text, path, startOf(v)})
		}
	}
	return out
}

// startOf returns where a node begins; a block's own token is its first colon.
func startOf(node ast.Node) place {
	if block, ok := node.(*ast.MappingNode); ok && !block.IsFlowStyle && len(block.Values) > 0 {
		node = block.Values[0].Key
	}
	return placeOf(node.GetToken())
}

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null
}

// describe says in words what a value is.
func describe(node ast.Node) string {
	switch n := node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.BoolNode:
		return n.GetToken().Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.AliasNode:
		return "*" + n.Value.GetToken().Value + ", for which there is no anchor before it,"
	case *ast.TagNode:
		return "the tag " + n.Start.Value
	}
	return "something else"
}
