package metadata_test

import (
	"encoding/json"
	"strings"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

func engine(product, version string) cluster.Identity {
	v, err := cluster.ParseVersion(version)
	if err != nil {
		panic(err)
	}
	return cluster.Identity{Product: product, Version: v}
}

func es(v string) cluster.Identity { return engine(cluster.Elasticsearch, v) }
func openSearch() cluster.Identity { return engine(cluster.OpenSearch, "2.19.1") }

func definition(settings, mappings string) cluster.Definition {
	return cluster.Definition{Index: "i", Settings: json.RawMessage(settings), Mappings: json.RawMessage(mappings)}
}

func TestMappings(t *testing.T) {
	f := func(from, to cluster.Identity, in, want, typ string, notes ...string) {
		t.Helper()
		got, found := metadata.Translate(definition(`{}`, in), from, to)
		if string(got.Mappings) != want || got.Type != typ {
			t.Errorf("%s to %s: got %s of type %q, want %s of type %q", from, to, got.Mappings, got.Type, want, typ)
		}
		if len(found) != len(notes) {
			t.Errorf("%s to %s: got notes %v, want %v", from, to, found, notes)
			return
		}
		for i, n := range notes {
			if !strings.Contains(found[i].String(), n) {
				t.Errorf("%s to %s: got note %q, want it to say %q", from, to, found[i], n)
			}
		}
	}
	const odd = `{ "dynamic":"strict", "properties":{"b":{"type":"long"}, "a":{"type":"scaled_float","scaling_factor":1.10}} }`
	f(es("7.10.2"), es("8.19.0"), odd, odd, "")
	f(es("7.10.2"), openSearch(), odd, odd, "")
	f(es("6.8.23"), es("8.19.0"), `{"user":`+odd+`}`, odd, "")
	f(es("6.8.23"), es("6.8.23"), `{"user":`+odd+`}`, `{"user":`+odd+`}`, "user")
	f(es("5.6.16"), es("7.10.2"), `{"_default_":{},"doc":{"_all":{"enabled":false},"properties":{"x":{"type":"text","include_in_all":false}}}}`,
		`{"properties":{"x":{"type":"text"}}}`, "", "_default_", "_all", "include_in_all")
	f(es("2.4.6"), es("7.10.2"), `{"doc":{"properties":{"k":{"type":"string","index":"not_analyzed"},"t":{"type":"string","fields":{"raw":{"type":"string","index":"no"}}}}}}`,
		`{"properties":{"k":{"type":"keyword"},"t":{"type":"text","fields":{"raw":{"type":"text","index":false}}}}}`, "", "keyword", "text", "text")
	f(es("7.10.2"), openSearch(), `{"properties":{"f":{"type":"flattened"}}}`, `{"properties":{"f":{"type":"flat_object"}}}`, "", "flat_object")
	f(es("7.17.28"), openSearch(), `{"properties":{"v":{"type":"dense_vector","dims":3}}}`, `{"properties":{"v":{"type":"dense_vector","dims":3}}}`, "", "obstacle")
	f(es("5.6.16"), es("7.10.2"), `{"a":{},"b":{}}`, `{"a":{},"b":{}}`, "", "2 types")
	f(es("7.10.2"), es("7.10.2"), `{}`, `{}`, "")
}

func TestSettings(t *testing.T) {
	in := `{"index.number_of_shards":"3","index.number_of_replicas":"1","index.refresh_interval":"30s","index.uuid":"x","index.creation_date":"1","index.version.created":"7100299",
		"index.provided_name":"i","index.blocks.write":"true","index.lifecycle.name":"p","index.routing.allocation.require.box":"hot","index.analysis.analyzer.a.type":"custom","index.codec":"best_compression","index.invented":"1"}`
	d, notes := metadata.Translate(definition(in, `{}`), es("7.10.2"), openSearch())
	if want := `{"index.number_of_shards":"3","index.analysis.analyzer.a.type":"custom","index.codec":"best_compression"}`; string(d.Settings) != want {
		t.Errorf("got %s, want %s", d.Settings, want)
	}
	if len(notes) != 4 {
		t.Errorf("got notes %v, want one each for the block, the policy, the allocation and the unknown setting", notes)
	}
	ours, err := metadata.Ours(definition(in, `{}`), openSearch())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"index.number_of_replicas": "1", "index.refresh_interval": "30s", "index.gc_deletes": nil, "index.final_pipeline": nil} {
		if got, ok := ours[key]; !ok || got != want {
			t.Errorf("%s: got %v, want %v to be put back", key, got, want)
		}
	}
	for key, want := range map[string]any{"index.number_of_shards": "3", "index.translog.durability": nil} {
		if got, err := metadata.Setting(d, key); err != nil || got != want {
			t.Errorf("%s: got %v and %v, want %v", key, got, err, want)
		}
	}
	body, err := metadata.CreateBody(d, metadata.TakenOff(openSearch()))
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Settings map[string]any }
	if err := json.Unmarshal(body, &made); err != nil {
		t.Fatal(err)
	}
	if made.Settings["index.merge_on_flush.enabled"] != "false" && made.Settings["index.merge_on_flush.enabled"] != false {
		t.Errorf("got %s, want refreshes that do not wait for merges", body)
	}
	ours, err = metadata.Ours(definition(`{"index.merge_on_flush.enabled":"true"}`, `{}`), es("8.19.0"))
	if _, ok := ours["index.merge_on_flush.enabled"]; err != nil || ok {
		t.Errorf("got %v, %v, want nothing that Elasticsearch does not know", ours, err)
	}
	if made.Settings["index.refresh_interval"] != "-1" || made.Settings["index.number_of_shards"] != "3" || made.Settings["index.gc_deletes"] != "0s" {
		t.Errorf("got %s", body)
	}
}

func TestAliasActions(t *testing.T) {
	actions, notes, err := metadata.AliasActions("new", json.RawMessage(`{"search":{"filter":{"term":{"n":1.10}},"is_write_index":true},"plain":{}}`), es("8.19.0"))
	if err != nil || len(notes) != 0 || len(actions) != 2 {
		t.Fatalf("got %s, %v, %v", actions, notes, err)
	}
	if want := `{"add":{"index":"new","alias":"search","filter":{"term":{"n":1.10}},"is_write_index":true}}`; string(actions[0]) != want {
		t.Errorf("got %s, want %s", actions[0], want)
	}
}
