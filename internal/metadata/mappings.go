package metadata

import (
	"encoding/json"
	"fmt"
	"slices"

	"esferry/internal/cluster"
)

// mappings translates the mappings of an index, and gives the one type that
// documents are written under where the target wants types.
func (t *translation) mappings(raw json.RawMessage) (mapping json.RawMessage, typ string) {
	o, err := readObject(raw)
	if err != nil {
		t.note(Obstacle, "mappings", "they cannot be read: %v", err)
		return raw, ""
	}
	typ = "_doc"
	if !t.to.AtLeast(6, 0) {
		return t.native(o)
	}
	if !t.from.AtLeast(7, 0) {
		if o, typ = t.untyped(o); o == nil {
			return raw, ""
		}
	}
	t.root(o, "mappings")
	return t.typed(o.encode(), typ)
}

// root translates one whole mapping: what stands beside the fields, then these.
func (t *translation) root(o *object, path string) {
	for _, part := range rootParts() {
		if part.gone(t) && o.drop(part.name) {
			t.note(Dropped, path+"."+part.name, "%s", part.reason)
		}
	}
	if o.has("_parent") && t.to.AtLeast(6, 0) {
		t.note(Obstacle, path+"._parent", "parents are join fields since 6.0, which means other documents: re-index them by hand with a field of type join")
	}
	if o.text("dynamic") == "runtime" && (t.to.Product == cluster.OpenSearch || !t.to.AtLeast(7, 11)) {
		o.set("dynamic", quote("true"))
		t.note(Changed, path+".dynamic", "%s has no runtime fields; new fields are mapped", t.to)
	}
	t.sourceMode(o, path)
	t.dynamicTemplates(o, path)
	t.fields(o, path)
}

// rootPart is something beside the fields of a mapping that targets refuse.
type rootPart struct {
	name   string
	gone   func(t *translation) bool
	reason string
}

func rootParts() []rootPart {
	since := func(major int) func(*translation) bool {
		return func(t *translation) bool { return t.to.AtLeast(major, 0) }
	}
	lacks := func(major, minor int) func(*translation) bool {
		return func(t *translation) bool { return !t.elastic(major, minor) }
	}
	return []rootPart{
		{"_all", since(6), "the field _all is gone since 6.0: search several fields, or copy_to one"},
		{"include_in_all", since(6), "the field _all is gone since 6.0"},
		{"_timestamp", since(5), "gone since 5.0: give documents a date field"},
		{"_ttl", since(5), "gone since 5.0: documents no longer expire by themselves"},
		{"_analyzer", since(5), "gone since 2.0"},
		{"_boost", since(5), "gone since 2.0"},
		{"_id", since(5), "nothing of it can be set since 2.0"},
		{"_uid", since(5), "nothing of it can be set since 2.0"},
		{"_type", since(5), "nothing of it can be set since 2.0"},
		{"_index", since(5), "nothing of it can be set since 5.0"},
		{"_field_names", func(t *translation) bool { return t.elastic(8, 0) }, "nothing of it can be set since 8.0"},
		{"runtime", lacks(7, 11), "the target has no runtime fields"},
		{"subobjects", lacks(8, 3), "the target makes objects of names with dots"},
		{"derived", func(t *translation) bool { return !t.open(2, 15) }, "the target has no derived fields"},
		{"composite", func(t *translation) bool { return t.to.Product != cluster.OpenSearch }, "the target has no composite fields"},
	}
}

// sourceMode drops _source.mode, which the target may not know; what is not
// stored whole does not come this far.
func (t *translation) sourceMode(o *object, path string) {
	source, err := readObject(o.get("_source"))
	if err != nil || t.elastic(8, 4) || !source.drop("mode") {
		return
	}
	t.note(Dropped, path+"._source.mode", "%s stores _source in one way only", t.to)
	if len(source.members) == 0 {
		o.drop("_source")
		return
	}
	o.set("_source", source.encode())
}

// native translates the mapping of each type for a target that has several
// types in an index, as the source has; there is no one type then.
func (t *translation) native(o *object) (mapping json.RawMessage, typ string) {
	if t.from.AtLeast(7, 0) {
		typed := newObject()
		typed.set("_doc", o.encode())
		o = typed
	}
	o.each(func(name string, value json.RawMessage) json.RawMessage {
		inner, err := readObject(value)
		if err != nil {
			t.note(Obstacle, "mappings."+name, "it cannot be read: %v", err)
			return value
		}
		if name != "_default_" {
			typ = name
		}
		t.root(inner, "mappings."+name)
		return inner.encode()
	})
	types := len(o.members)
	if o.has("_default_") {
		types--
	}
	switch types {
	case 0:
		return o.encode(), "doc"
	case 1:
		return o.encode(), typ
	default:
		return o.encode(), ""
	}
}

// Types lists the mapping types of an index of an engine that has them, sorted;
// _default_ is none.
func Types(d cluster.Definition) ([]string, error) {
	o, err := readObject(d.Mappings)
	if err != nil {
		return nil, fmt.Errorf("read the mappings of index %s: %w", d.Index, err)
	}
	var names []string
	for _, m := range o.members {
		if m.key != "_default_" {
			names = append(names, m.key)
		}
	}
	slices.Sort(names)
	return names, nil
}

// OnlyType gives the definition with the mapping of one of its types; all of
// them when name is empty.
func OnlyType(d cluster.Definition, name string) (cluster.Definition, error) {
	if name == "" {
		return d, nil
	}
	o, err := readObject(d.Mappings)
	if err != nil {
		return d, fmt.Errorf("read the mappings of index %s: %w", d.Index, err)
	}
	own := newObject()
	own.set(name, o.get(name))
	d.Mappings = own.encode()
	return d, nil
}

// untyped takes the type's name from around the one mapping there is. What
// _default_ says has been said to every type of an index when it was made; in a
// template it is still to be said.
func (t *translation) untyped(o *object) (*object, string) {
	standard := o.get("_default_")
	if o.drop("_default_"); standard != nil && !t.kept {
		t.note(Dropped, "mappings._default_", "it speaks of new types, which there are none of since 6.0")
	}
	if len(o.members) > 1 {
		t.note(Obstacle, "mappings", "%s", severalTypes(len(o.members), t.kept))
		return nil, ""
	}
	own, name := json.RawMessage(nil), "_doc"
	if len(o.members) == 1 {
		own, name = o.members[0].value, o.members[0].key
	}
	if t.kept {
		own = merged(standard, own)
	}
	inner, err := readObject(own)
	if err != nil {
		t.note(Obstacle, "mappings."+name, "it cannot be read: %v", err)
		return nil, ""
	}
	return inner, name
}

func severalTypes(n int, template bool) string {
	if template {
		return fmt.Sprintf("the template has %d types, and an index has one since 6.0: make one of each by hand", n)
	}
	return fmt.Sprintf("the index has %d types, and an index has one since 6.0: set indices.types to split, which makes an index of each", n)
}

// merged lays one JSON value over another: objects member by member, anything
// else whole. What cannot be read is the other's to report.
func merged(under, over json.RawMessage) json.RawMessage {
	if len(over) == 0 {
		return under
	}
	a, err := readObject(under)
	b, bad := readObject(over)
	if len(under) == 0 || err != nil || bad != nil || !isObject(under) || !isObject(over) {
		return over
	}
	for _, m := range b.members {
		a.set(m.key, merged(a.get(m.key), m.value))
	}
	return a.encode()
}

// typed puts the type's name around the mapping where the target wants one.
func (t *translation) typed(mapping json.RawMessage, typ string) (json.RawMessage, string) {
	if t.to.AtLeast(7, 0) {
		return mapping, ""
	}
	o := newObject()
	o.set(typ, mapping)
	return o.encode(), typ
}
