package census_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/census"
	"esferry/internal/shard"
	"esferry/internal/verify"
)

var _ verify.Counter = (*census.Shard)(nil)

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
	Cleanup(done func())
}

func open(t tester, dir string, shards int) *census.Census {
	t.Helper()
	c, err := census.Open(dir, shards)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// page makes a page of documents whose id is their number.
func page(number int, seqNos ...int64) *batch.Batch {
	docs := make([]batch.Doc, len(seqNos))
	for i, n := range seqNos {
		docs[i] = batch.Doc{ID: strconv.AppendQuote(nil, "d"+strconv.FormatInt(n, 10)), Routing: []byte(`"r"`), SeqNo: n}
	}
	return batch.New(shard.Window{Shard: shard.ID{Index: "i", Number: number}}, docs, nil)
}

func window(from, to int64) shard.Window { return shard.Window{From: from, To: to} }

// TestCount holds buckets against what an engine says: multiples of the interval,
// empty ones left out.
func TestCount(t *testing.T) {
	c := open(t, t.TempDir(), 2)
	for _, b := range []*batch.Batch{page(0, 0, 1, 5, 9), page(0, 10, 19), page(0, 10, 19), page(1, 3)} {
		if err := c.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	f := func(w shard.Window, within []shard.Window, interval int64, want string) {
		t.Helper()
		got, err := c.Shard(0).Count(t.Context(), w, within, interval)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%v within %v by %d: got %v, %v, want %s", w, within, interval, got, err, want)
		}
	}
	f(window(-1, 19), nil, 10, "[{0 4} {10 2}]")
	f(window(-1, 19), nil, 1, "[{0 1} {1 1} {5 1} {9 1} {10 1} {19 1}]")
	f(window(0, 18), nil, 10, "[{0 3} {10 1}]")
	f(window(-1, 100), []shard.Window{window(4, 5), window(5, 12)}, 8, "[{0 1} {8 2}]")
	f(window(19, 30), nil, 4, "[]")
	c.Shard(0).Forget(5)
	f(window(-1, 19), nil, 10, "[{0 3} {10 2}]")
}

// TestWhatLeftIsFound takes any documents out of a shard: the descent over counts
// and Held name each of them.
func TestWhatLeftIsFound(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		then, now := open(rt, dir, 1), open(rt, dir, 1)
		left := map[int64]bool{}
		from := int64(0)
		for range rapid.IntRange(1, 5).Draw(rt, "pages") {
			var all, still []int64
			for range rapid.IntRange(1, 60).Draw(rt, "documents") {
				from += rapid.Int64Range(1, 300).Draw(rt, "gap")
				if all = append(all, from); rapid.IntRange(0, 9).Draw(rt, "fate") == 0 {
					left[from] = true
				} else {
					still = append(still, from)
				}
			}
			if err := then.Add(page(0, all...)); err != nil {
				rt.Fatal(err)
			}
			if err := now.Add(page(0, still...)); err != nil {
				rt.Fatal(err)
			}
		}
		found, err := verify.Descend(t.Context(), now.Shard(0), then.Shard(0), window(-1, from), 16)
		if err != nil {
			rt.Fatal(err)
		}
		entries, err := then.Shard(0).Held(verify.Windows(found))
		if err != nil {
			rt.Fatal(err)
		}
		for _, e := range entries {
			if want := strconv.Quote("d" + strconv.FormatInt(e.SeqNo, 10)); e.Key.ID != want || e.Key.Routing != `"r"` {
				rt.Fatalf("got %+v, want %s", e, want)
			}
			delete(left, e.SeqNo)
		}
		if len(left) > 0 {
			rt.Fatalf("not found: %v", slices.Sorted(maps.Keys(left)))
		}
	})
}

// TestForgottenAreNotHeld says nothing of numbers that were taken out, though their
// page is still there.
func TestForgottenAreNotHeld(t *testing.T) {
	c := open(t, t.TempDir(), 1)
	if err := c.Add(page(0, 1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	c.Shard(0).Forget(2)
	got, err := c.Shard(0).Held([]shard.Window{window(1, 3)})
	if err != nil || len(got) != 1 || got[0].SeqNo != 3 {
		t.Errorf("got %+v, %v, want 3 alone", got, err)
	}
}

// TestCensusIsASet holds a census against plain sets: whatever pages are told, in
// whatever order, once or twice, and whatever is taken out, its counts and what it
// holds are those of the set.
func TestCensusIsASet(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		c, set := open(rt, dir, 2), []map[int64]bool{{}, {}}
		number := rapid.Int64Range(0, 60)
		for range rapid.IntRange(0, 20).Draw(rt, "steps") {
			at := rapid.IntRange(0, 1).Draw(rt, "shard")
			if rapid.IntRange(0, 3).Draw(rt, "forget") == 0 {
				n := number.Draw(rt, "number")
				c.Shard(at).Forget(n)
				delete(set[at], n)
				continue
			}
			numbers := rapid.SliceOfN(number, 0, 8).Draw(rt, "numbers")
			if err := c.Add(page(at, numbers...)); err != nil {
				rt.Fatal(err)
			}
			for _, n := range numbers {
				set[at][n] = true
			}
		}
		from := rapid.Int64Range(-1, 30).Draw(rt, "from")
		w := window(from, from+rapid.Int64Range(0, 40).Draw(rt, "span"))
		interval := rapid.Int64Range(1, 20).Draw(rt, "interval")
		for at, want := range set {
			inside := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(n int64) bool { return n <= w.From || n > w.To })
			buckets, err := c.Shard(at).Count(t.Context(), w, nil, interval)
			if err != nil {
				rt.Fatal(err)
			}
			sums := map[int64]int64{}
			for _, n := range inside {
				sums[n-n%interval]++
			}
			for _, b := range buckets {
				if b.Docs == 0 || sums[b.From] != b.Docs {
					rt.Fatalf("%s by %d: got %v, want %v", w, interval, buckets, sums)
				}
				delete(sums, b.From)
			}
			if len(sums) > 0 {
				rt.Fatalf("%s by %d: got %v, which lacks %v", w, interval, buckets, sums)
			}
			held, err := c.Shard(at).Held([]shard.Window{w})
			if err != nil {
				rt.Fatal(err)
			}
			var got []int64
			for _, e := range held {
				got = append(got, e.SeqNo)
			}
			if !slices.Equal(got, inside) {
				rt.Fatalf("%s: holds %v, want %v", w, got, inside)
			}
		}
	})
}
