package metadata_test

import (
	"strings"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

func TestGained(t *testing.T) {
	f := func(from, to cluster.Identity, here, there, want, fields, says string) {
		t.Helper()
		mapping, names, notes, err := metadata.Gained(definition(`{}`, here), definition(`{}`, there), from, to)
		if err != nil || string(mapping) != want || strings.Join(names, " ") != fields {
			t.Errorf("got %s of %v, %v\nwant %s of %s", mapping, names, err, want, fields)
		}
		var said []string
		for _, n := range notes {
			said = append(said, n.String())
		}
		if (says == "") != (len(said) == 0) || !strings.Contains(strings.Join(said, "; "), says) {
			t.Errorf("got notes %q, want %q", said, says)
		}
	}
	const (
		a    = `{"properties":{"a":{"type":"keyword"}}}`
		ab   = `{"properties":{"a":{"type":"keyword"},"b":{"type":"scaled_float","scaling_factor":1.10}}}`
		b    = `{"properties":{"b":{"type":"scaled_float","scaling_factor":1.10}}}`
		deep = `{"properties":{"o":{"type":"nested","properties":{"x":{"type":"long"},"y":{"properties":{"z":{"type":"date"}}}}}}}`
	)
	open, seven, six, eight := openSearch(), es("7.10.2"), es("6.8.23"), es("8.19.0")
	f(open, seven, a, a, "", "", "")
	f(open, seven, a, ab, "", "", "")
	f(open, seven, ab, a, b, "b", "")
	f(open, seven, a, `{}`, a, "a", "")
	// Below what is there, and nested said again.
	f(seven, seven, deep, `{"properties":{"o":{"type":"nested","properties":{"x":{"type":"long"}}}}}`,
		`{"properties":{"o":{"properties":{"y":{"properties":{"z":{"type":"date"}}}},"type":"nested"}}}`, "o.y", "")
	// A field of fields, and a field where the other has an object's place taken.
	f(seven, seven, `{"properties":{"a":{"type":"keyword","fields":{"t":{"type":"text"}}}}}`, a, "", "", "")
	f(seven, seven, `{"properties":{"a":{"properties":{"x":{"type":"long"}}}}}`, a, "", "", "")
	// Under whatever the other's type is called.
	f(seven, six, ab, `{"doc":`+a+`}`, b, "b", "")
	f(es("6.8.23"), six, `{"user":`+ab+`}`, `{"user":`+a+`}`, b, "b", "")
	f(seven, es("5.6.16"), ab, `{"doc":`+a+`}`, b, "b", "")
	// In other words, or not at all; what was there before has nothing to say.
	f(open, eight, `{"properties":{"a":{"type":"knn_vector"},"f":{"type":"flat_object"}}}`, a, `{"properties":{"f":{"type":"flattened"}}}`, "f", "flattened")
	f(open, eight, `{"properties":{"v":{"type":"knn_vector"}}}`, a, `{"properties":{"v":{"type":"knn_vector"}}}`, "v", "obstacle")

	if _, _, _, err := metadata.Gained(definition(`{}`, `{"properties":7}`), definition(`{}`, a), open, seven); err == nil {
		t.Error("fields that are none: got no error")
	}
}
