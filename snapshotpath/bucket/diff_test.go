package bucket_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"esferry/internal/lab/faultcase"
	"esferry/snapshotpath/bucket"
)

const (
	one   = "0123456789abcdef0123456789abcdef"
	other = "ffffffffffffffffffffffffffffffff"
	blob  = "indices/a/0/__gJN1p5nLQQuu8kYGq4AAAA"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// listing gives objects as a service that sorts.
func listing(objects ...bucket.Object) iter.Seq2[bucket.Object, error] {
	slices.SortFunc(objects, func(a, b bucket.Object) int { return strings.Compare(a.Key, b.Key) })
	return raw(objects...)
}

// raw gives objects as they come.
func raw(objects ...bucket.Object) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for _, o := range objects {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func diff(t interface{ Fatal(args ...any) }, source, target []bucket.Object) bucket.Plan {
	p, err := bucket.Diff(bucket.Merge(listing(slices.Clone(source)...), listing(slices.Clone(target)...)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func keys(objects []bucket.Object) (all []string) {
	for _, o := range objects {
		all = append(all, o.Key)
	}
	return all
}

func TestDiffOrdersTheCopy(t *testing.T) {
	source := []bucket.Object{
		{Key: "index-3", Size: 10},
		{Key: "index-12", Size: 11},
		{Key: "index.latest", Size: 8},
		{Key: "snap-x.dat", Size: 5},
		{Key: "meta-x.dat", Size: 5},
		{Key: "indices/a/0/__b1", Size: 7, ETag: one},
		{Key: "indices/a/0/snap-x.dat", Size: 3},
		{Key: "h4sh/indices/a/1/__b1", Size: 7},
		{Key: "tests-abc/data-1.dat", Size: 1},
		{Key: "pending-index-13", Size: 1},
		{Key: ".sgwtmp/x", Size: 1},
		{Key: "indices/", Size: 0},
		{Key: "inventory/2026/manifest.json", Size: 100},
		{Key: "backup.tar.gz", Size: 1000},
	}
	target := []bucket.Object{{Key: "notes.txt", Size: 3}, {Key: "indices/old/0/__b1", Size: 9}, {Key: "index-2", Size: 9}}
	p := diff(t, source, target)
	got := map[bucket.Stage][]string{}
	for stage, objects := range p.Copy {
		got[bucket.Stage(stage)] = keys(objects)
	}
	want := map[bucket.Stage][]string{
		bucket.Blobs:       {"h4sh/indices/a/1/__b1", "indices/a/0/__b1"},
		bucket.Shards:      {"indices/a/0/snap-x.dat"},
		bucket.Root:        {"meta-x.dat", "snap-x.dat"},
		bucket.Generations: {"index-3", "index-12"},
		bucket.Latest:      {"index.latest"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("stages: %s", d)
	}
	asides := [][]string{p.Foreign.Keys, p.LeftOver.Keys, p.Kept.Keys}
	if d := cmp.Diff([][]string{
		{"backup.tar.gz", "inventory/2026/manifest.json", "notes.txt"},
		{".sgwtmp/x", "indices/", "pending-index-13", "tests-abc/data-1.dat"},
		{"index-2", "indices/old/0/__b1"},
	}, asides); d != "" {
		t.Errorf("asides: %s", d)
	}
	if p.Source != (bucket.Total{Objects: 8, Bytes: 56}) || p.Missing != p.Source {
		t.Errorf("got %+v to copy of %+v", p.Missing, p.Source)
	}
}

// TestDiffSkips says when the target's object is trusted to be the source's.
func TestDiffSkips(t *testing.T) {
	faultcase.Shows(t, 29, "blobs that have the same name and size, and another content")
	f := func(name string, source, target bucket.Object, want bool) {
		t.Helper()
		source.Changed = noon
		target.Key = source.Key
		p := diff(t, []bucket.Object{source}, []bucket.Object{target})
		if got := p.Skipped.Objects == 1; got != want {
			t.Errorf("%s: got %v, want %v (%+v)", name, got, want, p)
		}
	}
	soon, later := noon.Add(29*time.Minute), noon.Add(31*time.Minute)
	f("uuid, size", bucket.Object{Key: blob, Size: 7}, bucket.Object{Size: 7}, true)
	f("uuid, part", bucket.Object{Key: blob + ".part12", Size: 7}, bucket.Object{Size: 7}, true)
	f("uuid, other size", bucket.Object{Key: blob, Size: 7}, bucket.Object{Size: 8, Changed: later}, false)
	f("uuid, multipart", bucket.Object{Key: blob, Size: 7, ETag: one}, bucket.Object{Size: 7, ETag: other[:30] + "-2"}, true)
	f("numbered, size", bucket.Object{Key: "indices/a/0/__a1", Size: 7}, bucket.Object{Size: 7}, false)
	f("numbered, copied soon", bucket.Object{Key: "indices/a/0/__a1", Size: 7}, bucket.Object{Size: 7, Changed: soon}, false)
	f("numbered, copied later", bucket.Object{Key: "indices/a/0/__a1", Size: 7}, bucket.Object{Size: 7, Changed: later}, true)
	f("numbered, hash", bucket.Object{Key: "indices/a/0/__a1", Size: 7, ETag: one}, bucket.Object{Size: 7, ETag: strings.ToUpper(one)}, true)
	f("numbered, other hash", bucket.Object{Key: "indices/a/0/__a1", Size: 7, ETag: one}, bucket.Object{Size: 7, ETag: other, Changed: later}, false)
	f("22 letters with a dot", bucket.Object{Key: "indices/a/0/__gJN1p5nLQQuu8kYGq4AAA.", Size: 7}, bucket.Object{Size: 7}, false)
	f("a shard's index", bucket.Object{Key: "indices/a/0/index-4", Size: 7}, bucket.Object{Size: 7}, false)
	f("a shard's index, copied later", bucket.Object{Key: "indices/a/0/index-4", Size: 7}, bucket.Object{Size: 7, Changed: later}, true)
	f("root", bucket.Object{Key: "index-4", Size: 7, ETag: one}, bucket.Object{Size: 7, ETag: one, Changed: later}, false)
	f("root of Elasticsearch 2", bucket.Object{Key: "index", Size: 7, ETag: one}, bucket.Object{Size: 7, ETag: one, Changed: later}, false)
	f("latest", bucket.Object{Key: "index.latest", Size: 8, ETag: one}, bucket.Object{Size: 8, ETag: one, Changed: later}, false)
}

func TestMergeRefusesWhatIsNotSorted(t *testing.T) {
	f := func(keys []string) {
		t.Helper()
		var objects []bucket.Object
		for _, key := range keys {
			objects = append(objects, bucket.Object{Key: key})
		}
		for _, sides := range [][2]iter.Seq2[bucket.Object, error]{{raw(objects...), raw()}, {raw(), raw(objects...)}} {
			if _, err := bucket.Diff(bucket.Merge(sides[0], sides[1])); !errors.Is(err, bucket.ErrUnsorted) {
				t.Errorf("%v: got %v", keys, err)
			}
		}
		if _, err := bucket.Diff(bucket.Merge(bucket.Sort(raw(objects...)), raw())); err != nil {
			t.Errorf("%v, sorted: %v", keys, err)
		}
	}
	f([]string{"b", "a"})
	f([]string{"a", "b", "b"})
	f([]string{"a", "b", "c", "a", "b"})
}

func TestMergeGivesErrorsOn(t *testing.T) {
	broken := func(yield func(bucket.Object, error) bool) {
		_ = yield(bucket.Object{Key: "a"}, nil) && yield(bucket.Object{}, errors.New("503"))
	}
	for _, pairs := range []iter.Seq2[bucket.Pair, error]{
		bucket.Merge(broken, listing()), bucket.Merge(listing(), broken), bucket.Merge(bucket.Sort(broken), listing()),
	} {
		if _, err := bucket.Diff(pairs); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("got %v: a listing that breaks off passes for the whole", err)
		}
	}
}

// TestMergeIsTheUnion compares it with maps.
func TestMergeIsTheUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) map[string]bucket.Object {
			found := map[string]bucket.Object{}
			for _, key := range rapid.SliceOf(rapid.StringMatching(`[ab/]{1,3}`)).Draw(t, label) {
				found[key] = bucket.Object{Key: key, Size: int64(len(label))}
			}
			return found
		}
		source, target := draw("source"), draw("the target")
		values := func(m map[string]bucket.Object) (all []bucket.Object) {
			for _, o := range m {
				all = append(all, o)
			}
			return all
		}
		last, seen := "", map[string]bool{}
		for p, err := range bucket.Merge(listing(values(source)...), listing(values(target)...)) {
			key := p.Source.Key + p.Target.Key[len(p.Target.Key)*boolean(p.Source.Key != ""):]
			if err != nil || key <= last || p.Source != source[key] || p.Target != target[key] {
				t.Fatalf("got %+v (%v) after %q", p, err, last)
			}
			last, seen[key] = key, true
		}
		for key := range source {
			delete(seen, key)
			delete(target, key)
		}
		for key := range target {
			delete(seen, key)
			delete(target, key)
		}
		if len(seen)+len(target) > 0 {
			t.Fatalf("made up %v, left out %v", seen, target)
		}
	})
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
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
			source = append(source, bucket.Object{Key: key, Size: rapid.Int64Range(0, 9).Draw(t, "size"), Changed: noon})
		}
		var order, target []bucket.Object
		for _, stage := range diff(t, source, nil).Copy {
			order = append(order, stage...)
		}
		if len(order) != len(source) {
			t.Fatalf("the plan has %d objects, want %d", len(order), len(source))
		}
		for _, o := range order[:rapid.IntRange(0, len(order)).Draw(t, "broken after")] {
			o.Changed = noon.Add(time.Hour)
			target = append(target, o)
		}
		seen := map[string]int{}
		for _, o := range target {
			seen[o.Key]++
		}
		for _, stage := range diff(t, source, target).Copy {
			for _, o := range stage {
				seen[o.Key]++
			}
		}
		for _, o := range source {
			mutable := o.Key == "index.latest" || o.Key == "index-1" || o.Key == "index-2"
			if n := seen[o.Key]; n == 0 || n > 1 && !mutable {
				t.Fatalf("%s was copied %d times", o.Key, n)
			}
		}
	})
}

func TestMetadataThatAreWrittenOnce(t *testing.T) {
	const uuid, id = "GOXVXHXQTemHDbBQhDLkVg", "aB3-_xYzAAAAAAAAAAAA"
	f := func(root, key string, want int) {
		t.Helper()
		// Equal but for a hash that nobody has, and just copied.
		sides := []bucket.Object{{Key: root, Size: 1}, {Key: key, Size: 5, Changed: time.Unix(1000, 0)}}
		slices.SortFunc(sides, func(a, b bucket.Object) int { return strings.Compare(a.Key, b.Key) })
		p, err := bucket.Diff(bucket.Merge(listing(slices.Clone(sides)...), listing(slices.Clone(sides)...)))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(p.Copy[bucket.Shards]) + len(p.Copy[bucket.Root]); got != want {
			t.Errorf("%s beside %s: got %d to copy, want %d", key, root, got, want)
		}
	}
	f("index-3", "snap-"+uuid+".dat", 0)
	f("index-3", "meta-"+uuid+".dat", 0)
	f("index-3", "indices/x/meta-"+id+".dat", 0)
	f("index-3", "indices/x/0/snap-"+uuid+".dat", 0)
	f("index-3", "indices/x/0/index-"+uuid, 0)
	// Numbers and names are used again.
	f("index-3", "indices/x/0/index-7", 1)
	f("index-3", "snap-nightly.dat", 1)
	f("index", "snap-"+uuid+".dat", 1)
	f("index", "indices/x/0/index-"+uuid, 1)
}
