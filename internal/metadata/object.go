package metadata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// member is one key of an object with its value as it came.
type member struct {
	key   string
	value json.RawMessage
}

// object is a JSON object whose members keep their order and whose values
// keep their bytes: a number that is decoded and written again may be another
// number. One that was not changed encodes to the bytes it was read from.
type object struct {
	raw     json.RawMessage
	members []member
	changed bool
}

// newObject gives an empty object.
func newObject() *object { return &object{raw: json.RawMessage("{}")} }

// readObject reads one level. Nothing, and null, are an empty object.
func readObject(raw json.RawMessage) (*object, error) {
	if t := bytes.TrimSpace(raw); len(t) == 0 || string(t) == "null" {
		return newObject(), nil
	}
	o := &object{raw: raw}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("not a JSON object"), err)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read a key: %w", err)
		}
		key, _ := t.(string) // where More says yes inside an object, the token is a key
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("read the value of %s: %w", key, err)
		}
		o.members = append(o.members, member{key, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("read the end of an object: %w", err)
	}
	return o, nil
}

// isObject reports whether raw begins like an object.
func isObject(raw json.RawMessage) bool {
	t := bytes.TrimSpace(raw)
	return len(t) > 0 && t[0] == '{'
}

func (o *object) index(key string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.key == key })
}

func (o *object) has(key string) bool { return o.index(key) >= 0 }

// get gives a value, or nil.
func (o *object) get(key string) json.RawMessage {
	if i := o.index(key); i >= 0 {
		return o.members[i].value
	}
	return nil
}

// text gives a scalar as text: strings without quotes, anything else as
// written; empty where there is none. Engines print false as "false" at times.
func (o *object) text(key string) string { return scalar(o.get(key)) }

func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(raw))
}

// set replaces a value in its place, or appends it.
func (o *object) set(key string, value json.RawMessage) {
	i := o.index(key)
	if i >= 0 && bytes.Equal(o.members[i].value, value) {
		return
	}
	o.changed = true
	if i >= 0 {
		o.members[i].value = value
		return
	}
	o.members = append(o.members, member{key, value})
}

// drop takes a member out and reports whether there was one.
func (o *object) drop(key string) bool {
	i := o.index(key)
	if i < 0 {
		return false
	}
	o.members = slices.Delete(o.members, i, i+1)
	o.changed = true
	return true
}

// each replaces every value by what f makes of it. f must not touch o.
func (o *object) each(f func(key string, value json.RawMessage) json.RawMessage) {
	for i, m := range o.members {
		if v := f(m.key, m.value); !bytes.Equal(v, m.value) {
			o.members[i].value = v
			o.changed = true
		}
	}
}

// encode gives the object as JSON: its own bytes where nothing changed.
func (o *object) encode() json.RawMessage {
	if !o.changed {
		return o.raw
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(m.key))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// quote gives s as a JSON string, without the escapes meant for HTML.
func quote(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		// A string always encodes.
		return json.RawMessage(`""`)
	}
	return bytes.TrimSpace(b.Bytes())
}

// array gives the values as a JSON array.
func array(values []json.RawMessage) json.RawMessage {
	return slices.Concat(json.RawMessage("["), bytes.Join(asBytes(values), []byte(",")), json.RawMessage("]"))
}

func asBytes(values []json.RawMessage) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
