package checkpoint

import (
	"fmt"

	"esferry/internal/shard"
)

// Tracker turns windows that finish in any order into a mark that rises over
// the contiguous run only (protocol 1.6). Windows are told apart by their
// lower bound, and dispatched is not acknowledged: the mark never passes a
// window that is merely on its way.
//
// Pure: no I/O, no clock. Not safe for concurrent use; one committer owns it.
type Tracker struct {
	mark     int64
	inflight map[int64]shard.Window
	done     map[int64]shard.Window
}

// NewTracker gives a tracker whose mark stands at from.
func NewTracker(from int64) *Tracker {
	return &Tracker{mark: from, inflight: map[int64]shard.Window{}, done: map[int64]shard.Window{}}
}

// Dispatch notes that the window is on its way. It is an error, and changes
// nothing, when the window begins below the mark or where another one does.
func (t *Tracker) Dispatch(w shard.Window) error {
	_, flying := t.inflight[w.From]
	_, landed := t.done[w.From]
	if w.From < t.mark || w.To < w.From || flying || landed {
		return fmt.Errorf("dispatch %s: it does not fit behind the mark %d", w, t.mark)
	}
	t.inflight[w.From] = w
	return nil
}

// Acknowledge notes that every document of the window has its verdict, and
// gives the mark, raised where that closed a gap. A window that was never
// dispatched is an error and changes nothing.
func (t *Tracker) Acknowledge(w shard.Window) (int64, error) {
	if flying, ok := t.inflight[w.From]; !ok || flying != w {
		return t.mark, fmt.Errorf("acknowledge %s: it was not dispatched", w)
	}
	delete(t.inflight, w.From)
	t.done[w.From] = w
	for next, ok := t.done[t.mark]; ok; next, ok = t.done[t.mark] {
		delete(t.done, t.mark)
		t.mark = next.To
		if next.To == next.From {
			break
		}
	}
	return t.mark, nil
}

// Mark is the upper end of the contiguous run of acknowledged windows.
func (t *Tracker) Mark() int64 { return t.mark }

// InFlight counts the windows that are dispatched and not acknowledged.
func (t *Tracker) InFlight() int { return len(t.inflight) }
