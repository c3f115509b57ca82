package metadata

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// setting is one index setting, its key in full.
type setting struct {
	key   string
	value json.RawMessage
}

// readSettings reads settings, nested or flat, as a flat list in their order.
func readSettings(raw json.RawMessage) ([]setting, error) {
	return flatten(nil, "", raw)
}

func flatten(all []setting, prefix string, raw json.RawMessage) ([]setting, error) {
	o, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	for _, m := range o.members {
		key := prefix + m.key
		if isObject(m.value) {
			if all, err = flatten(all, key+".", m.value); err != nil {
				return nil, fmt.Errorf("read %s: %w", key, err)
			}
			continue
		}
		// Engines accept keys without the prefix and give them back with it.
		if !strings.HasPrefix(key, "index.") && !strings.HasPrefix(key, "archived.") {
			key = "index." + key
		}
		all = append(all, setting{key, m.value})
	}
	return all, nil
}

func writeSettings(all []setting) json.RawMessage {
	o := newObject()
	for _, s := range all {
		o.set(s.key, s.value)
	}
	return o.encode()
}

// settings translates all settings of an index or template.
func (t *translation) settings(raw json.RawMessage) json.RawMessage {
	all, err := readSettings(raw)
	if err != nil {
		t.note(Obstacle, "settings", "they cannot be read: %v", err)
		return raw
	}
	if !t.from.AtLeast(6, 0) {
		all = foldArrays(all)
	}
	kept := make([]setting, 0, len(all))
	for _, s := range all {
		if s, carried := t.setting(s); carried {
			kept = append(kept, s)
		}
	}
	return writeSettings(t.similarities(t.analysis(kept)))
}

// setting decides on one setting and gives it as the target wants it.
func (t *translation) setting(s setting) (setting, bool) {
	if !t.kept && apart(s.key) || internal(s.key) {
		return s, false
	}
	for _, reason := range []string{t.bound(s.key, s.value), t.removed(s.key)} {
		if reason != "" {
			t.note(Dropped, s.key, "%s", reason)
			return s, false
		}
	}
	switch {
	case strings.HasPrefix(s.key, "index.analysis."), strings.HasPrefix(s.key, "index.similarity."):
		return s, true
	case within(s.key, "index.lifecycle.", "index.plugins.index_state_management."):
		return s, true
	case s.key == "index.mode":
		return s, t.mode(s)
	case !t.known(s.key):
		t.note(Dropped, s.key, "%s is not known to have it", t.to)
		return s, false
	}
	return t.valued(s)
}

// valued changes a value that the target would refuse under a key it has.
func (t *translation) valued(s setting) (setting, bool) {
	v := scalar(s.value)
	switch {
	case s.key == "index.codec" && !t.hasCodec(v):
		s.value = quote("best_compression")
		t.note(Changed, s.key, "%s has no codec %s; best_compression is its smallest", t.to, v)
	case s.key == "index.shard.check_on_startup" && v == "fix" && t.to.AtLeast(7, 0):
		t.note(Dropped, s.key, "fix is gone since 7.0")
		return s, false
	case s.key == "index.query.default_field" && v == "_all" && t.to.AtLeast(6, 0):
		t.note(Dropped, s.key, "the field _all is gone since 6.0; every field is searched instead")
		return s, false
	case s.key == "index.store.type" && !slices.Contains([]string{"fs", "niofs", "mmapfs"}, v):
		t.note(Dropped, s.key, "the store %s belongs to the source; the target chooses its own", v)
		return s, false
	}
	return s, true
}

func (t *translation) hasCodec(name string) bool {
	switch name {
	case "default", "best_compression":
		return true
	case "lz4", "zlib":
		return t.open(2, 9) || t.onward()
	default:
		return t.onward()
	}
}

// mode decides on index.mode, which Elasticsearch alone has.
func (t *translation) mode(s setting) bool {
	switch v := scalar(s.value); {
	case v == "time_series" && (!t.kept || !t.onward()):
		t.note(Obstacle, s.key, "a time series index makes the ids itself and takes no versions from outside; carry it by snapshot")
	case t.onward():
		return true
	case v != "standard":
		t.note(Dropped, s.key, "%s has no index mode %s; the index will be an ordinary one", t.to, v)
	}
	return false
}

// foldArrays turns the spelling of old engines, "filter.0" and "filter.1",
// into lists: newer ones would take the keys for settings of their own and
// build an analyzer without its filters.
func foldArrays(all []setting) []setting {
	numbered := regexp.MustCompile(`^(.+)\.(\d{1,4})$`)
	lists := map[string]map[int]json.RawMessage{}
	for _, s := range all {
		if m := numbered.FindStringSubmatch(s.key); m != nil {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				continue // four digits are a number
			}
			if lists[m[1]] == nil {
				lists[m[1]] = map[int]json.RawMessage{}
			}
			lists[m[1]][n] = s.value
		}
	}
	folded := make([]setting, 0, len(all))
	done := map[string]bool{}
	for _, s := range all {
		m := numbered.FindStringSubmatch(s.key)
		if m == nil {
			folded = append(folded, s)
			continue
		}
		values, whole := inOrder(lists[m[1]])
		switch {
		case !whole:
			folded = append(folded, s)
		case !done[m[1]]:
			done[m[1]] = true
			folded = append(folded, setting{m[1], array(values)})
		}
	}
	return folded
}

func inOrder(byNumber map[int]json.RawMessage) (values []json.RawMessage, whole bool) {
	for n := range len(byNumber) {
		v, found := byNumber[n]
		if !found {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}
