package checkpoint_test

import (
	"errors"
	"fmt"

	"esferry/checkpoint"
	"esferry/internal/shard"
)

// faults plants bugs that the model must find.
type faults struct {
	// alwaysSettled: S follows W at once.
	alwaysSettled bool
	// positionOfBegin: M is not read after the scans.
	positionOfBegin bool
	// ackOnDispatch: a window counts before its documents are written.
	ackOnDispatch bool
	// baselineSettled: a restored baseline counts as settled.
	baselineSettled bool
	// settlesAtOnce: S follows a global checkpoint whose term was read before it.
	settlesAtOnce bool
	// keepW: a new term does not go back to S.
	keepW bool
}

// ferryModel carries one shard by the protocol, with the real Watermark and
// Tracker, to a target that is a map. What it stores survives a crash.
type ferryModel struct {
	engine *engine
	choose chooser
	faults faults

	target map[int]operation
	stored checkpoint.Watermark
	// resting: nothing happens to the engine any more.
	resting bool

	// The round under way; nothing of it survives a crash.
	round   *checkpoint.Round
	tracker *checkpoint.Tracker
	settler *checkpoint.Settler
	began   shard.Position
	todo    []shard.Window
	scanned map[shard.Window][]operation
}

// startStream begins with an empty target.
func (f *ferryModel) startStream() {
	f.target = map[int]operation{}
	f.stored = checkpoint.Start(f.engine.position())
}

// startSnapshot records W0, lets the engine move, and restores what the
// primary then holds: acknowledged or not.
func (f *ferryModel) startSnapshot() {
	f.stored = checkpoint.BeforeSnapshot(f.engine.position())
	f.moves(4)
	held := f.engine.primary.clone()
	f.target = map[int]operation{}
	for _, o := range held.live(-1, held.highest()) {
		f.target[o.doc] = o
	}
	f.stored = f.stored.Restored(held.highest())
	if f.faults.baselineSettled {
		f.stored.S = f.stored.W
	}
}

func (f *ferryModel) moves(atMost int) {
	for range f.choose("moves", atMost+1) {
		f.engine.move(f.choose)
	}
}

// step does one of the things that a ferry may do next.
func (f *ferryModel) step() error {
	if f.round == nil {
		return f.begin()
	}
	switch f.choose("ferry", 8) {
	case 0:
		f.crash()
		return nil
	case 1, 2:
		return f.commit()
	case 3, 4:
		f.scan()
		return nil
	default:
		return f.write()
	}
}

func (f *ferryModel) crash() { f.round = nil }

func (f *ferryModel) begin() error {
	p, w := f.engine.position(), f.stored
	if f.faults.keepW {
		w.Term = p.Term
	}
	r, err := w.Begin(p)
	if errors.Is(err, checkpoint.ErrBehind) {
		return nil
	}
	if err != nil {
		return err
	}
	f.round, f.began, f.tracker = &r, p, checkpoint.NewTracker(r.Window.From)
	f.settler = checkpoint.NewSettler(r.Mark.Term)
	f.todo, f.scanned = nil, map[shard.Window][]operation{}
	for at := r.Window.From; at < r.Window.To; {
		w := shard.Window{Shard: r.Window.Shard, From: at, To: at + 1 + int64(f.choose("cut", int(r.Window.To-at)))}
		if err := f.tracker.Dispatch(w); err != nil {
			return err
		}
		f.todo, at = append(f.todo, w), w.To
	}
	return nil
}

// scan reads any window that was not read yet; what it saw is written later.
func (f *ferryModel) scan() {
	if len(f.todo) == 0 {
		return
	}
	i := f.choose("window", len(f.todo))
	w := f.todo[i]
	f.todo = append(f.todo[:i:i], f.todo[i+1:]...)
	f.scanned[w] = f.engine.primary.live(w.From, w.To)
	if f.faults.ackOnDispatch {
		_, _ = f.tracker.Acknowledge(w) //nolint:errcheck // cannot fail: it was dispatched, once
	}
}

// write puts the documents of a scanned window on the target and acknowledges.
func (f *ferryModel) write() error {
	for at := f.round.Window.From; at < f.round.Window.To; at++ {
		for w, seen := range f.scanned {
			if w.From != at {
				continue
			}
			for _, o := range seen {
				f.put(o, f.round.Rewrites(w))
			}
			delete(f.scanned, w)
			if f.faults.ackOnDispatch {
				return nil
			}
			_, err := f.tracker.Acknowledge(w)
			return err
		}
	}
	return nil
}

// put is the target's verdict on an external version, and what esferry makes
// of a higher one there (protocol 1.4).
func (f *ferryModel) put(o operation, rewrite bool) {
	there, ok := f.target[o.doc]
	if !ok || o.version > there.version || rewrite && o.version == there.version {
		f.target[o.doc] = o
		return
	}
	now := f.engine.primary.docs[o.doc]
	if o.version < there.version && !now.deleted && now.version < there.version {
		f.target[o.doc] = now
	}
}

// commit stores how far the round is, and ends it when all of it landed. The
// term is read before the rest: something may happen in between.
func (f *ferryModel) commit() error {
	term := f.engine.term
	if !f.resting {
		f.moves(1)
	}
	now := f.engine.position()
	now.Term = term
	if f.faults.positionOfBegin {
		now = f.began
		now.Term = f.engine.term
	}
	w, err := f.round.Mark.Advance(f.tracker.Mark(), now)
	if errors.Is(err, checkpoint.ErrTermChanged) {
		f.round = nil
		return nil
	}
	if err != nil {
		return err
	}
	settled := f.settler.Observe(w.W, now)
	if f.faults.settlesAtOnce && now.Global >= now.Max {
		settled = w.W
	}
	w = w.Settle(settled)
	f.round.Mark = f.round.Mark.Settle(settled)
	if f.faults.alwaysSettled {
		w.S = w.W
	}
	f.stored = w
	if f.tracker.Mark() == f.round.Window.To {
		f.round = nil
	}
	return f.check(now.Term)
}

// check holds what was stored against both copies: any of them may be the
// primary in a moment.
func (f *ferryModel) check(term int64) error {
	if f.engine.term == term {
		if err := f.holds("W", f.engine.primary, f.stored.W); err != nil {
			return err
		}
	}
	if !f.stored.Settled() {
		return nil
	}
	if err := f.holds("S, on the primary", f.engine.primary, f.stored.S); err != nil {
		return err
	}
	return f.holds("S, after a failover to the replica", f.engine.replica, f.stored.S)
}

// holds checks that the target has all that the copy holds at or below mark.
func (f *ferryModel) holds(what string, c *copyOf, mark int64) error {
	for _, o := range c.live(-1, mark) {
		if there := f.target[o.doc]; there != o {
			return fmt.Errorf("%s = %d: the target holds %+v, want %+v (mark %+v)", what, mark, there, o, f.stored)
		}
	}
	return nil
}

// finish lets all come to rest, carries until nothing is left, and compares.
func (f *ferryModel) finish() error {
	f.engine.settle()
	f.crash()
	f.resting = true
	for range 4 {
		if err := f.begin(); err != nil {
			return err
		}
		for len(f.todo) > 0 {
			f.scan()
		}
		for len(f.scanned) > 0 {
			if err := f.write(); err != nil {
				return err
			}
		}
		if err := f.commit(); err != nil {
			return err
		}
	}
	if highest := f.engine.primary.highest(); f.faults == (faults{}) && (f.stored.W != highest || f.stored.S != highest) {
		return fmt.Errorf("at rest: got W %d, S %d, want both %d", f.stored.W, f.stored.S, highest)
	}
	for _, o := range f.engine.primary.live(-1, f.stored.W) {
		if there := f.target[o.doc]; there != o {
			return fmt.Errorf("at rest: the target holds %+v, want %+v", there, o)
		}
	}
	return nil
}
