package metadata

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// Gained gives the fields that one index has and the other lacks, as a mapping to
// add to the other, translated for its engine; nil for none. Names are theirs,
// such as "user.email"; notes are of them alone, and one of level Obstacle says
// that the other cannot have the field. Fields of fields are left out: they hold
// nothing of a document that is not in the field itself.
func Gained(here, there cluster.Definition, from, to cluster.Identity) (mapping json.RawMessage, names []string, notes []Note, err error) {
	t := &translation{where: here.Index, from: from, to: to}
	translated, kind := t.mappings(here.Mappings)
	want, err := bare(translated, kind, to)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read the mappings of index %s: %w", here.Index, err)
	}
	has, err := bare(there.Mappings, "", to)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read the mappings of index %s: %w", there.Index, err)
	}
	more, names, err := newFields(want, has, "")
	if err != nil || len(names) == 0 {
		return nil, nil, nil, err
	}
	for _, n := range t.notes {
		field := strings.TrimPrefix(strings.TrimPrefix(n.Path, "mappings."), kind+".")
		if slices.ContainsFunc(names, func(name string) bool { return field == name || strings.HasPrefix(field, name+".") }) {
			notes = append(notes, n)
		}
	}
	return more.encode(), names, notes, nil
}

// bare gives the mapping without the name of its type around it, which is kind or,
// where that is empty, the only one there is.
func bare(mappings json.RawMessage, kind string, of cluster.Identity) (*object, error) {
	o, err := readObject(mappings)
	if err != nil || !of.Typed() {
		return o, err
	}
	for _, m := range o.members {
		if m.key == kind || kind == "" && m.key != "_default_" {
			return readObject(m.value)
		}
	}
	return newObject(), nil
}

// newFields gives what has lacks of want's fields, to any depth, and their names.
func newFields(want, has *object, path string) (more *object, names []string, err error) {
	wanted, own, err := readBoth(want.get("properties"), has.get("properties"), path)
	if err != nil {
		return nil, nil, err
	}
	fields := newObject()
	for _, m := range wanted.members {
		name, field := path+m.key, m.value
		missing := []string{name}
		if own.has(m.key) {
			if field, missing, err = fieldsBelow(m.value, own.get(m.key), name); err != nil {
				return nil, nil, err
			}
		}
		if len(missing) > 0 {
			fields.set(m.key, field)
			names = append(names, missing...)
		}
	}
	more = newObject()
	more.set("properties", fields.encode())
	return more, names, nil
}

// fieldsBelow is newFields for a field that both have.
func fieldsBelow(want, has json.RawMessage, name string) (json.RawMessage, []string, error) {
	a, b, err := readBoth(want, has, name)
	if err != nil || !b.has("properties") {
		// A field of its own has none below it.
		return nil, nil, err
	}
	more, names, err := newFields(a, b, name+".")
	if err != nil {
		return nil, nil, err
	}
	if b.has("type") {
		// Engines want to hear again that it is nested.
		more.set("type", b.get("type"))
	}
	return more.encode(), names, nil
}

func readBoth(a, b json.RawMessage, path string) (x, y *object, err error) {
	if x, err = readObject(a); err == nil {
		y, err = readObject(b)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the fields of %q: %w", path, err)
	}
	return x, y, nil
}
