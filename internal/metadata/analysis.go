package metadata

import "strings"

// analysis rewrites names of analysis parts that later versions know by
// another name only.
func (t *translation) analysis(all []setting) []setting {
	if !t.to.AtLeast(7, 0) {
		return all
	}
	for i, s := range all {
		if !strings.HasPrefix(s.key, "index.analysis.") || !strings.HasSuffix(s.key, ".type") {
			continue
		}
		for old, now := range map[string]string{"nGram": "ngram", "edgeNGram": "edge_ngram", "PathHierarchy": "path_hierarchy"} {
			if scalar(s.value) == old {
				all[i].value = quote(now)
				t.note(Changed, s.key, "%s is called %s now", old, now)
			}
		}
	}
	return all
}

// similarities drops the one that was removed: BM25 takes its place.
func (t *translation) similarities(all []setting) []setting {
	if !t.to.AtLeast(7, 0) {
		return all
	}
	for i, s := range all {
		if strings.HasPrefix(s.key, "index.similarity.") && strings.HasSuffix(s.key, ".type") && scalar(s.value) == "classic" {
			all[i].value = quote("BM25")
			t.note(Changed, s.key, "the similarity classic is gone since 7.0; scores will differ")
		}
	}
	return all
}
