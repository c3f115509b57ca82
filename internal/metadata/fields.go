package metadata

import (
	"encoding/json"
	"strings"
)

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
	t.one(o, path)
	t.fields(o, path)
	return o.encode()
}

// one translates a field itself: its type, then what is said of it.
func (t *translation) one(o *object, path string) {
	if !t.from.AtLeast(5, 0) && t.to.AtLeast(5, 0) {
		t.spellings(o)
		if o.text("type") == "string" {
			t.text(o, path)
		}
		t.indexed(o)
	}
	t.kind(o, path)
	t.parameters(o, path)
	t.date(o, path)
}

// dynamicTemplates translates what fields will get that no document had yet.
func (t *translation) dynamicTemplates(o *object, path string) {
	var rules []json.RawMessage
	if raw := o.get("dynamic_templates"); raw == nil || json.Unmarshal(raw, &rules) != nil {
		return
	}
	path += ".dynamic_templates"
	changed := false
	for i, rule := range rules {
		named, err := readObject(rule)
		if err != nil {
			t.note(Obstacle, path, "they cannot be read: %v", err)
			return
		}
		named.each(func(name string, body json.RawMessage) json.RawMessage { return t.dynamicTemplate(body, path+"."+name) })
		changed = changed || named.changed
		rules[i] = named.encode()
	}
	if changed {
		o.set("dynamic_templates", array(rules))
	}
}

func (t *translation) dynamicTemplate(body json.RawMessage, path string) json.RawMessage {
	o, err := readObject(body)
	if err != nil {
		t.note(Obstacle, path, "it cannot be read: %v", err)
		return body
	}
	mapping, err := readObject(o.get("mapping"))
	if err != nil || len(mapping.members) == 0 {
		return body
	}
	// Without a type, or with {dynamic_type}, a string was a string.
	dynamic := mapping.text("type") == "" || strings.Contains(mapping.text("type"), "dynamic_type")
	if !t.from.AtLeast(5, 0) && t.to.AtLeast(5, 0) && dynamic && o.text("match_mapping_type") == "string" {
		mapping.set("type", quote("string"))
	}
	t.one(mapping, path)
	t.fields(mapping, path)
	o.set("mapping", mapping.encode())
	return o.encode()
}
