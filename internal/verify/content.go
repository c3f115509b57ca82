package verify

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SameContent reports whether two sources say the same in other bytes: other
// white space, another order of members, other escapes, another spelling of
// equal numbers. It claims too little rather than too much: sources that it
// cannot compare exactly, such as those with a member twice, half a surrogate
// pair or an exponent beyond reason, are the same only where their bytes are.
// Numbers are compared digit by digit, never as floats.
func SameContent(a, b []byte) bool {
	// Valid also bounds the depth of what is then walked down.
	return bytes.Equal(a, b) || json.Valid(a) && json.Valid(b) && same(a, b)
}

func same(a, b []byte) bool { return sameValue(decoder(a), decoder(b)) }

func decoder(text []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d
}

// sameValue consumes one value of each.
func sameValue(a, b *json.Decoder) bool {
	x, err := a.Token()
	y, other := b.Token()
	if err != nil || other != nil {
		return false
	}
	switch first := x.(type) {
	case json.Delim:
		if x != y {
			return false
		}
		if first == '{' {
			return sameMembers(a, b)
		}
		return sameElements(a, b)
	case string:
		return x == y && exact(first)
	case json.Number:
		second, ok := y.(json.Number)
		return ok && sameNumber(string(first), string(second))
	default:
		return x == y
	}
}

// sameElements consumes what follows the opening bracket of two arrays.
func sameElements(a, b *json.Decoder) bool {
	for a.More() && b.More() {
		if !sameValue(a, b) {
			return false
		}
	}
	return closing(a) && closing(b)
}

// sameMembers consumes what follows the opening brace of two objects.
func sameMembers(a, b *json.Decoder) bool {
	x, ok := members(a)
	y, other := members(b)
	if !ok || !other || len(x) != len(y) {
		return false
	}
	for name, value := range x {
		second, there := y[name]
		if !there || !same(value, second) {
			return false
		}
	}
	return true
}

// members reads an object; false where it cannot be told exactly.
func members(d *json.Decoder) (map[string]json.RawMessage, bool) {
	all := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if _, twice := all[name]; err != nil || !ok || twice || !exact(name) {
			return nil, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
		all[name] = value
	}
	return all, closing(d)
}

// closing consumes the end of an array or an object.
func closing(d *json.Decoder) bool {
	token, err := d.Token()
	return err == nil && (token == json.Delim(']') || token == json.Delim('}'))
}

// exact reports whether a decoded string tells all of its spelling: what cannot
// be decoded becomes a replacement character.
func exact(s string) bool { return !strings.ContainsRune(s, utf8.RuneError) }

// sameNumber compares two JSON numbers by their value.
func sameNumber(a, b string) bool {
	x, ok := decimalOf(a)
	y, other := decimalOf(b)
	return a == b || ok && other && x == y
}

// decimal is a number as digits, without zeros at either end, and the power of
// ten of the last one.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

func decimalOf(text string) (d decimal, ok bool) {
	text, d.negative = strings.CutPrefix(text, "-")
	mantissa, power, found := text, "", false
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		mantissa, power, found = text[:at], text[at+1:], true
	}
	if found {
		n, err := strconv.ParseInt(power, 10, 64)
		if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
			return d, false
		}
		d.exponent = n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.exponent -= int64(len(fraction))
	d.digits = strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(d.digits, "0")
	d.exponent += int64(len(d.digits) - len(trimmed))
	if d.digits = trimmed; trimmed == "" {
		// Minus zero stays apart from zero: it sorts apart, too.
		d.exponent = 0
	}
	return d, true
}
