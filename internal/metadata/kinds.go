package metadata

import (
	"slices"

	"esferry/internal/cluster"
)

// kind refuses or renames types of fields that the target does not have.
func (t *translation) kind(o *object, path string) {
	name := o.text("type")
	if name == "" || t.from.Product == t.to.Product {
		return
	}
	for _, s := range stands() {
		if s.product == t.to.Product && s.name == name && !t.to.Version.AtLeast(s.since.Major, s.since.Minor) {
			t.become(o, path, s)
			return
		}
	}
	if slices.Contains(foreign(t.to.Product), name) {
		t.note(Obstacle, path, "%s has no field type %s", t.to, name)
	}
}

// stand is a type of field that one product has under a name, or from a
// version on, and what stands in for it elsewhere.
type stand struct {
	// product of the target, and since when it has the type by itself.
	product string
	name    string
	since   cluster.Version
	// instead is the type that takes the same documents.
	instead string
	reason  string
}

func stands() []stand {
	never := cluster.Version{Major: 1 << 20}
	return []stand{
		{cluster.OpenSearch, "flattened", never, "flat_object", "flattened is called flat_object"},
		{cluster.OpenSearch, "match_only_text", cluster.Version{Major: 2, Minor: 12}, "text", "match_only_text is not known before 2.12; text takes more room"},
		{cluster.OpenSearch, "constant_keyword", cluster.Version{Major: 2, Minor: 14}, "keyword", "constant_keyword is not known before 2.14"},
		{cluster.OpenSearch, "wildcard", cluster.Version{Major: 2, Minor: 15}, "keyword", "wildcard is not known before 2.15; searches with wildcards are slower"},
		{cluster.OpenSearch, "version", never, "keyword", "there is no field type version; a keyword sorts by letters"},
		{cluster.OpenSearch, "counted_keyword", never, "keyword", "there is no field type counted_keyword"},
		{cluster.Elasticsearch, "flat_object", never, "flattened", "flat_object is called flattened"},
	}
}

// become gives a field its stand-in, without what was said of the old type.
func (t *translation) become(o *object, path string, s stand) {
	o.set("type", quote(s.instead))
	for _, m := range slices.Clone(o.members) {
		if keeps := m.key == "type" || m.key == "fields" || m.key == "meta" || m.key == "copy_to" || m.key == "ignore_above" && s.instead == "keyword"; !keeps {
			o.drop(m.key)
		}
	}
	t.note(Changed, path, "%s", s.reason)
}

// foreign lists field types that only the other product has.
func foreign(product string) []string {
	if product == cluster.OpenSearch {
		return []string{
			"dense_vector", "sparse_vector", "semantic_text", "histogram", "aggregate_metric_double",
			"point", "shape", "passthrough", "rank_vectors",
		}
	}
	return []string{"knn_vector", "star_tree", "derived", "semantic"}
}
