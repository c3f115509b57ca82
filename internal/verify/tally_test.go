package verify_test

import (
	"fmt"
	"maps"
	"math"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/digest"
	"esferry/internal/verify"
)

// teller is a Tally or a Sketch.
type teller interface {
	Add(key, document digest.Hash)
}

// tell tells of documents: id to version.
func tell(to teller, docs map[string]int64) {
	for id, version := range docs {
		key := keyOf(id)
		to.Add(key, digest.Document(key, version, digest.Hash{}))
	}
}

func tally(docs map[string]int64) *verify.Tally {
	t := &verify.Tally{}
	tell(t, docs)
	return t
}

func keyOf(id string) digest.Hash {
	var h digest.Hasher
	return h.Key(&batch.Doc{ID: []byte(id)})
}

// TestTalliesDifferWhereDocumentsDo holds the partitions that differ against
// two maps: every document in which the sides differ lies in one of them, and
// where none does there are none. How the documents were divided into shards
// makes no difference.
func TestTalliesDifferWhereDocumentsDo(t *testing.T) {
	side := rapid.MapOfN(rapid.StringMatching(`"[a-z]{1,3}"`), rapid.Int64Range(1, 3), 0, 200)
	rapid.Check(t, func(t *rapid.T) {
		source := side.Draw(t, "source")
		target := maps.Clone(source)
		for id, version := range rapid.MapOfN(rapid.StringMatching(`"[a-z]{1,3}"`), rapid.Int64Range(0, 3), 0, 5).Draw(t, "changes") {
			if target[id] = version; version == 0 {
				delete(target, id)
			}
		}
		shards := [3]map[string]int64{{}, {}, {}}
		for id, version := range target {
			shards[len(id)%3][id] = version
		}
		whole := &verify.Tally{}
		for _, s := range shards {
			whole.Merge(tally(s))
		}
		here := tally(source)
		found, differ := verify.Differing(here, whole), 0
		for _, ids := range []map[string]int64{source, target} {
			for id := range ids {
				if source[id] == target[id] {
					continue
				}
				if differ++; !found.Holds(keyOf(id)) {
					t.Fatalf("document %s differs, and its partition does not", id)
				}
			}
		}
		if (differ == 0) != (found.Len() == 0) || found.Len() > differ {
			t.Fatalf("%d documents differ, and %d partitions", differ, found.Len())
		}
		if equal := here.Sum() == whole.Sum(); equal != (differ == 0) {
			t.Fatalf("%d documents differ, and the sums are equal: %t", differ, equal)
		}
	})
}

// TestSampleIsItsShare takes shares of many keys: about as many, the same each
// time, and those of a smaller share among those of a larger one.
func TestSampleIsItsShare(t *testing.T) {
	const docs = 20000
	f := func(share float64) {
		t.Helper()
		s, larger := verify.NewSample(share), verify.NewSample(math.Min(1, 2*share))
		got := 0
		for i := range docs {
			key := keyOf(fmt.Sprintf("%q", fmt.Sprint("document ", i)))
			if !s.Holds(key) {
				continue
			}
			if got++; !larger.Holds(key) {
				t.Fatalf("document %d is in the sample of %v and not in that of twice as many", i, share)
			}
		}
		if want := share * docs; math.Abs(float64(got)-want) > 5*math.Sqrt(want) {
			t.Errorf("%v of %d documents: got %d, want about %.0f", share, docs, got, want)
		}
	}
	f(0)
	f(0.01)
	f(0.3)
	f(1)
}

// TestTalliesTravel encodes a tally and decodes it again: nothing differs.
func TestTalliesTravel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := tally(rapid.MapOfN(rapid.StringMatching(`"[a-z]{1,4}"`), rapid.Int64(), 0, 300).Draw(t, "documents"))
		text, err := sent.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		// What it held before is gone.
		got := tally(map[string]int64{`"before"`: 1})
		if err := got.UnmarshalText(text); err != nil {
			t.Fatal(err)
		}
		if *got != *sent || got.Sum() != sent.Sum() {
			t.Errorf("got %v, want %v", got.Sum(), sent.Sum())
		}
	})
}

// FuzzTally decodes anything: an error, or a tally that is the same once it was
// encoded and decoded again.
func FuzzTally(f *testing.F) {
	text, err := tally(map[string]int64{`"a"`: 1, `"b"`: 2}).MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("")
	f.Add("AAAA")
	f.Add("//8=")
	f.Fuzz(func(t *testing.T, text string) {
		var got, again verify.Tally
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
	})
}
