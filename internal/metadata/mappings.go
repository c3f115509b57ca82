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
	for _, gone := range []string{"_all", "include_in_all", "_timestamp", "_ttl"} {
		if t.to.AtLeast(7, 0) && o.drop(gone) {
			t.note(Dropped, "mappings."+gone, "it is gone since 7.0")
		}
	}
	if o.has("_parent") && t.to.AtLeast(6, 0) {
		t.note(Obstacle, "mappings._parent", "parents are join fields since 6.0, which means other documents")
	}
	t.fields(o, "mappings")
	return t.typed(o.encode(), typ)
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
		t.fields(inner, "mappings."+name)
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

// untyped takes the type's name from around the one mapping there is.
func (t *translation) untyped(o *object) (*object, string) {
	o.drop("_default_")
	switch len(o.members) {
	case 0:
		return newObject(), "_doc"
	case 1:
	default:
		t.note(Obstacle, "mappings", "the index has %d types, and an index has one since 6.0: set indices.types to split, which makes an index of each", len(o.members))
		return nil, ""
	}
	inner, err := readObject(o.members[0].value)
	if err != nil {
		t.note(Obstacle, "mappings."+o.members[0].key, "it cannot be read: %v", err)
		return nil, ""
	}
	return inner, o.members[0].key
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

// fields translates the properties of a mapping or of a field, to any depth.
func (t *translation) fields(o *object, path string) {
	for _, group := range []string{"properties", "fields"} {
		raw := o.get(group)
		if raw == nil {
			continue
		}
		inner, err := readObject(raw)
		if err != nil {
			t.note(Obstacle, path+"."+group, "they cannot be read: %v", err)
			continue
		}
		inner.each(func(name string, value json.RawMessage) json.RawMessage { return t.field(value, path+"."+name) })
		o.set(group, inner.encode())
	}
}

func (t *translation) field(raw json.RawMessage, path string) json.RawMessage {
	o, err := readObject(raw)
	if err != nil {
		t.note(Obstacle, path, "it cannot be read: %v", err)
		return raw
	}
	if o.text("type") == "string" {
		t.text(o, path)
	}
	if t.to.AtLeast(7, 0) && o.drop("include_in_all") {
		t.note(Dropped, path+".include_in_all", "the field _all is gone since 6.0")
	}
	t.kind(o, path)
	t.fields(o, path)
	return o.encode()
}

// text turns a string of Elasticsearch 2 into text or keyword.
func (t *translation) text(o *object, path string) {
	switch o.text("index") {
	case "not_analyzed":
		o.set("type", quote("keyword"))
		o.drop("index")
	case "no":
		o.set("type", quote("text"))
		o.set("index", json.RawMessage("false"))
	default:
		o.set("type", quote("text"))
		o.drop("index")
	}
	t.note(Changed, path, "string is %s since 5.0", o.text("type"))
}

// kind refuses or renames types of fields that the target does not have.
func (t *translation) kind(o *object, path string) {
	name := o.text("type")
	switch {
	case name == "" || t.from.Product == t.to.Product:
	case t.to.Product == cluster.OpenSearch && name == "flattened":
		o.set("type", quote("flat_object"))
		t.note(Changed, path, "flattened is called flat_object")
	case t.to.Product == cluster.Elasticsearch && name == "flat_object":
		o.set("type", quote("flattened"))
		t.note(Changed, path, "flat_object is called flattened")
	case slices.Contains(foreign(t.to.Product), name):
		t.note(Obstacle, path, "%s has no field type %s", t.to, name)
	}
}

// foreign lists field types that only the other product has.
func foreign(product string) []string {
	if product == cluster.OpenSearch {
		return []string{
			"dense_vector", "sparse_vector", "semantic_text", "histogram", "version", "aggregate_metric_double",
			"point", "shape", "counted_keyword", "passthrough", "rank_vectors",
		}
	}
	return []string{"knn_vector", "star_tree", "derived", "semantic"}
}
