package metadata

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// renamed are parts of analysis that are known by another name only since 7.0.
func renamed() map[string]string {
	return map[string]string{
		"nGram": "ngram", "edgeNGram": "edge_ngram", "PathHierarchy": "path_hierarchy",
		"delimited_payload_filter": "delimited_payload", "htmlStrip": "html_strip",
	}
}

// analysis rewrites names of analysis parts that later versions know by
// another name only, and makes room for what they bound by a setting.
func (t *translation) analysis(all []setting) []setting {
	if !t.to.AtLeast(7, 0) {
		return all
	}
	for i, s := range all {
		switch {
		case !strings.HasPrefix(s.key, "index.analysis."):
		case strings.HasSuffix(s.key, ".type"):
			if now, old := renamed()[scalar(s.value)]; old {
				t.note(Changed, s.key, "%s is called %s now", scalar(s.value), now)
				all[i].value = quote(now)
			}
		case strings.HasSuffix(s.key, ".filter"), strings.HasSuffix(s.key, ".char_filter"):
			all[i].value = t.filters(s)
		}
	}
	all = t.bounded(all, "index.max_ngram_diff", 1, ngrams)
	return t.bounded(all, "index.max_shingle_diff", 3, shingles)
}

// filters rewrites the list of an analyzer's filters.
func (t *translation) filters(s setting) json.RawMessage {
	var names []string
	if json.Unmarshal(s.value, &names) != nil {
		names = []string{scalar(s.value)}
	}
	changed := false
	kept := []json.RawMessage{}
	for _, name := range names {
		now, old := renamed()[name]
		switch {
		case name == "standard":
			changed = true
			t.note(Dropped, s.key, "the filter standard, which did nothing, is gone since 7.0")
			continue
		case old:
			changed = true
			t.note(Changed, s.key, "%s is called %s now", name, now)
			name = now
		}
		kept = append(kept, quote(name))
	}
	if !changed {
		return s.value
	}
	return array(kept)
}

// bounded adds a setting that newer engines want where an analyzer goes beyond
// its standard.
func (t *translation) bounded(all []setting, key string, standard int, width func(part map[string]string) int) []setting {
	if slices.ContainsFunc(all, func(s setting) bool { return s.key == key }) {
		return all
	}
	widest := standard
	for _, part := range parts(all) {
		widest = max(widest, width(part))
	}
	if widest == standard {
		return all
	}
	t.note(Changed, key, "set to %d, which an analyzer of the index needs since 7.0", widest)
	return append(all, setting{key, quote(strconv.Itoa(widest))})
}

// parts gives the settings of each tokenizer and filter.
func parts(all []setting) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, s := range all {
		words := strings.SplitN(strings.TrimPrefix(s.key, "index.analysis."), ".", 3)
		if len(words) < 3 || words[0] != "tokenizer" && words[0] != "filter" {
			continue
		}
		name := words[0] + "." + words[1]
		if out[name] == nil {
			out[name] = map[string]string{}
		}
		out[name][words[2]] = scalar(s.value)
	}
	return out
}

func ngrams(part map[string]string) int {
	if part["type"] != "ngram" {
		return 0
	}
	return number(part["max_gram"], 2) - number(part["min_gram"], 1)
}

func shingles(part map[string]string) int {
	if part["type"] != "shingle" {
		return 0
	}
	width := number(part["max_shingle_size"], 2) - number(part["min_shingle_size"], 2)
	if part["output_unigrams"] != "false" {
		width++
	}
	return width
}

func number(text string, standard int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return standard
	}
	return n
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

// room raises the bound on fields that engines have since 5.0 where an index of
// before has more.
func (t *translation) room(settings, mappings json.RawMessage) json.RawMessage {
	const standard = 1000
	n := countFields(mappings)
	if n <= standard || t.from.AtLeast(5, 0) || !t.to.AtLeast(5, 0) {
		return settings
	}
	const key = "index.mapping.total_fields.limit"
	all, err := readSettings(settings)
	if err != nil || slices.ContainsFunc(all, func(s setting) bool { return s.key == key }) {
		return settings
	}
	t.note(Changed, key, "set to %d: the index has %d fields, and %d are the bound since 5.0", n+standard, n, standard)
	return writeSettings(append(all, setting{key, json.RawMessage(strconv.Itoa(n + standard))}))
}

// countFields counts what a mapping declares, to any depth.
func countFields(raw json.RawMessage) int {
	o, err := readObject(raw)
	if err != nil {
		return 0
	}
	n := 0
	for _, m := range o.members {
		inner, err := readObject(m.value)
		if err != nil || !isObject(m.value) {
			continue
		}
		if m.key == "properties" || m.key == "fields" {
			n += len(inner.members)
		}
		n += countFields(m.value)
	}
	return n
}
