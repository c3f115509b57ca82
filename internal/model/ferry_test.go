package model_test

import (
	"errors"
	"fmt"

	"esferry/checkpoint"
	"esferry/internal/shard"
)

// start begins the baseline: by stream with an empty target, or by recording
// W0 before a snapshot.
func (w *world) start(s *state, term int8) {
	p := w.position(&s.engine, term)
	if w.bounds.snapshot {
		s.stored, s.stage = pack(checkpoint.BeforeSnapshot(p)), recorded
	} else {
		s.stored, s.stage = pack(checkpoint.Start(p)), bound
	}
	s.workers[0].seen = s.engine.term
}

// restore takes the snapshot and restores it: of the primary as it stands, or
// without the operation in flight that is named, whose number is in it.
func (w *world) restore(s *state, without int8) {
	held := s.engine.primary
	if without >= 0 {
		held, _ = s.engine.without(int(without))
	}
	for d, o := range held {
		if o.live() {
			s.target[d] = o
		}
	}
	mark := s.stored.watermark().Restored(int64(s.engine.highest))
	if w.faults.baselineSettled {
		mark.S = mark.W
	}
	s.stored, s.stage = pack(mark), bound
}

// begin opens a round with one window, or two that meet at cut.
func (w *world) begin(s *state, k int, term, cut int8) error {
	from, p := s.stored.watermark(), w.position(&s.engine, term)
	if s.workers[k].phase == holding {
		from = s.workers[k].round.mark.watermark()
	}
	if w.faults.keepW {
		from.Term = p.Term
	}
	r, err := from.Begin(p)
	if errors.Is(err, checkpoint.ErrBehind) {
		s.workers[k].seen = s.engine.term
		return nil
	}
	if err != nil {
		return err
	}
	n := &s.workers[k]
	n.phase, n.seen = carrying, s.engine.term
	n.round.mark, n.round.to, n.round.cut, n.round.repeat = pack(r.Mark), int8(r.Window.To), cut, r.Repeat
	if cut < n.round.mark.w || cut > n.round.to {
		n.round.cut = n.round.to
	}
	if w.faults.positionOfBegin {
		n.round.began = int8(p.Max)
	}
	return nil
}

// window gives one of the round's two windows, the second of which may be empty.
func (r *round) window(i int) shard.Window {
	if i == 0 {
		return shard.Window{Shard: shard.ID{Index: "i"}, From: int64(r.mark.w), To: int64(r.cut)}
	}
	return shard.Window{Shard: shard.ID{Index: "i"}, From: int64(r.cut), To: int64(r.to)}
}

// windows counts those that are not empty.
func (r *round) windows() int {
	if r.cut < r.to {
		return 2
	}
	return 1
}

// of gives the window that a number lies in.
func (r *round) of(seq int8) int {
	if seq > r.cut {
		return 1
	}
	return 0
}

// scan reads a window's live documents on the primary, as of now.
func (w *world) scan(s *state, k, i int) {
	r, from := &s.workers[k].round, s.engine.primary
	if w.faults.refreshFirst {
		from = r.visible
	}
	r.scanned |= 1 << i
	in := r.window(i)
	for d, o := range from {
		if o.live() && int64(o.seq()) > in.From && int64(o.seq()) <= in.To {
			r.pending[d], r.verdict[d] = o, send
		}
	}
}

// rewrites says which kind of version a document is written with.
func (w *world) rewrites(r *round, o op) bool {
	if w.faults.neverRewrite {
		return false
	}
	carried := checkpoint.Round{Mark: r.mark.watermark(), Repeat: r.repeat}
	return carried.Rewrites(r.window(r.of(o.seq())))
}

// write sends one document that was read, and looks for a verdict where the
// target refuses its version, asking a copy of the source (protocol 1.4).
func (w *world) write(s *state, k, d int, asked int8) {
	if w.fences(s, k) {
		return
	}
	r := &s.workers[k].round
	o, there, here := r.pending[d], s.target[d], s.engine.answers(asked)[d]
	s.workers[k].seen = s.engine.term
	switch {
	case there == 0 || o.version() > there.version() || o.version() == there.version() && w.rewrites(r, o):
		s.put(d, o)
	case o == there || o.version() == there.version() && w.faults.equalIsReplay:
		// A replay: the content tells.
	case here != o || w.faults.skipLower && o.version() < there.version():
		// Deleted, changed or made anew since it was read.
	case o.version() == there.version():
		s.put(d, o)
	default:
		r.verdict[d] = drop
		return
	}
	r.pending[d], r.verdict[d] = 0, send
}

// fences turns an old worker's write away once the new one has written: the
// alias that it goes through is gone, and the old worker ends.
func (w *world) fences(s *state, k int) bool {
	if k == 0 {
		s.fenced = true
		return false
	}
	if !s.fenced || w.faults.noFence {
		return false
	}
	s.workers[k] = worker{}
	return true
}

// put changes a document on the target: nobody's condition on it holds then.
func (s *state) put(d int, o op) {
	s.target[d] = o
	s.fresh &^= 1 << d
	if o != 0 {
		s.fresh |= 1 << d
	}
	for k := range s.workers {
		n := &s.workers[k]
		n.gone.gone &^= 1 << d
		if n.round.verdict[d] == drop {
			n.round.verdict[d] = changed
		}
	}
}

// commit stores how far the round is, and ends it when all of it landed. The
// term of the position may be one that is over.
func (w *world) commit(s *state, k int, term int8) error {
	n := &s.workers[k]
	r := n.round
	n.seen = s.engine.term
	if k == 1 && !w.faults.noLease {
		// Its lease is not the present one.
		*n = worker{}
		return nil
	}
	mark, err := r.landed(w.faults.ackOnScan)
	if err != nil {
		return err
	}
	now := w.position(&s.engine, term)
	if w.faults.positionOfBegin {
		now.Max = int64(r.began)
	}
	moved, err := r.mark.watermark().Advance(mark, now)
	if errors.Is(err, checkpoint.ErrTermChanged) {
		*n = worker{seen: n.seen}
		return nil
	}
	if err != nil {
		return err
	}
	if w.faults.alwaysSettled {
		moved.S = moved.W
	}
	s.stored = pack(moved)
	if mark == int64(r.to) {
		*n = worker{seen: n.seen}
	}
	return nil
}

// landed is the mark of a real tracker that heard of the windows that are done.
func (r *round) landed(onScan bool) (int64, error) {
	t := checkpoint.NewTracker(int64(r.mark.w))
	for i := range r.windows() {
		if err := t.Dispatch(r.window(i)); err != nil {
			return 0, err
		}
	}
	for i := r.windows() - 1; i >= 0; i-- {
		if !onScan && !r.acknowledged(i) || r.scanned&(1<<i) == 0 {
			continue
		}
		if _, err := t.Acknowledge(r.window(i)); err != nil {
			return 0, err
		}
	}
	return t.Mark(), nil
}

// acknowledged reports whether every document of a window has its verdict.
func (r *round) acknowledged(i int) bool {
	for _, o := range r.pending {
		if o != 0 && r.of(o.seq()) == i {
			return false
		}
	}
	return r.scanned&(1<<i) != 0
}

// takeover: the worker was thought dead, and a new one has its lease. Between
// two rounds the old one remembers what it stored last.
func (s *state) takeover() {
	s.workers[1] = s.workers[0]
	if old := &s.workers[1]; old.phase == idle {
		old.phase, old.round.mark = holding, s.stored
	}
	s.workers[0] = worker{seen: s.workers[0].seen}
	s.takeovers--
	s.fenced = false
}

// reset makes the index anew on the target and carries it from its beginning.
func (w *world) reset(s *state) {
	for d := range s.target {
		s.put(d, 0)
	}
	s.stored = pack(checkpoint.Start(w.position(&s.engine, s.engine.term)))
	s.workers[0].seen = s.engine.term
	s.resets--
	s.fenced = true
}

// refuse ends a world whose watermark is no longer of its shard, which is right
// only where a failover hit an unsettled restored baseline, or history was lost.
func (w *world) refuse(s *state, k int, err error) error {
	broken, ok := errors.AsType[*checkpoint.BindingError](err)
	if !ok {
		return err
	}
	if k == 1 {
		// Whatever the old worker says, it ends.
		s.workers[k] = worker{}
		return nil
	}
	lost := s.engine.losses < w.bounds.losses && broken.What == "highest sequence number"
	if !lost && (!w.bounds.snapshot || s.stored.watermark().Settled() || s.engine.term == s.stored.term) {
		return fmt.Errorf("refused without need: %w", err)
	}
	s.stage = refused
	s.workers = [2]worker{}
	return nil
}
