package metadata

import (
	"bytes"
	"encoding/json"
	"slices"
)

// text turns a string of Elasticsearch 2 into text or keyword.
func (t *translation) text(o *object, path string) {
	switch o.text("index") {
	case "not_analyzed":
		t.keyword(o)
	case "no":
		// A keyword that keeps doc values has a largest length, text has none.
		if o.text("doc_values") == "true" {
			t.keyword(o)
		} else {
			t.words(o, path)
		}
		o.set("index", json.RawMessage("false"))
	default:
		t.words(o, path)
	}
	t.note(Changed, path, "string is %s since 5.0", o.text("type"))
}

// keyword is never analyzed, and says nothing of analysis.
func (t *translation) keyword(o *object) {
	o.set("type", quote("keyword"))
	for _, name := range []string{"index", "analyzer", "search_analyzer", "search_quote_analyzer", "position_increment_gap", "term_vector", "fielddata"} {
		o.drop(name)
	}
	if o.text("index_options") != "freqs" {
		o.drop("index_options")
	}
}

func (t *translation) words(o *object, path string) {
	o.set("type", quote("text"))
	o.drop("index")
	o.drop("doc_values") // analyzed strings had none, whatever was said
	for _, name := range []string{"ignore_above", "null_value"} {
		if o.drop(name) {
			t.note(Dropped, path+"."+name, "only keyword fields have it since 5.0")
		}
	}
	if raw := o.get("fielddata"); raw != nil {
		inner, err := readObject(raw)
		loaded := err == nil && inner.text("format") != "disabled" || err != nil && scalar(raw) == "true"
		o.drop("fielddata")
		if loaded {
			o.set("fielddata", json.RawMessage("true"))
		}
	}
}

// spellings are those of Elasticsearch 2 for what is a plain boolean since.
func (t *translation) spellings(o *object) {
	for _, key := range []string{"store", "doc_values", "enabled", "coerce", "ignore_malformed"} {
		switch o.text(key) {
		case "yes", "on", "1", "true":
			o.set(key, json.RawMessage("true"))
		case "no", "off", "0", "false":
			o.set(key, json.RawMessage("false"))
		}
	}
	if inner, err := readObject(o.get("norms")); err == nil && len(inner.members) > 0 {
		o.set("norms", boolean(inner.text("enabled") != "false"))
	}
	if omitted := o.text("omit_norms"); omitted != "" {
		o.drop("omit_norms")
		o.set("norms", boolean(omitted != "true"))
	}
}

// indexed says yes or no where Elasticsearch 2 said how.
func (t *translation) indexed(o *object) {
	value := o.get("index")
	switch {
	case value == nil:
	case slices.Contains([]string{"no", "false"}, scalar(value)):
		o.set("index", json.RawMessage("false"))
	case !bytes.Equal(bytes.TrimSpace(value), []byte("true")):
		o.drop("index")
	}
}

func boolean(b bool) json.RawMessage {
	if b {
		return json.RawMessage("true")
	}
	return json.RawMessage("false")
}
