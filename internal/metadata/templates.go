package metadata

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// Cluster is what Carry asks of an engine.
type Cluster interface {
	Identity() cluster.Identity
	ListMetadata(ctx context.Context, kind cluster.MetadataKind) (map[string]json.RawMessage, error)
	PutMetadata(ctx context.Context, kind cluster.MetadataKind, name string, definition json.RawMessage) error
}

// Carry creates ingest pipelines and templates that the target lacks, what
// others refer to first. Nothing that is there is overwritten: where it
// differs, a Note says so. What an engine keeps for itself is left alone.
func Carry(ctx context.Context, source, target Cluster) ([]Note, error) {
	var notes []Note
	for _, kind := range []cluster.MetadataKind{cluster.IngestPipeline, cluster.ComponentTemplate, cluster.IndexTemplate, cluster.LegacyTemplate} {
		here, err := source.ListMetadata(ctx, kind)
		if err != nil {
			return notes, err
		}
		there, err := target.ListMetadata(ctx, kind)
		if err != nil {
			return notes, err
		}
		for _, name := range names(here) {
			found, err := carryOne(ctx, source.Identity(), target, kind, name, here[name], there[name])
			if notes = append(notes, found...); err != nil {
				return notes, err
			}
		}
	}
	return notes, nil
}

func carryOne(ctx context.Context, from cluster.Identity, target Cluster, kind cluster.MetadataKind, name string, here, there json.RawMessage) ([]Note, error) {
	if builtIn(name, here) {
		return nil, nil
	}
	to := target.Identity()
	t := &translation{where: fmt.Sprintf("%s %s", kind, name), from: from, to: to, kept: true}
	body := t.definition(kind, here)
	switch {
	case !to.HasMetadata(kind):
		t.note(Dropped, "template", "%s has no %s", to, kind)
		return t.notes, nil
	case len(Obstacles(t.notes)) > 0:
		return t.notes, nil
	case there != nil:
		if !sameJSON(body, there) {
			return []Note{{Level: Dropped, Where: t.where, Path: "definition", Reason: "the target has another one of this name, which stays"}}, nil
		}
		return nil, nil
	}
	err := target.PutMetadata(ctx, kind, name, body)
	if cluster.BadRequest(err) {
		// A template that the target refuses stops no document.
		t.note(Dropped, "definition", "the target refuses it: %v", err)
		return t.notes, nil
	}
	return t.notes, err
}

// definition translates a template's settings and mappings; a pipeline's
// processors are the target's to judge.
func (t *translation) definition(kind cluster.MetadataKind, raw json.RawMessage) json.RawMessage {
	o, err := readObject(raw)
	if err != nil {
		t.note(Obstacle, "definition", "it cannot be read: %v", err)
		return raw
	}
	switch kind {
	case cluster.IngestPipeline:
		return raw
	case cluster.LegacyTemplate:
		if t.from.AtLeast(6, 0) {
			t.inside(o)
			return o.encode()
		}
		// Before 6.0 a template had one pattern, under another key.
		if pattern := o.get("template"); pattern != nil {
			o.set("index_patterns", array([]json.RawMessage{pattern}))
			o.drop("template")
		}
		t.inside(o)
	case cluster.ComponentTemplate, cluster.IndexTemplate:
		inner, err := readObject(o.get("template"))
		if err != nil {
			t.note(Obstacle, "template", "it cannot be read: %v", err)
			return raw
		}
		if len(inner.members) > 0 {
			t.inside(inner)
			o.set("template", inner.encode())
		}
	}
	return o.encode()
}

func (t *translation) inside(o *object) {
	if settings := o.get("settings"); settings != nil {
		o.set("settings", t.settings(settings))
	}
	if mappings := o.get("mappings"); mappings != nil && string(bytes.TrimSpace(mappings)) != "{}" {
		translated, _ := t.mappings(mappings)
		o.set("mappings", translated)
	}
}

// builtIn reports what an engine brings along and maintains itself.
func builtIn(name string, definition json.RawMessage) bool {
	var d struct {
		Meta struct{ Managed bool } `json:"_meta"`
	}
	// A definition without _meta is nobody's but the user's.
	managed := json.Unmarshal(definition, &d) == nil && d.Meta.Managed
	return managed || strings.HasPrefix(name, ".") || slices.ContainsFunc(
		[]string{"logs", "metrics", "synthetics", "traces", "ilm-history", "slm-history", "watch-history", "logstash-index-template", "security-index-template", "security_audit_log", "opendistro", "ss4o_", "tenant_template", "behavioral_analytics", "profiling", "ecs@", "data-streams", "search-acl", "ent-search", "elastic-connectors", "agentless", "deprecation-indexing"},
		func(prefix string) bool {
			return name == prefix || strings.HasPrefix(name, prefix+"-") && strings.HasSuffix(prefix, "history") || strings.HasPrefix(name, prefix+"@") || strings.HasSuffix(prefix, "_") && strings.HasPrefix(name, prefix)
		})
}

// sameJSON compares without regard to order and spelling.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

func names(all map[string]json.RawMessage) []string {
	out := make([]string, 0, len(all))
	for name := range all {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
