package metadata

import (
	"encoding/json"
	"fmt"

	"esferry/internal/cluster"
)

// Translate gives a definition as the target wants it, and notes what it
// drops, changes or cannot carry. What needs no change keeps its bytes.
// Settings that a ferry takes off while it fills an index are left out: Ours
// has them.
func Translate(d cluster.Definition, from, to cluster.Identity) (cluster.Definition, []Note) {
	t := &translation{where: d.Index, from: from, to: to}
	d.Settings = t.settings(d.Settings)
	d.Mappings, d.Type = t.mappings(d.Mappings)
	d.Settings = t.room(d.Settings, d.Mappings)
	return d, t.notes
}

// CreateBody makes the request that creates an index from a translated
// definition. extra settings override the definition's; aliases come at the
// switch, not here.
func CreateBody(d cluster.Definition, extra map[string]any) (json.RawMessage, error) {
	all, err := readSettings(d.Settings)
	if err != nil {
		return nil, fmt.Errorf("read the settings of index %s: %w", d.Index, err)
	}
	settings := newObject()
	for _, s := range all {
		settings.set(s.key, s.value)
	}
	for key, value := range extra {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode setting %s of index %s: %w", key, d.Index, err)
		}
		settings.set(key, raw)
	}
	body := newObject()
	body.set("settings", settings.encode())
	body.set("mappings", d.Mappings)
	return body.encode(), nil
}

// Setting gives one setting of an index by its full key; nil where it has none.
func Setting(d cluster.Definition, key string) (any, error) {
	all, err := readSettings(d.Settings)
	if err != nil {
		return nil, fmt.Errorf("read the settings of index %s: %w", d.Index, err)
	}
	for _, s := range all {
		if s.key == key {
			return scalar(s.value), nil
		}
	}
	return nil, nil
}

// TakenOff gives what an index has on the target while it is filled: nothing
// that slows writing, a target that forgets deleted versions at once (protocol
// 1.4), and no pipeline that would change documents (protocol 6).
func TakenOff(to cluster.Identity) map[string]any {
	settings := map[string]any{"index.number_of_replicas": 0, "index.refresh_interval": "-1", "index.gc_deletes": "0s"}
	if to.AtLeast(6, 5) {
		settings["index.default_pipeline"] = "_none"
	}
	if to.AtLeast(7, 5) {
		settings["index.final_pipeline"] = "_none"
	}
	if to.Product == cluster.OpenSearch && to.Version.AtLeast(2, 5) {
		// A refresh would wait for merges, seconds under the freeze (seen on 2.19). It
		// is read when a shard is opened.
		settings[mergeOnFlush] = false
	}
	return settings
}

// Ours gives the settings that TakenOff replaces with the source's values, to
// be put back at the end; nil where the source has none.
func Ours(d cluster.Definition, to cluster.Identity) (map[string]any, error) {
	all, err := readSettings(d.Settings)
	if err != nil {
		return nil, fmt.Errorf("read the settings of index %s: %w", d.Index, err)
	}
	ours := map[string]any{}
	for key := range TakenOff(to) {
		ours[key] = nil
	}
	for _, s := range all {
		since, ok := apartSince(s.key)
		_, off := ours[s.key]
		if !ok || !to.AtLeast(since.Major, since.Minor) || s.key == mergeOnFlush && !off {
			continue
		}
		ours[s.key] = scalar(s.value)
	}
	return ours, nil
}
