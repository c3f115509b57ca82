package bucket_test

import (
	"testing"

	"pgregory.net/rapid"

	"esferry/snapshotpath/bucket"
)

func TestDiff(t *testing.T) {
	source := []bucket.Object{
		{Key: "index-3", Size: 10},
		{Key: "index-12", Size: 11},
		{Key: "index.latest", Size: 8},
		{Key: "snap-x.dat", Size: 5},
		{Key: "meta-x.dat", Size: 5},
		{Key: "indices/a/0/__b1", Size: 7, ETag: "0123456789abcdef0123456789abcdef"},
		{Key: "indices/a/0/__b2", Size: 7},
		{Key: "indices/a/0/snap-x.dat", Size: 3},
		{Key: "tests-abc/data-1.dat", Size: 1},
		{Key: ".sgwtmp/x", Size: 1},
		{Key: "indices/", Size: 0},
	}
	p := bucket.Diff(source, nil)
	want := map[bucket.Stage][]string{
		bucket.Blobs: {"indices/a/0/__b1", "indices/a/0/__b2"}, bucket.Shards: {"indices/a/0/snap-x.dat"},
		bucket.Root: {"snap-x.dat", "meta-x.dat"}, bucket.Generations: {"index-3", "index-12"}, bucket.Latest: {"index.latest"},
	}
	for stage, keys := range want {
		var got []string
		for _, o := range p.Copy[stage] {
			got = append(got, o.Key)
		}
		if len(got) != len(keys) {
			t.Errorf("stage %d: got %v, want %v", stage, got, keys)
			continue
		}
		for i := range keys {
			if got[i] != keys[i] {
				t.Errorf("stage %d: got %v, want %v", stage, got, keys)
			}
		}
	}
	// All there: only what the root overwrites under one name goes again.
	if p := bucket.Diff(source, source); p.Objects != 3 || p.Skipped != 5 {
		t.Errorf("nothing to do: got %d objects and %d skipped, want 3 and 5", p.Objects, p.Skipped)
	}
	other := append([]bucket.Object(nil), source...)
	other[5].ETag = "ffffffffffffffffffffffffffffffff"
	other[6].Size = 8
	if p := bucket.Diff(source, other); len(p.Copy[bucket.Blobs]) != 2 {
		t.Errorf("another hash and another size: got %v, want both blobs", p.Copy[bucket.Blobs])
	}
}

// TestACopyBrokenAnywhereGoesOn copies a prefix of the plan, and plans again:
// together both passes carry every object, and nothing but the root's mutable
// names twice.
func TestACopyBrokenAnywhereGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var source []bucket.Object
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"index-1", "index-2", "index.latest", "snap-a", "indices/i/0/__1", "indices/i/0/__2", "indices/i/1/__1", "indices/i/meta-a",
		}), 1, 8, func(s string) string { return s }).Draw(t, "keys") {
			source = append(source, bucket.Object{Key: key, Size: rapid.Int64Range(0, 9).Draw(t, "size")})
		}
		var order, target []bucket.Object
		for _, stage := range bucket.Diff(source, nil).Copy {
			order = append(order, stage...)
		}
		if len(order) != len(source) {
			t.Fatalf("the plan has %d objects, want %d", len(order), len(source))
		}
		target = append(target, order[:rapid.IntRange(0, len(order)).Draw(t, "broken after")]...)
		for _, stage := range bucket.Diff(source, target).Copy {
			target = append(target, stage...)
		}
		seen := map[string]int{}
		for _, o := range target {
			seen[o.Key]++
		}
		for _, o := range source {
			mutable := o.Key == "index.latest" || o.Key == "index-1" || o.Key == "index-2"
			if n := seen[o.Key]; n == 0 || n > 1 && !mutable {
				t.Fatalf("%s was copied %d times", o.Key, n)
			}
		}
	})
}
