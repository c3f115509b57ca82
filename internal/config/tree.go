package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxFile bounds ferry.yaml: ten thousand index names take a third of it.
	maxFile = 1 << 20
	// maxDepth bounds brackets within brackets. The parser's time grows with
	// the square of the depth; ferry.yaml itself needs five.
	maxDepth = 64
)

// position is a place in the file; lines and columns from 1.
type position struct{ line, column int }

// kind is what a node is to a reader of the file.
type kind string

const (
	kindText    kind = "a text"
	kindNumber  kind = "a number"
	kindBool    kind = "true or false"
	kindNothing kind = "nothing"
	kindList    kind = "a list"
	kindMapping kind = "a mapping"
	kindForeign kind = "an anchor, an alias or a tag"
)

// parse makes the tree of the file's only document; its root is nil when the
// file holds none. The parser is given only what it is known to stand.
func parse(name string, data []byte) (root ast.Node, fault *Error) {
	if fault := lexical(name, data); fault != nil {
		return nil, fault
	}
	broken := &Error{File: name, Line: 1, Column: 1, Message: "is not YAML"}
	defer func() {
		// The parser is foreign and the text may be anything: what it trips
		// over is a fault of the file, not of the ferry.
		if recover() != nil {
			root, fault = nil, broken
		}
	}()
	// Keys written twice are found later, with the key's whole path.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(broken, err)
	}
	for _, doc := range file.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); directive || doc.Body == nil {
			continue
		}
		if root != nil {
			at := positionOf(doc.Body)
			return nil, &Error{
				File: name, Line: at.line, Column: at.column,
				Message: "a second YAML document begins here", Hint: "write one file a ferry",
			}
		}
		root = doc.Body
	}
	return root, nil
}

// lexical finds what is better said before parsing.
func lexical(name string, data []byte) *Error {
	fault := &Error{File: name, Line: 1, Column: 1}
	if len(data) > maxFile {
		fault.Message = "the file is larger than 1 MiB"
		return fault
	}
	depth := 0
	for line := range bytes.Lines(data) {
		content := bytes.TrimLeft(line, " \t\r\n")
		indent := line[:len(line)-len(content)]
		if tab := bytes.IndexByte(indent, '\t'); tab >= 0 && len(content) > 0 && content[0] != '#' {
			fault.Column, fault.Message, fault.Hint = tab+1, "the indentation holds a tab", "indent with blanks"
			return fault
		}
		if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
			fault.Message, fault.Hint = "the line is not UTF-8 text", "save the file as UTF-8"
			return fault
		}
		depth += bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("{"))
		depth -= bytes.Count(line, []byte("]")) + bytes.Count(line, []byte("}"))
		if depth > maxDepth {
			fault.Message = "brackets are nested too deeply, or not closed"
			return fault
		}
		depth = max(depth, 0)
		fault.Line++
	}
	return nil
}

// syntax turns the parser's error into ours. Its own text shows the line of the
// file, and some of its messages quote it: neither may get out.
func syntax(fault *Error, err error) *Error {
	var from yaml.Error
	if !errors.As(err, &from) {
		return fault
	}
	if t := from.GetToken(); t != nil && t.Position != nil {
		fault.Line, fault.Column = t.Position.Line, t.Position.Column
	}
	message := from.GetMessage()
	switch {
	case strings.Contains(message, "reserved character"), strings.Contains(message, "directive"):
		fault.Message, fault.Hint = "a value begins with a character that YAML keeps for itself", "put the value in quotes"
	case strings.Contains(message, "escape character"):
		fault.Message, fault.Hint = "a text in double quotes holds a \\ that begins no escape", "put the value in single quotes"
	case strings.Contains(message, `"`):
		// Whatever is quoted may be a value.
	default:
		fault.Message += ": " + message
	}
	return fault
}

// kindOf classifies a node; a missing one is nothing.
func kindOf(node ast.Node) kind {
	switch node.(type) {
	case nil, *ast.NullNode:
		return kindNothing
	case *ast.StringNode, *ast.LiteralNode:
		return kindText
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return kindNumber
	case *ast.BoolNode:
		return kindBool
	case *ast.SequenceNode:
		return kindList
	case *ast.MappingNode, *ast.MappingValueNode:
		return kindMapping
	default:
		return kindForeign
	}
}

// tight tells whether a pair is a plain text with a colon in it, such as
// https://a:9200, that the parser took apart: it does so inside of braces,
// where YAML wants a blank after the colon as it does elsewhere.
func tight(pair *ast.MappingValueNode) bool {
	key, colon, val := tokenOf(pair.Key), pair.Start, tokenOf(pair.Value)
	if key == nil || colon == nil || val == nil || colon.Value != ":" || quoted(key) || quoted(val) {
		return false
	}
	switch kindOf(pair.Value) {
	case kindText, kindNumber, kindBool:
	default:
		return false
	}
	return val.Position.Line == colon.Position.Line && val.Position.Column == colon.Position.Column+1
}

func quoted(t *token.Token) bool {
	return t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
}

// mended puts an item of a list together again that is tight.
func mended(node ast.Node) ast.Node {
	m, ok := node.(*ast.MappingNode)
	if !ok || m.IsFlowStyle || len(m.Values) != 1 || !tight(m.Values[0]) {
		return node
	}
	pair := m.Values[0]
	return &ast.StringNode{
		BaseNode: &ast.BaseNode{}, Token: tokenOf(pair.Key), Value: textOf(pair.Key) + ":" + textOf(pair.Value),
	}
}

// textOf gives a scalar's text as it is written, so that 1.10 stays 1.10.
func textOf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		if n.Value == nil {
			return ""
		}
		return n.Value.Value
	default:
		if t := tokenOf(node); t != nil {
			return t.Value
		}
		return ""
	}
}

// tokenOf gives the token that a node begins with, or nil.
func tokenOf(node ast.Node) *token.Token {
	if node == nil {
		return nil
	}
	return node.GetToken()
}

// positionOf gives the place where a node begins; the file's begin when the
// node does not know. A mapping in block style begins with its first key.
func positionOf(node ast.Node) position {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return positionOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return positionOf(n.Key)
	}
	if t := tokenOf(node); t != nil && t.Position != nil {
		return position{line: t.Position.Line, column: t.Position.Column}
	}
	return position{line: 1, column: 1}
}

// pairs gives the keys and values of a mapping in the file's order.
func pairs(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}
