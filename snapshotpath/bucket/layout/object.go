package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// object is a JSON object that keeps its order and what we do not know: the
// engines want snapshots before indices, and newer ones add members.
type object []member

type member struct {
	key   string
	value json.RawMessage
}

// UnmarshalJSON keeps each member's bytes.
func (o *object) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("an object was expected")
	}
	*o = object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("a key was expected, not %v", t)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		*o = append(*o, member{key, value})
	}
	return nil
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// read decodes a member into to, which stays as it is where there is none.
func (o object) read(key string, to any) error {
	for _, m := range o {
		if m.key == key {
			if err := json.Unmarshal(m.value, to); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return nil
}

// with gives a copy whose member is value where there was one.
func (o object) with(key string, value any) (object, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	out := make(object, len(o))
	for i, m := range o {
		if m.key == key {
			m.value = data
		}
		out[i] = m
	}
	return out, nil
}

// without gives a copy that lacks the member.
func (o object) without(key string) object {
	var out object
	for _, m := range o {
		if m.key != key {
			out = append(out, m)
		}
	}
	return out
}
