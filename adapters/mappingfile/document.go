package mappingfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// place is where something stands in a file, from 1.
type place struct{ line, column int }

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column}
}

func problemAt(at place, format string, args ...any) *Problem {
	return &Problem{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

// parseDocument returns the content of the file's only document, nil where it
// is empty, and its anchors in the order of the file.
func parseDocument(data []byte) (ast.Node, []*ast.AnchorNode, *Problem) {
	if len(data) > maxSize {
		return nil, nil, problemAt(place{}, "%d bytes, a mapping file can have %d", len(data), maxSize)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, nil, problemAt(firstInvalid(data), "not UTF-8 text; save the file as UTF-8")
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // the lexer counts a comment's \r\n as two lines
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		return nil, nil, problemAt(placeOf(tokens[maxTokens]), "no mapping is this long; is it another file?")
	}
	if deep := firstTooDeep(tokens); deep != nil {
		return nil, nil, problemAt(placeOf(deep), "nested deeper than a mapping can be")
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // the reader reports duplicates
	if err != nil {
		return nil, nil, syntaxProblem(err)
	}
	root, problem := onlyDocument(file)
	if problem != nil || root == nil {
		return nil, nil, problem
	}
	var anchors anchorFinder
	ast.Walk(&anchors, root)
	return root, anchors, nil
}

func firstInvalid(data []byte) place {
	valid := data
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			valid = data[:i]
			break
		}
		i += size
	}
	line := bytes.LastIndexByte(valid, '\n') + 1
	return place{bytes.Count(valid, []byte("\n")) + 1, utf8.RuneCount(valid[line:]) + 1}
}

// Both are far more than a mapping needs, and far less than what makes the
// parser slow: it descends by recursion, and its time grows with the square of
// the keys in a block.
const (
	maxDepth  = 32
	maxTokens = 20_000
)

// firstTooDeep returns the first token that opens more than maxDepth brackets,
// or as many nested blocks on one line; nil if none does.
func firstTooDeep(tokens token.Tokens) *token.Token {
	brackets, blocks := 0, 0
	for _, t := range tokens {
		blocks++
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			if brackets+blocks > maxDepth {
				return t
			}
			continue
		}
		blocks = 0
		if brackets > maxDepth {
			return t
		}
	}
	return nil
}

func syntaxProblem(err error) *Problem {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return problemAt(place{}, "not readable as YAML: %v", err)
	}
	message := strings.ReplaceAll(syntax.GetMessage(), "\t", `\t`)
	if strings.Contains(message, `\t`) {
		message += "; indent with spaces"
	}
	return problemAt(placeOf(syntax.GetToken()), "not readable as YAML: %s", message)
}

func onlyDocument(file *ast.File) (ast.Node, *Problem) {
	var root ast.Node
	for _, d := range file.Docs {
		if _, directive := d.Body.(*ast.DirectiveNode); directive || d.Body == nil {
			continue
		}
		if root != nil {
			return nil, problemAt(startOf(d.Body), "a second document begins here; a mapping file holds one")
		}
		root = d.Body
	}
	return root, nil
}

type anchorFinder []*ast.AnchorNode

// Visit implements ast.Visitor.
func (f *anchorFinder) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok {
		*f = append(*f, anchor)
	}
	return f
}
