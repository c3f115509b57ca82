package metadata_test

import (
	"encoding/json"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

// FuzzTranslate takes any definition from any engine to any other: what comes out
// is JSON, and translating it once more for the same engine changes nothing.
func FuzzTranslate(f *testing.F) {
	f.Add(`{"index.number_of_shards":"3","index.mapper.dynamic":"false"}`, `{"doc":{"_all":{"enabled":false},"properties":{"x":{"type":"string","index":"no"}}}}`, 0, 3)
	f.Add(`{"index.sort.field":["a"]}`, `{"properties":{"f":{"type":"flattened"},"d":{"type":"date","format":"yyyy"}}}`, 2, 3)
	f.Add(`{}`, `{"a":{"properties":{"x":{"type":"keyword"}}},"b":{}}`, 1, 2)
	f.Add(`{}`, `{"properties":null}`, 2, 3)
	f.Add(`[]`, `{"properties":{"a":{"properties":[]}}}`, 0, 2)
	engines := []cluster.Identity{es("2.4.6"), es("5.6.16"), es("7.10.2"), openSearch(), es("8.19.0")}
	f.Fuzz(func(t *testing.T, settings, mappings string, from, to int) {
		if !json.Valid([]byte(settings)) || !json.Valid([]byte(mappings)) {
			return
		}
		here, there := engines[uint(from)%uint(len(engines))], engines[uint(to)%uint(len(engines))]
		got, _ := metadata.Translate(definition(settings, mappings), here, there)
		if !json.Valid(got.Mappings) || !json.Valid(got.Settings) {
			t.Fatalf("%s to %s: got %s and %s", here, there, got.Settings, got.Mappings)
		}
		again, _ := metadata.Translate(got, there, there)
		if string(again.Mappings) != string(got.Mappings) && !there.Typed() {
			t.Errorf("%s to %s: got %s, then %s", here, there, got.Mappings, again.Mappings)
		}
		if body, err := metadata.CreateBody(got, metadata.TakenOff(there)); err == nil && !json.Valid(body) {
			t.Errorf("%s to %s: got the body %s", here, there, body)
		}
		_, _ = metadata.Ours(definition(settings, mappings), there) //nolint:errcheck // an error is as good as an answer
	})
}
