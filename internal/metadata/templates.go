package metadata

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// definition translates a piece of its kind; what processors and policies do is
// the target's to judge.
func (t *translation) definition(kind cluster.MetadataKind, raw json.RawMessage) json.RawMessage {
	o, err := readObject(raw)
	if err != nil {
		t.note(Obstacle, "definition", "it cannot be read: %v", err)
		return raw
	}
	for _, key := range serverOwn() {
		o.drop(key)
	}
	t.composed(o)
	t.members(o, kind, "")
	switch kind {
	case cluster.IngestPipeline, cluster.LifecyclePolicy:
	case cluster.StatePolicy:
		t.statePolicy(o)
	case cluster.LegacyTemplate:
		t.patterns(o)
		t.inside(o)
	case cluster.ComponentTemplate, cluster.IndexTemplate:
		t.dataStream(o)
		inner, err := readObject(o.get("template"))
		if err != nil {
			t.note(Obstacle, "template", "it cannot be read: %v", err)
			return raw
		}
		if len(inner.members) > 0 {
			t.members(inner, kind, "template.")
			t.inside(inner)
			o.set("template", inner.encode())
		}
	}
	return o.encode()
}

// members drops what only other engines know beside what all of them do.
func (t *translation) members(o *object, kind cluster.MetadataKind, below string) {
	known := map[string]bool{
		"_meta":                              kind != cluster.IngestPipeline || t.elastic(7, 16),
		"allow_auto_create":                  t.elastic(7, 11),
		"ignore_missing_component_templates": t.elastic(8, 7),
		"deprecated":                         t.elastic(8, 12),
		"context":                            t.open(2, 16),
		"template.lifecycle":                 t.elastic(8, 11),
		"template.data_stream_options":       t.elastic(8, 19),
	}
	for _, m := range slices.Clone(o.members) {
		if yes, listed := known[below+m.key]; listed && !yes {
			o.drop(m.key)
			t.note(Dropped, below+m.key, "%s is not known to have it", t.to)
		}
	}
}

// composed takes out what an index template may be composed of and is not,
// where the target insists on all of it.
func (t *translation) composed(o *object) {
	var may, all []string
	if t.elastic(8, 7) || json.Unmarshal(o.get("ignore_missing_component_templates"), &may) != nil || json.Unmarshal(o.get("composed_of"), &all) != nil {
		return
	}
	kept := []json.RawMessage{}
	for _, name := range all {
		if slices.Contains(may, name) && !t.components[name] {
			t.note(Dropped, "composed_of", "there is no component template %s, which the target insists on", name)
			continue
		}
		kept = append(kept, quote(name))
	}
	if len(kept) < len(all) {
		o.set("composed_of", array(kept))
	}
}

// patterns writes index patterns as the target wants them: one under another
// key before 6.0, a list since.
func (t *translation) patterns(o *object) {
	pattern, several := o.get("template"), []json.RawMessage{}
	switch {
	case t.to.AtLeast(6, 0) && pattern != nil:
		o.set("index_patterns", array([]json.RawMessage{pattern}))
		o.drop("template")
	case !t.to.AtLeast(6, 0) && json.Unmarshal(o.get("index_patterns"), &several) == nil:
		if len(several) != 1 {
			t.note(Obstacle, "index_patterns", "%s takes one pattern, not %d: make a template of each by hand", t.to, len(several))
			return
		}
		o.set("template", several[0])
		o.drop("index_patterns")
	}
}

// dataStream keeps that a template makes data streams, and drops how where the
// products differ.
func (t *translation) dataStream(o *object) {
	how := o.get("data_stream")
	if how == nil || blank(how) || t.onward() {
		return
	}
	o.set("data_stream", json.RawMessage("{}"))
	t.note(Changed, "data_stream", "streams are made in the target's own way; %s was said", how)
}

// statePolicy keeps a policy from taking hold of indices by itself.
func (t *translation) statePolicy(o *object) {
	policy, err := readObject(o.get("policy"))
	if err != nil {
		t.note(Obstacle, "policy", "it cannot be read: %v", err)
		return
	}
	if attached := policy.get("ism_template"); !blank(attached) {
		t.note(Dropped, "policy.ism_template", "the policy would act on indices while they are carried; add it on the target after the cutover: %s", attached)
	}
	policy.drop("ism_template")
	o.set("policy", policy.encode())
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
func builtIn(kind cluster.MetadataKind, name string, definition json.RawMessage) bool {
	type meta struct {
		Meta struct{ Managed bool } `json:"_meta"`
	}
	var d struct {
		meta
		Policy meta
	}
	// A definition without _meta is nobody's but the user's.
	managed := json.Unmarshal(definition, &d) == nil && (d.Meta.Managed || d.Policy.Meta.Managed)
	switch {
	case managed, strings.HasPrefix(name, "."):
		return true
	case kind == cluster.LifecyclePolicy:
		// Elasticsearch 7 does not mark its own.
		return slices.Contains([]string{"logs", "metrics", "synthetics", "ml-size-based-ilm-policy", "watch-history-ilm-policy", "ilm-history-ilm-policy", "slm-history-ilm-policy"}, name)
	default:
		return slices.ContainsFunc([]string{
			"ilm-history", "slm-history", "watch-history", "xpack_monitoring_", "logstash-index-template", "security-index-template", "security_audit_log", "opendistro_",
			"ss4o_", "tenant_template", "behavioral_analytics-", "profiling-", "ecs@", "data-streams@", "data-streams-mappings", "logs@", "logs-mappings",
			"logs-settings", "metrics@", "metrics-mappings", "metrics-settings", "synthetics@", "synthetics-mappings", "synthetics-settings",
			"traces@", "search-acl-filter", "ent-search-", "elastic-connectors", "agentless",
		}, func(begin string) bool { return strings.HasPrefix(name, begin) })
	}
}
