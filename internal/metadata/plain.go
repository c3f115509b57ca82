package metadata

import "encoding/json"

// plainFields takes out of a mapping what says no more than the standard: some
// engines print it, others do not.
func plainFields(raw json.RawMessage) json.RawMessage {
	o, err := readObject(raw)
	if err != nil || !isObject(raw) {
		return raw
	}
	if o.has("type") && !isObject(o.get("type")) {
		plainField(o)
	}
	if source, err := readObject(o.get("_source")); err == nil && source.text("mode") == "stored" {
		source.drop("mode")
		o.set("_source", source.encode())
	}
	o.each(func(_ string, value json.RawMessage) json.RawMessage { return plainFields(value) })
	return o.encode()
}

// plainStream takes the standard out of how a template makes data streams, and
// keeps that it does.
func plainStream(raw json.RawMessage) json.RawMessage {
	o, err := readObject(raw)
	if err != nil {
		return raw
	}
	for _, key := range []string{"hidden", "allow_custom_routing"} {
		if o.text(key) == "false" {
			o.drop(key)
		}
	}
	if field, err := readObject(o.get("timestamp_field")); err == nil && field.text("name") == "@timestamp" {
		o.drop("timestamp_field")
	}
	if len(o.members) == 0 {
		return json.RawMessage("true")
	}
	return o.encode()
}

func plainField(o *object) {
	for _, key := range []string{"doc_values", "index"} {
		if o.text(key) == "true" {
			o.drop(key)
		}
	}
	switch o.text("type") {
	case "date":
		if o.text("format") == "strict_date_optional_time||epoch_millis" {
			o.drop("format")
		}
	case "geo_shape":
		// Each version has names of its own for how shapes were indexed once.
		o.drop("tree")
		o.drop("strategy")
	case "object":
		o.drop("type")
	}
}
