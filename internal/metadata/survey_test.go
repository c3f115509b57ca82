package metadata_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

// shelf is an engine's policies, templates and pipelines.
type shelf struct {
	identity cluster.Identity
	all      map[cluster.MetadataKind]map[string]json.RawMessage
	// denied is a kind that the user may not read.
	denied cluster.MetadataKind
}

func (s *shelf) Identity() cluster.Identity { return s.identity }

func (s *shelf) ListMetadata(_ context.Context, kind cluster.MetadataKind) (map[string]json.RawMessage, error) {
	if kind == s.denied {
		return nil, &cluster.Error{Status: 403, Type: "security_exception", Reason: "no privilege"}
	}
	if !s.identity.HasMetadata(kind) {
		return nil, nil
	}
	if s.all[kind] == nil {
		return map[string]json.RawMessage{}, nil
	}
	return s.all[kind], nil
}

func (s *shelf) PutMetadata(_ context.Context, kind cluster.MetadataKind, name string, definition json.RawMessage) error {
	if strings.Contains(string(definition), "refuse me") {
		return &cluster.Error{Status: 400, Reason: "no such processor"}
	}
	if s.all[kind] == nil {
		s.all[kind] = map[string]json.RawMessage{}
	}
	s.all[kind][name] = definition
	return nil
}

// kept builds a shelf of "KIND NAME" and definitions.
func kept(identity cluster.Identity, definitions map[string]string) *shelf {
	s := &shelf{identity: identity, all: map[cluster.MetadataKind]map[string]json.RawMessage{}}
	for key, body := range definitions {
		kind, name, _ := strings.Cut(key, " ")
		k := cluster.MetadataKind(kind)
		if s.all[k] == nil {
			s.all[k] = map[string]json.RawMessage{}
		}
		s.all[k][name] = json.RawMessage(body)
	}
	return s
}

// surveyed carries from one shelf to another and gives each piece in a line:
// kind, name, verdict, outcome.
func surveyed(t *testing.T, source, target *shelf, o metadata.ApplyOptions) ([]string, []metadata.Piece) {
	t.Helper()
	pieces, err := metadata.Survey(t.Context(), source, target)
	if err != nil {
		t.Fatal(err)
	}
	if err := metadata.Apply(t.Context(), target, pieces, o); err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(pieces))
	for i, p := range pieces {
		lines[i] = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", p.Kind, p.Name, p.Verdict, p.Outcome))
	}
	return lines, pieces
}

func TestApplyOverwritesOnlyWhenTold(t *testing.T) {
	source := kept(es("7.10.2"), map[string]string{
		"template mine":                        `{"index_patterns":["logs-*"],"settings":{"index.number_of_shards":"2"},"mappings":{"properties":{"a":{"type":"long"}}},"aliases":{}}`,
		"template changed":                     `{"index_patterns":["x"]}`,
		"template .watches":                    `{}`,
		"index_template built":                 `{"index_patterns":["b"],"_meta":{"managed":true}}`,
		"ingest_pipeline good":                 `{"processors":[]}`,
		"ingest_pipeline bad":                  `{"processors":["refuse me"]}`,
		"ilm_policy weekly":                    `{"policy":{"phases":{}}}`,
		"ilm_policy metrics":                   `{"policy":{"phases":{}}}`,
		"component_template shared":            `{"template":{"settings":{"number_of_replicas":1}}}`,
		"component_template search-acl-filter": `{"template":{}}`,
	})
	target := kept(openSearch(), map[string]string{
		"template changed":          `{"index_patterns":["y"]}`,
		"component_template shared": `{"template":{"settings":{"index":{"number_of_replicas":"1"}}},"version":null}`,
	})
	f := func(what string, o metadata.ApplyOptions, want ...string) []metadata.Piece {
		t.Helper()
		got, pieces := surveyed(t, source, target, o)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return pieces
	}
	first := []string{
		"ilm_policy weekly not_carried", "ingest_pipeline bad missing refused", "ingest_pipeline good missing created",
		"component_template shared same", "template changed differs kept", "template mine missing created",
	}
	f("dry run", metadata.ApplyOptions{DryRun: true}, strings.Split(strings.Replace(strings.Join(first, "|"), "refused", "created", 1), "|")...)
	pieces := f("apply", metadata.ApplyOptions{}, first...)
	if d := pieces[4].Differences; len(d) != 1 || d[0].String() != `index_patterns: ["x"] here, ["y"] on the target` {
		t.Errorf("got differences %v, want the pattern", d)
	}
	if notes := metadata.Tell(pieces); len(notes) != 3 || !strings.Contains(notes[0].Reason, "state management") || !strings.Contains(notes[1].Reason, "no such processor") || !strings.Contains(notes[2].Reason, "stays") {
		t.Errorf("got notes %v, want the policy, the refused pipeline and the template that stays", notes)
	}
	f("overwrite", metadata.ApplyOptions{Overwrite: true},
		"ilm_policy weekly not_carried", "ingest_pipeline bad missing refused", "ingest_pipeline good same",
		"component_template shared same", "template changed differs overwritten", "template mine same")
	if there := target.all[cluster.LegacyTemplate]; string(there["changed"]) != `{"index_patterns":["x"]}` || there[".watches"] != nil {
		t.Errorf("got %s", there)
	}
}

func TestDataStreamsOfTemplates(t *testing.T) {
	f := func(here, there string, want metadata.Verdict) {
		t.Helper()
		source := kept(es("8.19.0"), map[string]string{"index_template t": here})
		target := kept(openSearch(), map[string]string{"index_template t": there})
		if _, pieces := surveyed(t, source, target, metadata.ApplyOptions{DryRun: true}); pieces[0].Verdict != want {
			t.Errorf("%s and %s: got %s %v, want %s", here, there, pieces[0].Verdict, pieces[0].Differences, want)
		}
	}
	f(`{"data_stream":{"hidden":false}}`, `{"data_stream":{"timestamp_field":{"name":"@timestamp"}}}`, metadata.Same)
	f(`{"data_stream":{}}`, `{}`, metadata.Differs)
	f(`{"data_stream":{}}`, `{"data_stream":{"timestamp_field":{"name":"when"}}}`, metadata.Differs)
}

func TestWhatMayNotBeRead(t *testing.T) {
	f := func(source, target cluster.MetadataKind, want ...string) {
		t.Helper()
		from := kept(es("7.17.28"), map[string]string{"ingest_pipeline p": `{}`, "template t": `{"index_patterns":["t"]}`})
		to := kept(es("8.19.0"), nil)
		from.denied, to.denied = source, target
		got, _ := surveyed(t, from, to, metadata.ApplyOptions{})
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("without %s here and %s there: got %q, want %q", source, target, got, want)
		}
	}
	f(cluster.IngestPipeline, "", "ingest_pipeline * not_carried", "template t missing created")
	f("", cluster.IngestPipeline, "ingest_pipeline p not_carried", "template t missing created")
}

func TestDefinitions(t *testing.T) {
	f := func(from, to cluster.Identity, kind, in, want string, notes ...string) {
		t.Helper()
		source, target := kept(from, map[string]string{kind + " one": in, "ilm_policy weekly": `{"policy":{}}`}), kept(to, nil)
		_, pieces := surveyed(t, source, target, metadata.ApplyOptions{})
		var found []metadata.Note
		for _, p := range pieces {
			if p.Name == "one" {
				found = p.Notes
			}
		}
		if got := string(target.all[cluster.MetadataKind(kind)]["one"]); got != want {
			t.Errorf("%s of %s to %s:\ngot  %s\nwant %s", kind, from, to, got, want)
		}
		if len(found) != len(notes) {
			t.Errorf("%s of %s to %s: got notes %v, want %q", kind, from, to, found, notes)
			return
		}
		for i, n := range notes {
			if !strings.Contains(found[i].String(), n) {
				t.Errorf("%s of %s to %s: got note %q, want it to say %q", kind, from, to, found[i], n)
			}
		}
	}
	f(es("2.4.6"), es("7.10.2"), "template", `{"order":0,"template":"l-*","settings":{},"mappings":{"_default_":{"_all":{"enabled":false},"dynamic_templates":[{"s":{"match":"*","match_mapping_type":"string","mapping":{"index":"not_analyzed","omit_norms":true}}}]}}}`,
		`{"order":0,"settings":{},"mappings":{"dynamic_templates":[{"s":{"match":"*","match_mapping_type":"string","mapping":{"type":"keyword","norms":false}}}]},"index_patterns":["l-*"]}`, "_all", "keyword")
	f(es("5.6.16"), es("6.8.23"), "template", `{"template":"l-*","mappings":{"_default_":{"dynamic":"strict","properties":{"a":{"type":"long"}}},"doc":{"properties":{"b":{"type":"date"}}}}}`,
		`{"mappings":{"doc":{"dynamic":"strict","properties":{"a":{"type":"long"},"b":{"type":"date"}}}},"index_patterns":["l-*"]}`)
	f(es("5.6.16"), es("6.8.23"), "template", `{"template":"l-*","mappings":{"a":{},"b":{}}}`, ``, "2 types")
	f(es("6.8.23"), es("5.6.16"), "template", `{"index_patterns":["l-*"]}`, `{"template":"l-*"}`)
	f(es("6.8.23"), es("5.6.16"), "template", `{"index_patterns":["l-*","m"]}`, ``, "not 2")
	f(es("8.19.0"), openSearch(), "index_template", `{"index_patterns":["l"],"template":{"lifecycle":{"enabled":true},"settings":{"index.lifecycle.name":"weekly"}},"data_stream":{"hidden":false},"allow_auto_create":true,"priority":7}`,
		`{"index_patterns":["l"],"template":{"settings":{}},"data_stream":{},"priority":7}`, "allow_auto_create", "hidden", "template.lifecycle", "index.lifecycle.name")
	f(es("8.19.0"), openSearch(), "index_template", `{"index_patterns":["l"],"composed_of":["gone"],"ignore_missing_component_templates":["gone"]}`,
		`{"index_patterns":["l"],"composed_of":[]}`, "composed_of", "ignore_missing")
	f(es("7.17.28"), es("8.19.0"), "index_template", `{"index_patterns":["l"],"template":{"settings":{"index.lifecycle.name":"weekly"}}}`,
		`{"index_patterns":["l"],"template":{"settings":{"index.lifecycle.name":"weekly"}}}`)
	f(es("7.17.28"), es("8.19.0"), "index_template", `{"index_patterns":["l"],"template":{"settings":{"index.lifecycle.name":"lost"}}}`,
		`{"index_patterns":["l"],"template":{"settings":{}}}`, "no lifecycle policy lost")
	f(es("8.19.0"), openSearch(), "ingest_pipeline", `{"processors":[],"_meta":{"a":1}}`, `{"processors":[]}`, "_meta")
	f(openSearch(), openSearch(), "ism_policy", `{"policy":{"default_state":"hot","ism_template":[{"index_patterns":["l-*"]}]}}`, `{"policy":{"default_state":"hot"}}`, "ism_template")
	f(es("7.10.2"), es("6.8.23"), "index_template", `{"index_patterns":["l"]}`, ``, "has no index_template")
}

func TestShadowedTemplates(t *testing.T) {
	f := func(own, theirs string, want bool) {
		t.Helper()
		source := kept(es("7.10.2"), map[string]string{"template t": fmt.Sprintf(`{"index_patterns":[%q]}`, own)})
		target := kept(es("8.19.0"), map[string]string{"index_template built": fmt.Sprintf(`{"index_patterns":["zzz",%q],"_meta":{"managed":true}}`, theirs)})
		_, pieces := surveyed(t, source, target, metadata.ApplyOptions{})
		if got := len(pieces[0].Notes) == 1 && pieces[0].Notes[0].Level == metadata.Shadowed; got != want {
			t.Errorf("%s under %s: got notes %v, want one %t", own, theirs, pieces[0].Notes, want)
		}
	}
	f("logs-*", "logs-*-*", true)
	f("logs-2026", "logs-*-*", false)
	f("*", "logs-*-*", true)
	f("*-a", "b-*", true)
	f("a*", "b*", false)
	f("users", "users", true)
}
