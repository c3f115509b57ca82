package preflight

import (
	"context"
	"encoding/json"
)

// keepsSource: what the engine does not keep, or rewrites, cannot be carried
// to the byte (S3.6).
func keepsSource(_ context.Context, s Subject) (Obstacle, error) {
	settings := s.Index.Settings
	mode := settings["index.mapping.source.mode"]
	logs := settings["index.mode"] == "logsdb" || settings["index.mode"] == "time_series"
	if mode == "SYNTHETIC" || mode == "synthetic" || logs && mode == "" || settings["index.derived_source.enabled"] == "true" {
		return Obstacle{Problem: "its _source is rebuilt by the engine, so that documents would not arrive as they were", Remedy: "put it under indices.exclude and carry it by snapshot and restore"}, nil
	}
	if sourceIsKept(s.Mappings) {
		return Obstacle{}, nil
	}
	return Obstacle{Problem: "its mapping disables, filters or rebuilds _source", Remedy: "put it under indices.exclude and carry it by snapshot and restore"}, nil
}

// sourceIsKept looks at the mapping, or at each type's mapping.
func sourceIsKept(mappings json.RawMessage) bool {
	var top map[string]json.RawMessage
	if json.Unmarshal(mappings, &top) != nil {
		return true
	}
	if own, ok := top["_source"]; ok {
		return wholeSource(own)
	}
	for _, typed := range top {
		var mapping struct {
			Source json.RawMessage `json:"_source"`
		}
		if json.Unmarshal(typed, &mapping) == nil && len(mapping.Source) > 0 && !wholeSource(mapping.Source) {
			return false
		}
	}
	return true
}

func wholeSource(own json.RawMessage) bool {
	var source struct {
		Enabled            *bool
		Mode               string
		Includes, Excludes []string
	}
	if json.Unmarshal(own, &source) != nil {
		return true
	}
	return (source.Enabled == nil || *source.Enabled) && len(source.Includes) == 0 && len(source.Excludes) == 0 && source.Mode != "synthetic"
}
