package metadata

import (
	"encoding/json"

	"esferry/internal/cluster"
)

// Verdict is how a piece of metadata stands.
type Verdict string

// The verdicts.
const (
	// Same is on the target as it should be.
	Same Verdict = "same"
	// Missing is not on the target.
	Missing Verdict = "missing"
	// Differs is on the target, and otherwise; Differences tell where.
	Differs Verdict = "differs"
	// NotCarried cannot be on the target; Notes tell why.
	NotCarried Verdict = "not_carried"
)

// Outcome is what Apply did with a piece.
type Outcome string

// The outcomes; none where there was nothing to do.
const (
	Created     Outcome = "created"
	Overwritten Outcome = "overwritten"
	// Kept says that the target's own stays: overwriting was not asked for.
	Kept Outcome = "kept"
	// Refused by the target; the last note tells its words.
	Refused Outcome = "refused"
)

// KindIndex and KindDataStream are kinds of pieces that are carried with their
// documents, not by Apply.
const (
	KindIndex      cluster.MetadataKind = "index"
	KindDataStream cluster.MetadataKind = "data_stream"
)

// Piece is one thing that clusters hold besides documents, compared with its
// translation on the target.
type Piece struct {
	Kind cluster.MetadataKind `json:"kind"`
	Name string               `json:"name"`
	// Target is the piece's name there, where it is another one.
	Target      string       `json:"target,omitempty"`
	Verdict     Verdict      `json:"verdict"`
	Differences []Difference `json:"differences,omitempty"`
	// Notes name what was translated, dropped, or is in the way.
	Notes   []Note  `json:"notes,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`

	// body is the translation, as it would be put.
	body json.RawMessage
}

// Title gives kind and name.
func (p Piece) Title() string { return string(p.Kind) + " " + p.Name }

// judged compares the translation with what the target has.
func (p Piece) judged(there json.RawMessage) Piece {
	switch {
	case p.Verdict == NotCarried:
	case there == nil:
		p.Verdict = Missing
	default:
		p.Verdict = Same
		if p.Differences = differences("", normal(p.Kind, p.body), normal(p.Kind, there)); len(p.Differences) > 0 {
			p.Verdict = Differs
		}
	}
	return p
}

// normal gives a definition with its settings written flat and in full, as
// engines take them for the same.
func normal(kind cluster.MetadataKind, raw json.RawMessage) json.RawMessage {
	o, err := readObject(raw)
	if err != nil {
		return raw
	}
	if inner := o.get("template"); kind != cluster.LegacyTemplate && isObject(inner) {
		o.set("template", normal(cluster.LegacyTemplate, inner))
	}
	if settings := o.get("settings"); settings != nil {
		if all, err := readSettings(settings); err == nil {
			flat := newObject()
			for _, s := range all {
				flat.set(s.key, s.value)
			}
			o.set("settings", flat.encode())
		}
	}
	if mappings := o.get("mappings"); mappings != nil {
		o.set("mappings", plainFields(mappings))
	}
	if stream := o.get("data_stream"); stream != nil {
		o.set("data_stream", plainStream(stream))
	}
	for _, key := range serverOwn() {
		o.drop(key)
	}
	if o.text("order") == "0" {
		o.drop("order")
	}
	return o.encode()
}

// serverOwn lists what engines add to a definition by themselves.
func serverOwn() []string {
	return []string{"created_date", "created_date_millis", "modified_date", "modified_date_millis"}
}
