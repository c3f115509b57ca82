package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder carries one tree into one Config and collects the faults. It is used
// by one goroutine, once.
type decoder struct {
	file string
	env  Environment
	// at holds the place of each key that is there and is not empty.
	at      map[string]position
	faults  []*Error
	secrets []Secret
}

// value is one node and the path and place of the key it stands under.
type value struct {
	key  string
	at   position
	node ast.Node
}

// into puts a value where it belongs, or reports a fault.
type into func(*decoder, value)

// field is one key of a section.
type field struct {
	name     string
	into     into
	required bool
}

// section is what names its keys.
type section interface{ fields() []field }

// fault reports what is wrong at a place; one fault a key is enough.
func (d *decoder) fault(key string, at position, c complaint) {
	if slices.ContainsFunc(d.faults, func(e *Error) bool { return e.Key == key && e.Line == at.line }) {
		return
	}
	d.faults = append(d.faults, &Error{
		File: d.file, Line: at.line, Column: at.column, Key: key, Message: c.message, Hint: c.hint,
	})
}

// wrong reports a value of another type than wanted, without the value.
func (d *decoder) wrong(v value, wants string) {
	found := kindOf(v.node)
	switch found {
	case kindNothing:
		d.fault(v.key, v.at, complaint{message: "has no value"})
	case kindForeign:
		d.fault(v.key, positionOf(v.node), complaint{string(found) + " is not supported", "write the value out"})
	default:
		d.fault(v.key, positionOf(v.node), complaint{message: "wants " + wants + ", found " + string(found)})
	}
}

// secret makes a secret, and remembers it.
func (d *decoder) secret(text string) Secret {
	s := NewSecret(text)
	d.secrets = append(d.secrets, s)
	return s
}

// has reports whether a key is there and is not empty.
func (d *decoder) has(key string) bool {
	_, ok := d.at[key]
	return ok
}

// section reads a mapping into what names its keys. One without any value, as
// is left when all its lines are commented out, is as good as absent.
func (d *decoder) section(v value, s section) {
	fields := s.fields()
	given := map[string]bool{}
	d.mapping(v, func(name string, child value) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			d.unknown(v.key, name, child.at, fields)
			return
		}
		given[name] = true
		if kindOf(child.node) != kindNothing {
			d.at[child.key] = child.at
		}
		fields[i].into(d, child)
	})
	if k := kindOf(v.node); k != kindMapping && k != kindNothing {
		return
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.fault(below(v.key, f.name), v.at, complaint{message: "is required"})
		}
	}
}

// unknown reports a key that a section does not name.
func (d *decoder) unknown(section, name string, at position, fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	c := complaint{message: "unknown key"}
	if near := nearest(name, names); near != "" {
		c.message += " (did you mean " + near + "?)"
	} else {
		slices.Sort(names)
		c.hint = "known here: " + strings.Join(names, ", ")
	}
	d.fault(shown(section, name), at, c)
}

// mapping calls each for every key of a mapping, in order. A key that is no
// plain text, has no colon, or comes a second time is a fault.
func (d *decoder) mapping(v value, each func(name string, child value)) {
	if k := kindOf(v.node); k != kindMapping {
		if k != kindNothing {
			d.wrong(v, string(kindMapping))
		}
		return
	}
	first := map[string]position{}
	for _, pair := range pairs(v.node) {
		name, at, ok := d.key(v, pair)
		if !ok {
			continue
		}
		child := value{key: below(v.key, name), at: at, node: pair.Value}
		if was, twice := first[name]; twice {
			d.fault(shown(v.key, name), at, complaint{
				"the key is there a second time", "the first is in line " + strconv.Itoa(was.line) + "; keep one of them",
			})
			continue
		}
		first[name] = at
		each(name, child)
	}
}

// key gives the name of a mapping's key. In {password:x} and {x}, and wherever
// a text got to where a key belongs, the name may be a secret: it is not shown.
func (d *decoder) key(v value, pair *ast.MappingValueNode) (string, position, bool) {
	at := positionOf(pair.Key)
	switch k := kindOf(pair.Key); {
	case k != kindText && k != kindNumber && k != kindBool:
		d.fault(v.key, at, complaint{"holds a key that is no plain text", "anchors, aliases, merge keys and tags are not supported"})
	case pair.Start == nil || pair.Start.Value != ":" || tight(pair):
		d.fault(v.key, at, complaint{"holds a text where a key and its value belong", "write key: value, with a blank after the colon"})
	default:
		return textOf(pair.Key), at, true
	}
	return "", at, false
}

// text gives a scalar's text, its references replaced. The second result tells
// whether it came from a reference.
func (d *decoder) text(v value, wants string) (text string, referred, ok bool) {
	switch kindOf(v.node) {
	case kindText, kindNumber, kindBool:
	default:
		d.wrong(v, wants)
		return "", false, false
	}
	text, referred, c := d.env.expand(textOf(v.node))
	if c != nil {
		d.fault(v.key, positionOf(v.node), *c)
		return "", true, false
	}
	return text, referred, true
}

// items gives the elements of a list.
func (d *decoder) items(v value) []value {
	list, ok := v.node.(*ast.SequenceNode)
	if !ok {
		d.wrong(v, string(kindList))
		return nil
	}
	items := make([]value, len(list.Values))
	for i, node := range list.Values {
		node = mended(node)
		items[i] = value{key: v.key + "[" + strconv.Itoa(i) + "]", at: positionOf(node), node: node}
		d.at[items[i].key] = items[i].at
	}
	return items
}
