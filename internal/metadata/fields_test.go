package metadata_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

// TestFields gives one field, or what stands beside fields, to Elasticsearch 8
// unless another target is said.
func TestFields(t *testing.T) {
	f := func(from, to cluster.Identity, in, want string, notes ...string) {
		t.Helper()
		typed := in
		if !from.AtLeast(7, 0) {
			typed = `{"doc":` + in + `}`
		}
		got, found := metadata.Translate(definition(`{}`, typed), from, to)
		if string(got.Mappings) != want {
			t.Errorf("%s to %s:\ngot  %s\nwant %s", from, to, got.Mappings, want)
		}
		said := fmt.Sprint(found)
		for _, n := range notes {
			if !strings.Contains(said, n) {
				t.Errorf("%s to %s: got notes %s, want one to say %q", from, to, said, n)
			}
		}
		if len(found) != len(notes) {
			t.Errorf("%s to %s: got %d notes, want %d: %s", from, to, len(found), len(notes), said)
		}
	}
	field := func(in string) string { return `{"properties":{"f":` + in + `}}` }
	two, six, eight := es("2.4.6"), es("6.8.23"), es("8.19.0")
	f(two, eight, field(`{"type":"string","index":"no","doc_values":true}`), field(`{"type":"keyword","doc_values":true,"index":false}`), "keyword")
	f(two, eight, field(`{"type":"string","index":"not_analyzed","analyzer":"a","index_options":"docs","norms":{"enabled":true}}`), field(`{"type":"keyword","norms":true}`), "keyword")
	f(two, eight, field(`{"type":"string","null_value":"x","ignore_above":9,"fielddata":{"format":"paged_bytes"}}`), field(`{"type":"text","fielddata":true}`), "null_value", "ignore_above", "text")
	f(two, eight, field(`{"type":"string","fielddata":{"format":"disabled"},"similarity":"default"}`), field(`{"type":"text"}`), "text", "similarity")
	f(two, eight, field(`{"type":"long","index":"not_analyzed","store":"yes","precision_step":4,"fielddata":{}}`), field(`{"type":"long","store":true}`), "precision_step", "fielddata")
	f(two, eight, field(`{"type":"date","index":"no","format":"dateOptionalTime||YYYY.MM.dd'Y'"}`), field(`{"type":"date","index":false,"format":"date_optional_time||yyyy.MM.dd'Y'"}`), "yyyy")
	f(six, eight, field(`{"type":"date","format":"yyyy-MM-dd'T'HH:mmZ"}`), field(`{"type":"date","format":"yyyy-MM-dd'T'HH:mmZ"}`), "+0000")
	f(six, eight, field(`{"type":"date","format":"xxxx-'W'ww"}`), field(`{"type":"date","format":"YYYY-'W'ww"}`), "YYYY")
	f(two, eight, field(`{"type":"geo_point","lat_lon":true,"geohash":true,"coerce":true}`), field(`{"type":"geo_point"}`), "lat_lon", "geohash", "coerce")
	f(six, eight, field(`{"type":"geo_shape","tree":"quadtree","precision":"1m"}`), field(`{"type":"geo_shape"}`), "tree", "precision")
	f(six, es("7.10.2"), field(`{"type":"geo_shape","tree":"quadtree"}`), field(`{"type":"geo_shape","tree":"quadtree"}`))
	f(es("7.10.2"), eight, field(`{"type":"text","boost":2,"similarity":"classic"}`), field(`{"type":"text"}`), "boost", "similarity")
	f(es("7.10.2"), openSearch(), field(`{"type":"text","boost":2}`), field(`{"type":"text","boost":2}`))
	f(two, eight, field(`{"type":"completion","payloads":true}`), field(`{"type":"completion"}`), "payloads")
	f(two, es("5.6.16"), `{"_timestamp":{"enabled":true},"_all":{"enabled":false}}`, `{"doc":{"_all":{"enabled":false}}}`, "_timestamp")
	f(two, eight, `{"_ttl":{"enabled":true},"_all":{},"include_in_all":false}`, `{}`, "expire", "_all", "include_in_all")
	f(six, eight, `{"_field_names":{"enabled":false}}`, `{}`, "_field_names")
	f(two, eight, `{"_parent":{"type":"p"}}`, `{"_parent":{"type":"p"}}`, "join")
	f(eight, openSearch(), `{"dynamic":"runtime","runtime":{"a":{"type":"long"}},"subobjects":false,"_source":{"mode":"stored"}}`, `{"dynamic":"true"}`, "runtime", "subobjects", "new fields", "_source.mode")
	f(eight, es("8.2.0"), `{"_source":{"mode":"stored","enabled":true}}`, `{"_source":{"enabled":true}}`, "_source.mode")
	f(eight, openSearch(), field(`{"type":"version"}`), field(`{"type":"keyword"}`), "letters")
	f(eight, openSearch(), field(`{"type":"wildcard","ignore_above":5}`), field(`{"type":"wildcard","ignore_above":5}`))
	f(eight, engine(cluster.OpenSearch, "2.11.0"), field(`{"type":"wildcard","ignore_above":5}`), field(`{"type":"keyword","ignore_above":5}`), "2.15")
	f(eight, openSearch(), field(`{"type":"flattened","depth_limit":5,"meta":{}}`), field(`{"type":"flat_object","meta":{}}`), "flat_object")
	f(eight, openSearch(), field(`{"type":"long","time_series_metric":"gauge"}`), field(`{"type":"long"}`), "time_series_metric")
	f(openSearch(), eight, `{"derived":{"d":{}},"properties":{"f":{"type":"flat_object"}}}`, field(`{"type":"flattened"}`), "derived", "flattened")
	f(two, eight, `{"dynamic_templates":[{"a":{"match_mapping_type":"string","mapping":{"type":"{dynamic_type}","index":"not_analyzed"}}},{"b":{"match":"*","mapping":{"index":"no"}}}]}`,
		`{"dynamic_templates":[{"a":{"match_mapping_type":"string","mapping":{"type":"keyword"}}},{"b":{"match":"*","mapping":{"index":false}}}]}`, "keyword")
}

func TestAnalysis(t *testing.T) {
	f := func(in, want string, notes int) {
		t.Helper()
		got, found := metadata.Translate(definition(in, `{}`), es("6.8.23"), es("8.19.0"))
		if string(got.Settings) != want || len(found) != notes {
			t.Errorf("got  %s\nwant %s\nnotes %v, want %d", got.Settings, want, found, notes)
		}
	}
	f(`{"index.analysis.analyzer.a.filter":["standard","nGram"],"index.analysis.tokenizer.t.type":"nGram","index.analysis.tokenizer.t.max_gram":"7"}`,
		`{"index.analysis.analyzer.a.filter":["ngram"],"index.analysis.tokenizer.t.type":"ngram","index.analysis.tokenizer.t.max_gram":"7","index.max_ngram_diff":"6"}`, 4)
	f(`{"index.analysis.filter.s.type":"shingle","index.analysis.filter.s.max_shingle_size":"5","index.analysis.filter.s.output_unigrams":"false"}`,
		`{"index.analysis.filter.s.type":"shingle","index.analysis.filter.s.max_shingle_size":"5","index.analysis.filter.s.output_unigrams":"false"}`, 0)
	f(`{"index.max_shingle_diff":"9","index.analysis.filter.s.type":"shingle","index.analysis.filter.s.max_shingle_size":"8"}`,
		`{"index.max_shingle_diff":"9","index.analysis.filter.s.type":"shingle","index.analysis.filter.s.max_shingle_size":"8"}`, 0)
	f(`{"index.analysis.analyzer.a.filter":"standard"}`, `{"index.analysis.analyzer.a.filter":[]}`, 1)
}

func TestRoomForFields(t *testing.T) {
	var b strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&b, `"f%d":{"type":"long"},`, i)
	}
	many := `{"doc":{"properties":{` + strings.TrimSuffix(b.String(), ",") + `}}}`
	got, notes := metadata.Translate(definition(`{}`, many), es("2.4.6"), es("5.6.16"))
	if want := `{"index.mapping.total_fields.limit":2001}`; string(got.Settings) != want || len(notes) != 1 {
		t.Errorf("got %s and %d notes, want %s and one", got.Settings, len(notes), want)
	}
}

// TestTranslatedOnce: what is translated needs nothing more, for any mapping of
// fields that Elasticsearch 2 has.
func TestTranslatedOnce(t *testing.T) {
	types := rapid.SampledFrom([]string{"string", "long", "date", "geo_point", "boolean", "ip", "binary", "completion", "object"})
	part := rapid.MapOf(
		rapid.SampledFrom([]string{"index", "store", "norms", "fielddata", "format", "boost", "include_in_all", "precision_step", "similarity", "null_value", "doc_values", "lat_lon", "path"}),
		rapid.SampledFrom([]any{"no", "not_analyzed", "yes", true, map[string]any{"enabled": false}, "YYYY-MM-dd||dateOptionalTime", "default", 7}),
	)
	rapid.Check(t, func(t *rapid.T) {
		fields := map[string]any{}
		for name := range rapid.MapOf(rapid.StringMatching(`[a-z]{1,3}`), rapid.Bool()).Draw(t, "names") {
			field := part.Draw(t, "parts")
			field["type"] = types.Draw(t, "type")
			fields[name] = field
		}
		raw, err := json.Marshal(map[string]any{"doc": map[string]any{"properties": fields}})
		if err != nil {
			t.Fatal(err)
		}
		once, _ := metadata.Translate(definition(`{}`, string(raw)), es("2.4.6"), es("8.19.0"))
		twice, notes := metadata.Translate(once, es("8.19.0"), es("8.19.0"))
		if string(once.Mappings) != string(twice.Mappings) || len(notes) > 0 {
			t.Fatalf("once %s\ntwice %s\nnotes %v", once.Mappings, twice.Mappings, notes)
		}
		for _, gone := range []string{`"string"`, "include_in_all", "precision_step", "boost"} {
			if strings.Contains(string(once.Mappings), gone) {
				t.Fatalf("%s is left in %s", gone, once.Mappings)
			}
		}
	})
}
