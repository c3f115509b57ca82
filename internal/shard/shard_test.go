package shard_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/shard"
)

func TestStrings(t *testing.T) {
	t.Parallel()
	id := shard.ID{Index: "users", Number: 3}
	w := shard.Window{Shard: id, From: -1, To: 20}
	if got, want := id.String(), "users[3]"; got != want {
		t.Errorf("ID.String: got %q, want %q", got, want)
	}
	if got, want := w.String(), "users[3](-1,20]"; got != want {
		t.Errorf("Window.String: got %q, want %q", got, want)
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	f := func(global, highest int64, want bool) {
		t.Helper()
		p := shard.Position{Global: global, Max: highest}
		if got := p.Quiet(); got != want {
			t.Errorf("Quiet with G=%d and max %d: got %v, want %v", global, highest, got, want)
		}
	}
	f(-1, -1, true)
	f(7, 7, true)
	f(6, 7, false)
}

// numbers lists the sequence numbers of (from, to], the slow and plain way.
func numbers(from, to int64) map[int64]bool {
	held := map[int64]bool{}
	for n := from + 1; n <= to; n++ {
		held[n] = true
	}
	return held
}

// A window shares a number with a range exactly when their sets intersect,
// the empty and the inverted ones included.
func TestOverlapsAgainstSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mark := rapid.Int64Range(-2, 12)
		w := shard.Window{From: mark.Draw(t, "window from"), To: mark.Draw(t, "window to")}
		from, to := mark.Draw(t, "from"), mark.Draw(t, "to")
		inside, want := numbers(from, to), false
		for n := range numbers(w.From, w.To) {
			want = want || inside[n]
		}
		if got := w.Overlaps(from, to); got != want {
			t.Fatalf("%s overlaps (%d,%d]: got %v, want %v", w, from, to, got, want)
		}
		if got, want := w.Span(), int64(len(numbers(w.From, w.To))); got != want {
			t.Fatalf("span of %s: got %d, want %d", w, got, want)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	f := func(from, to, docs int64, buckets []shard.Bucket, want string) {
		t.Helper()
		got := fmt.Sprint(shard.Window{Shard: shard.ID{Index: "i"}, From: from, To: to}.Cut(buckets, docs))
		if got != want {
			t.Errorf("Cut (%d,%d] by %v to %d: got %s, want %s", from, to, buckets, docs, got, want)
		}
	}
	f(5, 5, 10, nil, "[]")
	f(5, 4, 10, nil, "[]")
	f(-1, 99, 10, nil, "[i[0](-1,99]]")
	// No bucket alone is above the bound: the cuts stand before buckets.
	f(-1, 39, 10, []shard.Bucket{{0, 5}, {10, 5}, {20, 5}, {30, 5}}, "[i[0](-1,19] i[0](19,39]]")
	// A bucket that is too big by itself stays whole.
	f(-1, 29, 10, []shard.Bucket{{0, 50}, {10, 50}, {20, 1}}, "[i[0](-1,9] i[0](9,19] i[0](19,29]]")
	// The stretch between two buckets goes to the left neighbour.
	f(-1, 9999, 10, []shard.Bucket{{100, 10}, {9000, 10}}, "[i[0](-1,8999] i[0](8999,9999]]")
	// Buckets outside the window cut nothing.
	f(49, 59, 10, []shard.Bucket{{0, 10}, {10, 10}, {50, 10}, {60, 10}}, "[i[0](49,59]]")
	// A bound without sense still makes progress.
	f(-1, 19, 0, []shard.Bucket{{0, 1}, {10, 1}}, "[i[0](-1,9] i[0](9,19]]")
}

// drawLive draws live sequence numbers in [0, 300) and their histogram.
func drawLive(t *rapid.T) (live []int64, buckets []shard.Bucket, interval int64) {
	live = rapid.SliceOfNDistinct(rapid.Int64Range(0, 299), 0, 120, rapid.ID[int64]).Draw(t, "live")
	slices.Sort(live)
	interval = rapid.Int64Range(1, 50).Draw(t, "interval")
	empty := rapid.Bool().Draw(t, "empty buckets are sent")
	for from := int64(0); from < 300; from += interval {
		n := count(live, from-1, from+interval-1)
		if n > 0 || empty {
			buckets = append(buckets, shard.Bucket{From: from, Docs: n})
		}
	}
	return live, buckets, interval
}

func count(live []int64, from, to int64) (n int64) {
	for _, seq := range live {
		if seq > from && seq <= to {
			n++
		}
	}
	return n
}

// Whatever the histogram: the windows are in order, leave no number out, none
// twice, and hold at most so many documents unless one bucket alone is bigger.
func TestCutProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		live, buckets, interval := drawLive(t)
		mark := rapid.Int64Range(-1, 320)
		w := shard.Window{Shard: shard.ID{Index: "i", Number: 1}, From: mark.Draw(t, "from"), To: mark.Draw(t, "to")}
		docs := rapid.Int64Range(1, 40).Draw(t, "docs")
		at := w.From
		cut := w.Cut(buckets, docs)
		for _, c := range cut {
			if c.Shard != w.Shard || c.From != at || c.To <= c.From {
				t.Fatalf("cut of %s: %s does not follow %d", w, c, at)
			}
			// All live documents lie in one bucket: nothing smaller could be cut.
			single := c.To-c.From <= interval || oneBucket(live, c, interval)
			if n := count(live, c.From, c.To); n > docs && !single {
				t.Fatalf("cut of %s: %s holds %d documents, want at most %d", w, c, n, docs)
			}
			at = c.To
		}
		if w.Span() == 0 && cut != nil || w.Span() > 0 && at != w.To {
			t.Fatalf("cut of %s ends at %d: %v", w, at, cut)
		}
	})
}

func oneBucket(live []int64, w shard.Window, interval int64) bool {
	held := map[int64]bool{}
	for _, seq := range live {
		if seq > w.From && seq <= w.To {
			held[seq/interval] = true
		}
	}
	return len(held) <= 1
}
