package config

import (
	"encoding"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// within reads a section.
func within(s section) into {
	return func(d *decoder, v value) { d.section(v, s) }
}

// unlessEmpty reads a section whose required keys are so only if any is there.
func unlessEmpty(next into) into {
	return func(d *decoder, v value) {
		if kindOf(v.node) != kindNothing {
			next(d, v)
		}
	}
}

// optional reads a section that is nil while it is absent or empty.
func optional[T any, S interface {
	*T
	section
}](dst **T,
) into {
	return func(d *decoder, v value) {
		if kindOf(v.node) == kindNothing {
			return
		}
		*dst = new(T)
		d.section(v, S(*dst))
	}
}

// text reads a text, which may be written as a number, and asks each check.
func text(dst *string, checks ...func(string) *complaint) into {
	return func(d *decoder, v value) {
		if kindOf(v.node) == kindBool {
			d.fault(v.key, positionOf(v.node), complaint{"wants a text, found true or false", "put it in quotes"})
			return
		}
		s, _, ok := d.text(v, string(kindText))
		if !ok {
			return
		}
		for _, check := range checks {
			if c := check(s); c != nil {
				d.fault(v.key, positionOf(v.node), *c)
				return
			}
		}
		*dst = s
	}
}

// texts reads a list of texts; nothing is the empty list.
func texts(dst *[]string, checks ...func(string) *complaint) into {
	return func(d *decoder, v value) {
		if kindOf(v.node) == kindNothing {
			return
		}
		items := d.items(v)
		*dst = make([]string, len(items))
		for i, item := range items {
			text(&(*dst)[i], checks...)(d, item)
		}
	}
}

// oneOrMore reads a text or a list of at least one.
func oneOrMore(dst *[]string, checks ...func(string) *complaint) into {
	return func(d *decoder, v value) {
		if kindOf(v.node) == kindList {
			texts(dst, checks...)(d, v)
			if len(*dst) == 0 {
				d.fault(v.key, v.at, complaint{message: "is an empty list"})
			}
			return
		}
		*dst = make([]string, 1)
		text(&(*dst)[0], checks...)(d, v)
	}
}

// textMap reads a mapping of names to texts; name and checks are asked of the
// keys and of the values.
func textMap(dst *map[string]string, name func(string) *complaint, checks ...func(string) *complaint) into {
	return func(d *decoder, v value) {
		*dst = map[string]string{}
		d.mapping(v, func(key string, child value) {
			if c := name(key); c != nil {
				d.fault(child.key, child.at, *c)
				return
			}
			d.at[child.key] = child.at
			var s string
			text(&s, checks...)(d, child)
			(*dst)[key] = s
		})
	}
}

// secret reads a text that must not be empty.
func secret(dst *Secret, checks ...func(string) *complaint) into {
	return func(d *decoder, v value) {
		var s string
		text(&s, append(checks, filled)...)(d, v)
		if s != "" {
			*dst = d.secret(s)
		}
	}
}

// unit reads a scalar by its type's own reader.
func unit(dst encoding.TextUnmarshaler) into {
	return func(d *decoder, v value) {
		s, _, ok := d.text(v, string(kindText))
		if !ok {
			return
		}
		if err := dst.UnmarshalText([]byte(s)); err != nil {
			d.fault(v.key, positionOf(v.node), complaint{message: err.Error()})
		}
	}
}

// choice reads one of a few words; the first is the usual one.
func choice[T ~string](dst *T, words ...T) into {
	return func(d *decoder, v value) {
		s, _, ok := d.text(v, string(kindText))
		if !ok {
			return
		}
		for _, word := range words {
			if s == string(word) {
				*dst = word
				return
			}
		}
		d.fault(v.key, positionOf(v.node), complaint{message: "wants one of " + list(words)})
	}
}

// list gives words for a sentence.
func list[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}

// number reads a whole number from 0; a text only where it is a reference's.
func number(dst *int64) into {
	return func(d *decoder, v value) {
		s, referred, ok := d.text(v, "a whole number")
		if !ok {
			return
		}
		n, fits := whole(s)
		if !fits || !referred && kindOf(v.node) != kindNumber {
			d.fault(v.key, positionOf(v.node), complaint{message: "wants a whole number from 0"})
			return
		}
		*dst = n
	}
}

// boolean reads true or false; a text only where it is a reference's.
func boolean(dst *bool) into {
	return func(d *decoder, v value) {
		s, referred, ok := d.text(v, string(kindBool))
		if !ok {
			return
		}
		b, err := strconv.ParseBool(s)
		if err != nil || !referred && kindOf(v.node) != kindBool {
			d.fault(v.key, positionOf(v.node), complaint{message: "wants true or false"})
			return
		}
		*dst = b
	}
}

// maybe reads true or false into what is nil while the key is absent.
func maybe(dst **bool) into {
	return func(d *decoder, v value) {
		var b bool
		boolean(&b)(d, v)
		*dst = &b
	}
}

// settings reads a repository's settings, whose keys are its type's business.
func settings(dst *Settings) into {
	return func(d *decoder, v value) {
		if kindOf(v.node) != kindMapping {
			d.wrong(v, string(kindMapping))
			return
		}
		*dst = d.anyMapping(v, false)
	}
}

// any reads a value of any type; hidden says that a key above names a secret.
func (d *decoder) any(v value, hidden bool) any {
	switch kindOf(v.node) {
	case kindNothing:
		return nil
	case kindMapping:
		return d.anyMapping(v, hidden)
	case kindList:
		out := []any{}
		for _, item := range d.items(v) {
			out = append(out, d.any(item, hidden))
		}
		return out
	default:
		return d.anyScalar(v, hidden)
	}
}

// anyScalar reads a scalar. Under a key that names a secret, and where a
// reference was replaced, it becomes a Secret.
func (d *decoder) anyScalar(v value, hidden bool) any {
	s, referred, ok := d.text(v, string(kindText))
	if !ok {
		return nil
	}
	if hidden || referred {
		return d.secret(s)
	}
	switch n := v.node.(type) {
	case *ast.InfinityNode, *ast.NanNode:
		d.fault(v.key, positionOf(v.node), complaint{message: "wants a number that JSON knows"})
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return d.integer(v, n)
	case *ast.FloatNode:
		return n.Value
	}
	return s
}

func (d *decoder) anyMapping(v value, hidden bool) map[string]any {
	out := map[string]any{}
	d.mapping(v, func(name string, child value) {
		if !plainName(name) {
			d.fault(v.key, child.at, complaint{message: "holds a key that is no setting's name"})
			return
		}
		out[name] = d.any(child, hidden || secretKey(name))
	})
	return out
}

func (d *decoder) integer(v value, n *ast.IntegerNode) any {
	switch i := n.Value.(type) {
	case int64:
		return i
	case uint64:
		if i <= math.MaxInt64 {
			return int64(i)
		}
	}
	d.fault(v.key, positionOf(v.node), complaint{"the number is too large", "put it in quotes"})
	return nil
}
