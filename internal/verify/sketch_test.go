package verify_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/digest"
	"esferry/internal/verify"
)

func sketch(docs map[string]int64) *verify.Sketch {
	s := &verify.Sketch{}
	tell(s, docs)
	return s
}

// TestSketchesTellWhatDiffers holds what two sketches tell against two maps: just the
// documents in which the sides differ, however they were divided into shards, and
// after a journey as text.
func TestSketchesTellWhatDiffers(t *testing.T) {
	side := rapid.MapOfN(rapid.StringMatching(`"[a-z]{1,3}"`), rapid.Int64Range(1, 3), 0, 300)
	rapid.Check(t, func(t *rapid.T) {
		source, target := side.Draw(t, "source"), side.Draw(t, "target")
		shards := [3]map[string]int64{{}, {}, {}}
		for id, version := range target {
			shards[len(id)%3][id] = version
		}
		there := &verify.Sketch{}
		for _, s := range shards {
			text, err := sketch(s).MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			// What it held before is gone.
			part := sketch(source)
			if err := part.UnmarshalText(text); err != nil {
				t.Fatal(err)
			}
			there.Merge(part)
		}
		want := map[digest.Hash]struct{}{}
		for _, ids := range []map[string]int64{source, target} {
			for id := range ids {
				if source[id] != target[id] {
					want[keyOf(id)] = struct{}{}
				}
			}
		}
		if got, ok := verify.Keys(sketch(source), there); !ok || !maps.Equal(got, want) {
			t.Fatalf("got %d keys, %t, want %d", len(got), ok, len(want))
		}
	})
}

// TestSketchesTellOfMany has as many documents differ as may, among ten times as
// many that do not: all are told, every time. Of twice as many none is told wrongly:
// that they are too many is.
func TestSketchesTellOfMany(t *testing.T) {
	for seed := range 5 {
		f := func(differ int) (keys map[digest.Hash]struct{}, ok bool) {
			source, target := &verify.Sketch{}, &verify.Sketch{}
			for i := range 10 * differ {
				key := keyOf(fmt.Sprintf("%q", fmt.Sprint(seed, "/", i)))
				source.Add(key, digest.Document(key, 1, digest.Hash{}))
				if i >= differ {
					target.Add(key, digest.Document(key, 1, digest.Hash{}))
				}
			}
			return verify.Keys(source, target)
		}
		if keys, ok := f(verify.Sketched); !ok || len(keys) != verify.Sketched {
			t.Errorf("got %d keys, %t, want %d", len(keys), ok, verify.Sketched)
		}
		if keys, ok := f(2 * verify.Sketched); ok {
			t.Errorf("got %d keys, want to hear that they are too many", len(keys))
		}
	}
}

// TestFullSketchTravels encodes a sketch of many documents: it fits into one answer
// of a worker, beside a tally.
func TestFullSketchTravels(t *testing.T) {
	full := &verify.Sketch{}
	for i := range 200_000 {
		key := keyOf(strconv.Quote(strconv.Itoa(i)))
		full.Add(key, digest.Document(key, int64(i), key))
	}
	text, err := full.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if most := 740_000; len(text) > most {
		t.Errorf("got %d bytes, want %d at most", len(text), most)
	}
	var got verify.Sketch
	if err := got.UnmarshalText(text); err != nil || got != *full {
		t.Errorf("it is another one after its journey: %v", err)
	}
}

// FuzzSketch decodes anything: an error, or a sketch that is the same once it was
// encoded and decoded again, and whose unravelling ends.
func FuzzSketch(f *testing.F) {
	text, err := sketch(map[string]int64{`"a"`: 1, `"b"`: 2}).MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), "", "AAAA", "//8=", string(slices.Concat(text, text))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, again verify.Sketch
		if got.UnmarshalText([]byte(text)) != nil {
			return
		}
		encoded, err := got.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalText(encoded); err != nil || again != got {
			t.Errorf("%q became %q: %v", text, encoded, err)
		}
		verify.Keys(&got, &verify.Sketch{})
	})
}
