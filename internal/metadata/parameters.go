package metadata

import (
	"slices"

	"esferry/internal/cluster"
)

// parameter is something said of a field that targets refuse.
type parameter struct {
	names []string
	// types of fields it is about; all where empty.
	types  []string
	gone   func(t *translation) bool
	reason string
}

func parameters() []parameter {
	since := func(major int) func(*translation) bool {
		return func(t *translation) bool { return t.to.AtLeast(major, 0) }
	}
	eight := func(t *translation) bool { return t.elastic(8, 0) }
	opensearch := func(t *translation) bool { return t.to.Product == cluster.OpenSearch }
	return []parameter{
		{[]string{"include_in_all"}, nil, since(6), "the field _all is gone since 6.0"},
		{[]string{"precision_step"}, nil, since(5), "numbers are indexed in another way since 5.0"},
		{[]string{"numeric_resolution"}, nil, since(5), "gone since 5.0: name the format, such as epoch_second"},
		{[]string{"index_name", "position_offset_gap", "index_analyzer", "compress", "compress_threshold"}, nil, since(5), "gone since 2.0"},
		{[]string{"path"}, []string{"", "object", "nested", "string", "text", "keyword"}, since(5), "gone since 2.0"},
		{[]string{"fielddata"}, notText(), since(5), "only text fields have it since 5.0"},
		{
			[]string{"lat_lon", "geohash", "geohash_prefix", "geohash_precision", "validate", "validate_lat", "validate_lon", "normalize", "normalize_lat", "normalize_lon", "coerce"},
			[]string{"geo_point"},
			since(5), "points are indexed in another way since 5.0",
		},
		{[]string{"payloads", "context"}, []string{"completion"}, since(5), "gone since 5.0: suggestions return the document, and contexts are declared in another way"},
		{[]string{"tree", "tree_levels", "precision", "strategy", "distance_error_pct", "points_only"}, []string{"geo_shape"}, eight, "shapes are indexed in another way since 8.0"},
		{[]string{"boost"}, nil, eight, "gone since 8.0: give the boost in the query"},
		{[]string{"time_series_dimension", "time_series_metric", "synthetic_source_keep", "on_script_error", "script"}, nil, opensearch, "OpenSearch has no such thing"},
		{[]string{"skip_list"}, nil, func(t *translation) bool { return !opensearch(t) }, "Elasticsearch has no such thing"},
	}
}

// notText lists the types of fields that had fielddata in Elasticsearch 2 and
// have doc values since.
func notText() []string {
	return []string{"keyword", "long", "integer", "short", "byte", "double", "float", "boolean", "date", "ip", "geo_point", "binary", "_parent"}
}

// parameters drops what the target refuses to be told of a field.
func (t *translation) parameters(o *object, path string) {
	typ := o.text("type")
	for _, p := range parameters() {
		if !p.gone(t) || len(p.types) > 0 && !slices.Contains(p.types, typ) {
			continue
		}
		for _, name := range p.names {
			if o.drop(name) {
				t.note(Dropped, path+"."+name, "%s", p.reason)
			}
		}
	}
	switch similarity := o.text("similarity"); {
	case similarity == "default" && t.to.AtLeast(5, 0), similarity == "classic" && t.to.AtLeast(7, 0):
		o.drop("similarity")
		t.note(Dropped, path+".similarity", "the similarity %s is gone; scores will differ", similarity)
	}
}
