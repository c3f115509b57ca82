package metadata

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Difference is one value that the target has otherwise.
type Difference struct {
	// Path in the definition, such as "mappings.properties.user.type".
	Path string `json:"path"`
	// Source is what the target should have, translated; Target what it has.
	// Either is missing where that side has none.
	Source json.RawMessage `json:"source,omitempty"`
	Target json.RawMessage `json:"target,omitempty"`
}

// String gives one line.
func (d Difference) String() string {
	side := func(raw json.RawMessage) string {
		if raw == nil {
			return "nothing"
		}
		return string(raw)
	}
	return d.Path + ": " + side(d.Source) + " here, " + side(d.Target) + " on the target"
}

// differences compares two values without regard to the order of keys, to
// spellings that engines take for one another ("1" and 1), and to what is said
// by an empty list or object.
func differences(path string, here, there json.RawMessage) []Difference {
	if blank(here) && blank(there) {
		return nil
	}
	if !isObject(here) && !blank(here) || !isObject(there) && !blank(there) {
		if alike(here, there) {
			return nil
		}
		return []Difference{{Path: path, Source: shown(here), Target: shown(there)}}
	}
	a, err := readObject(here)
	b, bad := readObject(there)
	if err != nil || bad != nil {
		return []Difference{{Path: path, Source: shown(here), Target: shown(there)}}
	}
	var found []Difference
	for _, key := range keys(a, b) {
		below := key
		if path != "" {
			below = path + "." + key
		}
		found = append(found, differences(below, a.get(key), b.get(key))...)
	}
	return found
}

// keys gives those of both, sorted.
func keys(objects ...*object) []string {
	var all []string
	for _, o := range objects {
		for _, m := range o.members {
			all = append(all, m.key)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// alike compares what are not two objects.
func alike(a, b json.RawMessage) bool {
	var x, y []json.RawMessage
	if json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil {
		return slices.EqualFunc(x, y, func(p, q json.RawMessage) bool { return len(differences("", p, q)) == 0 })
	}
	p, q := scalar(a), scalar(b)
	if p == q {
		return true
	}
	if !strings.ContainsAny(p+q, ".eE") {
		return false // whole numbers that a float could not tell apart
	}
	m, err := strconv.ParseFloat(p, 64)
	n, bad := strconv.ParseFloat(q, 64)
	return err == nil && bad == nil && m == n
}

// blank reports what says no more than its absence.
func blank(raw json.RawMessage) bool {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return len(raw) == 0
	}
	return slices.Contains([]string{"null", "{}", "[]"}, b.String())
}

// shown gives a value for a report; nothing for one that is blank.
func shown(raw json.RawMessage) json.RawMessage {
	if blank(raw) {
		return nil
	}
	return raw
}
