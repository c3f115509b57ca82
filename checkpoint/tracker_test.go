package checkpoint_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"esferry/checkpoint"
	"esferry/internal/shard"
)

func window(from, to int64) shard.Window {
	return shard.Window{Shard: shard.ID{Index: "i"}, From: from, To: to}
}

// ledger is the tracker's naive model: it remembers everything.
type ledger struct {
	from     int64
	flying   []shard.Window
	acked    []shard.Window
	naiveTop int64
}

// mark is the highest number below which no sequence number is without an
// acknowledged window and no dispatched window is without its acknowledgement.
func (l *ledger) mark() int64 {
	mark := l.from
	covered := map[int64]bool{}
	for _, w := range l.acked {
		for n := w.From + 1; n <= w.To; n++ {
			covered[n] = true
		}
	}
	for covered[mark+1] && !slices.ContainsFunc(l.flying, func(w shard.Window) bool { return w.From <= mark }) {
		mark++
	}
	return mark
}

// drawWindows cuts (from, to] anywhere, and puts empty windows in between.
func drawWindows(t *rapid.T, from, to int64) []shard.Window {
	var windows []shard.Window
	for at := from; at < to; {
		end := rapid.Int64Range(at, min(to, at+5)).Draw(t, "end")
		if w := window(at, end); !slices.Contains(windows, w) {
			windows = append(windows, w)
		}
		at = end
	}
	return windows
}

// step dispatches or acknowledges something, and compares with the model.
func (l *ledger) step(t *rapid.T, tracker *checkpoint.Tracker, waiting []shard.Window) []shard.Window {
	if len(waiting) > 0 && (len(l.flying) == 0 || rapid.Bool().Draw(t, "dispatch")) {
		w := waiting[0]
		if err := tracker.Dispatch(w); err != nil {
			t.Fatalf("dispatch %s at mark %d: %v", w, tracker.Mark(), err)
		}
		l.flying = append(l.flying, w)
		waiting = waiting[1:]
	} else {
		i := rapid.IntRange(0, len(l.flying)-1).Draw(t, "acknowledge")
		w := l.flying[i]
		l.flying = slices.Delete(l.flying, i, i+1)
		l.acked = append(l.acked, w)
		if mark, err := tracker.Acknowledge(w); err != nil || mark != tracker.Mark() {
			t.Fatalf("acknowledge %s: got %d, %v, want the mark %d", w, mark, err, tracker.Mark())
		}
	}
	if got, want := tracker.Mark(), l.mark(); got != want {
		t.Fatalf("mark: got %d, want %d (in flight %v)", got, want, l.flying)
	}
	if got, want := tracker.InFlight(), len(l.flying); got != want {
		t.Fatalf("in flight: got %d, want %d", got, want)
	}
	l.naiveTop = max(l.naiveTop, l.mark())
	return waiting
}

// Windows are dispatched in order or in any order, finish in any order, and
// the process dies anywhere: the mark is the naive model's at every step, never
// falls, and ends at the end once all is acknowledged. What a resumed tracker
// starts from leaves no number without an acknowledgement.
func TestTrackerAgainstLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(-1, 5).Draw(t, "from")
		to := from + rapid.Int64Range(0, 40).Draw(t, "span")
		for lives := rapid.IntRange(0, 3).Draw(t, "crashes"); ; lives-- {
			waiting := drawWindows(t, from, to)
			shuffled := rapid.Bool().Draw(t, "dispatched in any order")
			if shuffled {
				waiting = rapid.Permutation(waiting).Draw(t, "order")
			}
			tracker := checkpoint.NewTracker(from)
			l := &ledger{from: from, naiveTop: from}
			waiting = dropPassed(waiting, shuffled)
			budget := 1000
			if lives > 0 {
				budget = rapid.IntRange(0, 30).Draw(t, "steps before the crash")
			}
			for ; budget > 0 && len(waiting)+len(l.flying) > 0; budget-- {
				waiting = l.step(t, tracker, waiting)
			}
			if l.naiveTop > tracker.Mark() {
				t.Fatalf("the mark fell from %d to %d", l.naiveTop, tracker.Mark())
			}
			from = tracker.Mark()
			if lives <= 0 {
				break
			}
		}
		if from != to {
			t.Fatalf("all acknowledged: got mark %d, want %d", from, to)
		}
	})
}

// dropPassed takes the empty windows out of a shuffled order: they may come
// after the mark has passed them, where Dispatch rightly refuses them.
func dropPassed(windows []shard.Window, shuffled bool) []shard.Window {
	if !shuffled {
		return windows
	}
	return slices.DeleteFunc(windows, func(w shard.Window) bool { return w.Span() == 0 })
}

// An empty window neither blocks the one that begins where it stands, nor
// stops the mark, nor loops, in whatever order the two finish.
func TestTrackerEmptyWindow(t *testing.T) {
	t.Parallel()
	f := func(acks []shard.Window, marks ...int64) {
		t.Helper()
		tracker := checkpoint.NewTracker(-1)
		for _, w := range []shard.Window{window(-1, -1), window(-1, 9), window(9, 9), window(9, 20)} {
			if err := tracker.Dispatch(w); err != nil {
				t.Errorf("dispatch %s: %v", w, err)
			}
		}
		for i, w := range acks {
			if mark, err := tracker.Acknowledge(w); err != nil || mark != marks[i] {
				t.Errorf("acknowledge %s: got %d, %v, want %d", w, mark, err, marks[i])
			}
		}
	}
	f([]shard.Window{window(-1, -1), window(-1, 9), window(9, 9), window(9, 20)}, -1, 9, 9, 20)
	f([]shard.Window{window(9, 20), window(9, 9), window(-1, 9), window(-1, -1)}, -1, -1, -1, 20)
	f([]shard.Window{window(-1, -1), window(9, 20), window(-1, 9), window(9, 9)}, -1, -1, 9, 20)
}

func TestTrackerRefuses(t *testing.T) {
	t.Parallel()
	tracker := checkpoint.NewTracker(10)
	dispatch := func(w shard.Window, want string) {
		t.Helper()
		got := ""
		if err := tracker.Dispatch(w); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("dispatch %s: got %q, want %q", w, got, want)
		}
	}
	dispatch(window(20, 30), "")
	dispatch(window(20, 30), "dispatch i[0](20,30]: it overlaps i[0](20,30]")
	dispatch(window(9, 12), "dispatch i[0](9,12]: it does not fit behind the mark 10")
	dispatch(window(15, 14), "dispatch i[0](15,14]: it does not fit behind the mark 10")
	dispatch(window(25, 26), "dispatch i[0](25,26]: it overlaps i[0](20,30]")
	dispatch(window(15, 21), "dispatch i[0](15,21]: it overlaps i[0](20,30]")
	dispatch(window(10, 40), "dispatch i[0](10,40]: it overlaps i[0](20,30]")
	if got := tracker.InFlight(); got != 1 {
		t.Errorf("in flight after refusals: got %d, want 1", got)
	}
	acknowledge := func(w shard.Window, mark int64, refused bool) {
		t.Helper()
		if got, err := tracker.Acknowledge(w); got != mark || (err != nil) != refused {
			t.Errorf("acknowledge %s: got %d, %v, want %d, refused %v", w, got, err, mark, refused)
		}
	}
	acknowledge(window(10, 20), 10, true)
	acknowledge(window(20, 29), 10, true)
	acknowledge(window(20, 30), 10, false)
	acknowledge(window(20, 30), 10, true)
	dispatch(window(25, 26), "dispatch i[0](25,26]: it overlaps i[0](20,30]")
	dispatch(window(10, 20), "")
	acknowledge(window(10, 20), 30, false)
	acknowledge(window(10, 20), 30, true)
	dispatch(window(10, 20), "dispatch i[0](10,20]: it does not fit behind the mark 30")
}

// One slow window behind which everything else is done must cost neither
// quadratic time nor the run.
func TestTrackerManyBehindOne(t *testing.T) {
	t.Parallel()
	const n = 200_000
	tracker := checkpoint.NewTracker(0)
	for i := range int64(n) {
		if err := tracker.Dispatch(window(i, i+1)); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if mark, err := tracker.Acknowledge(window(i, i+1)); err != nil || mark != 0 {
				t.Fatalf("got %d, %v, want 0", mark, err)
			}
		}
	}
	if mark, err := tracker.Acknowledge(window(0, 1)); err != nil || mark != n || tracker.InFlight() != 0 {
		t.Errorf("got %d, %v, in flight %d, want %d", mark, err, tracker.InFlight(), n)
	}
}
