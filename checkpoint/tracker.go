package checkpoint

import (
	"cmp"
	"fmt"
	"slices"

	"esferry/internal/shard"
)

// Tracker turns windows that finish in any order into a mark that rises over
// the contiguous run only (protocol 1.6). Dispatched is not acknowledged: the
// mark never passes a window that is merely on its way. An empty window is a
// window like any other; nothing waits for it but the mark.
//
// Pure: no I/O, no clock. Not safe for concurrent use; one committer owns it.
type Tracker struct {
	mark     int64
	inflight int
	// spans are the windows behind the mark, by lower bound, then upper bound;
	// no two overlap. In-order dispatch appends, a rising mark cuts the front
	// off, so that one slow window with very many done behind it costs memory
	// only.
	spans []span
}

type span struct {
	window shard.Window
	done   bool
}

// NewTracker gives a tracker whose mark stands at from.
func NewTracker(from int64) *Tracker { return &Tracker{mark: from} }

// Dispatch notes that the window is on its way. It is an error, and changes
// nothing, when the window begins below the mark or overlaps another one: the
// mark would pass the one on the word of the other.
func (t *Tracker) Dispatch(w shard.Window) error {
	if w.From < t.mark || w.To < w.From {
		return fmt.Errorf("dispatch %s: it does not fit behind the mark %d", w, t.mark)
	}
	at, found := t.find(w)
	switch {
	case found:
		return fmt.Errorf("dispatch %s: it overlaps %s", w, t.spans[at].window)
	case at > 0 && t.spans[at-1].window.To > w.From:
		return fmt.Errorf("dispatch %s: it overlaps %s", w, t.spans[at-1].window)
	case at < len(t.spans) && t.spans[at].window.From < w.To:
		return fmt.Errorf("dispatch %s: it overlaps %s", w, t.spans[at].window)
	}
	t.spans = slices.Insert(t.spans, at, span{window: w})
	t.inflight++
	return nil
}

// Acknowledge notes that every document of the window has its verdict, and
// gives the mark, raised where that closed a gap. A window that was never
// dispatched, or is acknowledged already, is an error and changes nothing.
func (t *Tracker) Acknowledge(w shard.Window) (int64, error) {
	at, found := t.find(w)
	if !found || t.spans[at].done || t.spans[at].window != w {
		return t.mark, fmt.Errorf("acknowledge %s: it was not dispatched", w)
	}
	t.spans[at].done = true
	t.inflight--
	passed := 0
	for _, s := range t.spans {
		if !s.done || s.window.From != t.mark {
			break
		}
		t.mark = s.window.To
		passed++
	}
	t.spans = t.spans[passed:]
	return t.mark, nil
}

// Mark is the upper end of the contiguous run of acknowledged windows.
func (t *Tracker) Mark() int64 { return t.mark }

// InFlight counts the windows that are dispatched and not acknowledged.
func (t *Tracker) InFlight() int { return t.inflight }

func (t *Tracker) find(w shard.Window) (int, bool) {
	return slices.BinarySearchFunc(t.spans, w, func(s span, w shard.Window) int {
		return cmp.Or(cmp.Compare(s.window.From, w.From), cmp.Compare(s.window.To, w.To))
	})
}
