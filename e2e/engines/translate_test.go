package engines_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/lab"
	"esferry/internal/metadata"
)

// sample is an index as users of an engine define it, with a document that its
// translation has to take.
type sample struct {
	name, body string
	// typ that the document is written under, where there are types.
	typ, doc string
	// obstacle is a word of the one that stops it on some targets.
	obstacle string
	// module is what an engine says whose distribution leaves a module out.
	module string
}

// held is what was read of an engine, and outlives it.
type held struct {
	samples     []sample
	definitions map[string]cluster.Definition
	shelf       shelf
}

// shelf is an engine's metadata, read before it was stopped.
type shelf struct {
	identity cluster.Identity
	all      map[cluster.MetadataKind]map[string]json.RawMessage
}

func (s shelf) Identity() cluster.Identity { return s.identity }

func (s shelf) ListMetadata(_ context.Context, kind cluster.MetadataKind) (map[string]json.RawMessage, error) {
	return s.all[kind], nil
}

func (s shelf) PutMetadata(context.Context, cluster.MetadataKind, string, json.RawMessage) error {
	return errors.New("a shelf is only read")
}

// hold makes the engine's samples, and reads them as esferry does.
func (r *rung) hold(t *testing.T) {
	t.Helper()
	r.samples, r.definitions = samples()[r.lab.Engine], map[string]cluster.Definition{}
	for _, s := range r.samples {
		r.want(t, http.StatusOK, http.MethodPut, "/"+s.name, s.body)
		if s.doc != "" {
			r.want(t, http.StatusCreated, http.MethodPut, "/"+s.name+"/"+r.typ(s.typ)+"/1?refresh=true", s.doc)
		}
		d, err := r.api.Definition(t.Context(), s.name)
		if err != nil {
			t.Fatal(err)
		}
		r.definitions[s.name] = d
	}
	for _, own := range shelves()[r.lab.Engine] {
		r.want(t, http.StatusOK, http.MethodPut, own.path, own.body)
	}
	r.shelf = shelf{r.api.Identity(), map[cluster.MetadataKind]map[string]json.RawMessage{}}
	for _, kind := range metadata.Kinds() {
		all, err := r.api.ListMetadata(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		r.shelf.all[kind] = all
	}
	streams, err := r.api.DataStreams(t.Context())
	if want := r.lab.Engine == lab.OS219; err != nil || (len(streams) == 1) != want || want && (streams[0].Name != "two-events" || len(streams[0].Indices) != 1) {
		t.Errorf("%s: got data streams %v (%v), want two-events of %s alone", r.lab.Engine, streams, err, lab.OS219)
	}
	if weekly := r.shelf.all[cluster.LifecyclePolicy]["weekly"]; weekly != nil {
		// The one engine of the lab that has policies takes what it gave.
		if err := r.api.PutMetadata(t.Context(), cluster.LifecyclePolicy, "weekly-too", weekly); err != nil {
			t.Error(err)
		}
	} else if r.lab.Engine == lab.ES68 {
		t.Error("the policy was not read")
	}
}

// accepts gives the engine everything that was read of another one, translated,
// and wants it to take it, and to hold it then as it was meant.
func (r *rung) accepts(t *testing.T, from *rung) {
	t.Helper()
	for _, s := range from.samples {
		r.acceptsIndex(t, from, s)
	}
	pieces, err := metadata.Survey(t.Context(), from.shelf, r.api)
	if err != nil {
		t.Fatal(err)
	}
	if err := metadata.Apply(t.Context(), r.api, pieces, metadata.ApplyOptions{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if p.Outcome == metadata.Refused || len(metadata.Obstacles(p.Notes)) > 0 {
			t.Errorf("%s to %s: %s %s: %v", from.lab.Engine, r.lab.Engine, p.Kind, p.Name, p.Notes)
		}
	}
	if pieces, err = metadata.Survey(t.Context(), from.shelf, r.api); err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if p.Verdict == metadata.Missing || p.Verdict == metadata.Differs {
			t.Errorf("%s to %s: %s %s is %s once it is carried: %v", from.lab.Engine, r.lab.Engine, p.Kind, p.Name, p.Verdict, p.Differences)
		}
	}
	r.clear(t, pieces)
}

// clear takes off what was carried, so that each source is tried by itself.
func (r *rung) clear(t *testing.T, pieces []metadata.Piece) {
	t.Helper()
	paths := map[cluster.MetadataKind]string{
		cluster.LegacyTemplate: "/_template/", cluster.IndexTemplate: "/_index_template/", cluster.ComponentTemplate: "/_component_template/",
		cluster.IngestPipeline: "/_ingest/pipeline/", cluster.LifecyclePolicy: "/_ilm/policy/",
	}
	for _, kind := range []cluster.MetadataKind{cluster.LegacyTemplate, cluster.IndexTemplate, cluster.ComponentTemplate, cluster.IngestPipeline, cluster.LifecyclePolicy} {
		for _, p := range pieces {
			if p.Kind == kind && p.Verdict == metadata.Same {
				r.want(t, http.StatusOK, http.MethodDelete, paths[kind]+p.Name, "")
			}
		}
	}
}

func (r *rung) acceptsIndex(t *testing.T, from *rung, s sample) {
	t.Helper()
	source, target := from.api.Identity(), r.api.Identity()
	d := from.definitions[s.name]
	translated, notes := metadata.Translate(d, source, target)
	if stops := metadata.Obstacles(notes); len(stops) > 0 {
		if s.obstacle == "" || !strings.Contains(stops[0].String(), s.obstacle) {
			t.Errorf("%s of %s to %s: %v", s.name, source, target, stops)
		}
		return
	}
	body, err := metadata.CreateBody(translated, metadata.TakenOff(target))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.api.CreateIndex(t.Context(), s.name, body); err != nil && r.stripped() && s.module != "" && strings.Contains(err.Error(), s.module) {
		return
	} else if err != nil {
		t.Errorf("%s of %s to %s: %v\n%s", s.name, source, target, err, body)
		return
	}
	// One of several types, or the only one that the translation left.
	typ := translated.Type
	if typ == "" {
		typ = s.typ
	}
	if s.doc == "" {
		// A child is written with its parent.
	} else if status, answer := r.ask(t, http.MethodPut, "/"+s.name+"/"+r.typ(typ)+"/1?refresh=true", s.doc); status != http.StatusCreated {
		t.Errorf("%s of %s to %s: the document is refused: %s", s.name, source, target, answer)
	}
	there, err := r.api.Definition(t.Context(), s.name)
	if err != nil {
		t.Fatal(err)
	}
	there.Aliases = d.Aliases // these come at the switch
	if p := metadata.Index(d, source, target, metadata.OnTarget{Name: s.name, Definition: &there, Filling: true}); p.Verdict != metadata.Same {
		t.Errorf("%s of %s to %s: %s once it is made: %v", s.name, source, target, p.Verdict, p.Differences)
	}
	if err := r.api.DeleteIndex(t.Context(), s.name); err != nil {
		t.Fatal(err)
	}
}

// stripped reports whether the lab has the engine in a distribution that leaves
// modules out.
func (r *rung) stripped() bool {
	return r.lab.Engine == lab.ES710 || r.api.Identity().Product == cluster.Elasticsearch && r.api.Identity().AtLeast(7, 17)
}

// samples are by the engine that they are written for.
func samples() map[lab.Engine][]sample {
	return map[lab.Engine][]sample{
		lab.ES24: {
			{
				"old-strings", `{"settings":{"number_of_shards":1,"index.mapper.dynamic":true,"analysis":{"analyzer":{"a":{"type":"custom","tokenizer":"standard","filter":["standard","lowercase"]}}}},
				"aliases":{"search":{"filter":{"term":{"k":"a"}},"routing":"1"}},
				"mappings":{"_default_":{"_all":{"enabled":false}},"doc":{"_all":{"enabled":false},"_timestamp":{"enabled":true},"_ttl":{"enabled":true},
				"dynamic_templates":[{"s":{"match":"s_*","match_mapping_type":"string","mapping":{"index":"not_analyzed","omit_norms":true}}},{"any":{"match":"x_*","mapping":{"type":"{dynamic_type}","index":"no","store":"yes"}}}],
				"properties":{"k":{"type":"string","index":"not_analyzed","ignore_above":256,"null_value":"none"},
				"t":{"type":"string","analyzer":"a","fielddata":{"format":"paged_bytes"},"include_in_all":false,"similarity":"default","norms":{"enabled":false},"fields":{"raw":{"type":"string","index":"not_analyzed","doc_values":true},"off":{"type":"string","fielddata":{"format":"disabled"}}}},
				"hidden":{"type":"string","index":"no"},"kept":{"type":"string","index":"no","doc_values":true},
				"day":{"type":"date","format":"YYYY-MM-dd HH:mm:ss||dateOptionalTime"},"when":{"type":"date"},
				"n":{"type":"long","precision_step":8,"index":"not_analyzed"},"off":{"type":"integer","index":"no"},"f":{"type":"double","fielddata":{"format":"doc_values"}},"b":{"type":"boolean"},"address":{"type":"ip"},"boosted":{"type":"string","boost":2.0},
				"place":{"type":"geo_point","lat_lon":true,"geohash":true,"geohash_prefix":true},
				"suggest":{"type":"completion","payloads":true},"people":{"type":"nested","properties":{"name":{"type":"string"}}},"bytes":{"type":"binary"}}}}}`, "doc",
				`{"k":"a","t":"quick fox","hidden":"x","kept":"y","day":"2026-01-31 10:00:00","when":"2026-01-31T10:00:00Z","n":7,"f":1.5,"b":true,"address":"10.0.0.1","place":{"lat":1,"lon":2},"people":[{"name":"x"}],"s_new":"z","x_new":"z"}`, "", "",
			},
			{"old-analysis", `{"settings":{"number_of_shards":1,"analysis":{
				"tokenizer":{"grams":{"type":"nGram","min_gram":2,"max_gram":5}},
				"filter":{"two":{"type":"shingle","min_shingle_size":2,"max_shingle_size":5}},
				"analyzer":{"a":{"type":"custom","tokenizer":"grams","filter":["standard","lowercase","nGram"]},"b":{"tokenizer":"standard","filter":["two"]}}}},
				"mappings":{"doc":{"properties":{"t":{"type":"string","analyzer":"a"},"u":{"type":"string","analyzer":"b"}}}}}`, "doc", `{"t":"quick fox","u":"quick brown fox"}`, "", "Unknown tokenizer type"},
			{"old-counts", `{"settings":{"number_of_shards":1},"mappings":{"doc":{"properties":{"words":{"type":"token_count","analyzer":"standard","precision_step":32}}}}}`, "doc", `{"words":"a b"}`, "", "type [token_count]"},
			{"old-shapes", `{"settings":{"number_of_shards":1},"mappings":{"doc":{"properties":{"shape":{"type":"geo_shape","tree":"quadtree","precision":"50m"}}}}}`, "doc", `{"shape":{"type":"point","coordinates":[1,2]}}`, "", "type [geo_shape]"},
			{"old-family", `{"settings":{"number_of_shards":1},"mappings":{"parent":{},"child":{"_parent":{"type":"parent"}}}}`, "parent", `{}`, "2 types", ""},
			{"old-child", `{"settings":{"number_of_shards":1},"mappings":{"one":{"_parent":{"type":"none"}}}}`, "one", "", "join", ""},
		},
		lab.ES56: {{
			"five", `{"settings":{"number_of_shards":1,"index.mapping.single_type":false},"mappings":{"_default_":{"dynamic":"true"},"post":{"_all":{"enabled":true},"include_in_all":false,"properties":{
			"k":{"type":"keyword","include_in_all":true},"t":{"type":"text","similarity":"classic","boost":1.5,"fielddata":true},"d":{"type":"date","format":"yyyy-MM-dd'T'HH:mm:ss||epoch_second||basicDate"},
			"r":{"type":"date_range","format":"YYYY/MM/dd"},"h":{"type":"half_float"},"c":{"type":"completion"}}}}}`, "post",
			`{"k":"a","t":"b","d":"2026-01-31T10:00:00","r":{"gte":"2026/01/01","lte":"2026/01/02"},"h":1.5}`, "", "",
		}, {"five-percolator", `{"settings":{"number_of_shards":1},"mappings":{"q":{"properties":{"q":{"type":"percolator"},"k":{"type":"keyword"},"s":{"type":"scaled_float","scaling_factor":100}}}}}`, "q", `{"q":{"term":{"k":"a"}},"s":1.25}`, "", "type ["}},
		lab.ES68: {{
			"six", `{"settings":{"number_of_shards":1,"index.routing.allocation.include.box":"","index.translog.retention.size":"1gb","analysis":{"analyzer":{"std":{"tokenizer":"standard","filter":["standard","lowercase"]}}}},
			"mappings":{"user":{"_field_names":{"enabled":true},"_routing":{"required":false},"properties":{"name":{"type":"text","analyzer":"std","boost":2},"when":{"type":"date","format":"YYYY-MM-dd||strictDateOptionalTime"},
			"alias":{"type":"alias","path":"name"},"ip":{"type":"ip_range"},"none":{"type":"object","enabled":false}}}}}`, "user",
			`{"name":"x","when":"2026-01-31","ip":"10.0.0.0/8"}`, "", "",
		}, {"six-payloads", `{"settings":{"number_of_shards":1,"analysis":{"analyzer":{"p":{"tokenizer":"standard","filter":["standard","delimited_payload_filter"]}}}},"mappings":{"user":{"properties":{"t":{"type":"text","analyzer":"p"}}}}}`, "user", `{"t":"a|1"}`, "", "failed to find filter under name"}},
		lab.ES710: {{
			"seven", `{"settings":{"number_of_shards":1,"index.hidden":true},"aliases":{"w":{"is_write_index":true,"is_hidden":true}},"mappings":{"dynamic":"strict","_field_names":{"enabled":false},"properties":{"t":{"type":"text","boost":2,"index_prefixes":{}},"n":{"type":"date_nanos"},"o":{"type":"object","enabled":false}}}}`, "",
			`{"t":"x","n":"2026-01-31T10:00:00.123456789Z"}`, "", "",
		}},
		lab.ES717: {{"seven-last", `{"settings":{"number_of_shards":1},"mappings":{"dynamic":"runtime","runtime":{"d":{"type":"long"}},"properties":{"k":{"type":"keyword"},"t":{"type":"text","boost":3}}}}`, "", `{"k":"x"}`, "", ""}},
		lab.ES819: {
			{"eight", `{"settings":{"number_of_shards":1},"mappings":{"subobjects":false,"_source":{"mode":"stored"},"properties":{"k":{"type":"keyword"},"m":{"type":"flattened","depth_limit":5}}}}`, "", `{"k":"x","m":{"a":"b"}}`, "", ""},
			{"vectors", `{"settings":{"number_of_shards":1},"mappings":{"properties":{"v":{"type":"dense_vector","dims":2}}}}`, "", `{"v":[1,2]}`, "dense_vector", ""},
		},
		lab.OS219: {{"two", `{"settings":{"number_of_shards":1},"mappings":{"properties":{"m":{"type":"flat_object"},"w":{"type":"wildcard"}}}}`, "", `{"m":{"a":"b"},"w":"x"}`, "", ""}},
	}
}

// piece is a template, pipeline or policy, and where it is put.
type piece struct{ path, body string }

// shelves are what engines hold besides indices, what others refer to first.
func shelves() map[lab.Engine][]piece {
	return map[lab.Engine][]piece{
		lab.ES24: {{"/_template/logstash", `{"template":"logstash-*","order":0,"settings":{"index.refresh_interval":"5s","index.number_of_shards":1},"mappings":{"_default_":{"_all":{"enabled":true,"omit_norms":true},
			"dynamic_templates":[{"message_field":{"match":"message","match_mapping_type":"string","mapping":{"type":"string","index":"analyzed","omit_norms":true,"fielddata":{"format":"disabled"}}}},
			{"string_fields":{"match":"*","match_mapping_type":"string","mapping":{"type":"string","index":"analyzed","omit_norms":true,"fields":{"raw":{"type":"string","index":"not_analyzed","doc_values":true,"ignore_above":256}}}}}],
			"properties":{"@timestamp":{"type":"date","doc_values":true},"@version":{"type":"string","index":"not_analyzed"},"geoip":{"type":"object","dynamic":true,"properties":{"location":{"type":"geo_point","lat_lon":true}}}}}},"aliases":{"all-logs":{}}}`}},
		lab.ES56: {
			{"/_template/five", `{"template":"five-*","mappings":{"_default_":{"dynamic":"strict"},"post":{"_all":{"enabled":false},"properties":{"a":{"type":"keyword","include_in_all":false}}}}}`},
			{"/_ingest/pipeline/five", `{"description":"x","processors":[]}`},
		},
		lab.ES68: {
			{"/_template/six", `{"index_patterns":["six-*","sechs-*"],"order":3,"version":7,"settings":{"number_of_shards":2,"index.lifecycle.name":"weekly"},"mappings":{"user":{"properties":{"when":{"type":"date","format":"YYYY-MM-dd"}}}},"aliases":{"sixes":{"filter":{"term":{"a":1}}}}}`},
			{"/_ilm/policy/weekly", `{"policy":{"phases":{"hot":{"actions":{"rollover":{"max_age":"7d"}}},"delete":{"min_age":"30d","actions":{"delete":{}}}}}}`},
		},
		lab.ES710: {
			{"/_component_template/part", `{"template":{"settings":{"number_of_replicas":1,"index.codec":"best_compression"},"mappings":{"properties":{"a":{"type":"long"}}}},"version":3,"_meta":{"by":"me"}}`},
			{"/_index_template/whole", `{"index_patterns":["whole-*"],"composed_of":["part"],"priority":200,"template":{"aliases":{"wholes":{}},"mappings":{"dynamic":"false"}}}`},
			{"/_template/seven", `{"index_patterns":["seven-*"],"mappings":{"_source":{"enabled":true}}}`},
			{"/_ingest/pipeline/seven", `{"description":"x","processors":[],"version":2}`},
		},
		lab.ES819: {{"/_index_template/eight", `{"index_patterns":["eight-*"],"data_stream":{},"allow_auto_create":true,"ignore_missing_component_templates":["none"],"composed_of":["none"],"template":{"mappings":{"properties":{"@timestamp":{"type":"date"}}}}}`}},
		lab.OS219: {{"/_index_template/two", `{"index_patterns":["two-*"],"data_stream":{"timestamp_field":{"name":"@timestamp"}},"priority":9}`}, {"/_data_stream/two-events", ""}},
	}
}
