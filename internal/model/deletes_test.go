package model_test

// count is the beginning of protocol 2: positions and live counts of both
// sides. Nothing more is done where these agree.
func (w *world) count(s *state, k int, term int8) {
	n := &s.workers[k]
	n.seen = s.engine.term
	g := deletes{
		term: term, here: s.engine.primary.live(s.engine.highest), there: s.target.live(15), moving: s.engine.highest > s.stored.w,
	}
	if g.there == g.here || g.there < g.here && !g.moving && !w.bounds.snapshot {
		*n = worker{seen: n.seen}
		return
	}
	n.gone = g
	if n.phase = writtenLook; w.bounds.snapshot {
		n.phase = untouchedLook
	}
}

// look finds documents on the target that a copy of the source says it does not
// hold: by counts at or below W0, else one by one.
func (w *world) look(s *state, k int, asked int8) {
	n := &s.workers[k]
	n.seen = s.engine.term
	first := n.phase == untouchedLook
	if first {
		n.gone.gone = w.surplus(s)
	} else {
		n.gone.gone = w.written(s)
	}
	for d, o := range s.engine.answers(asked) {
		if o.live() {
			n.gone.gone &^= 1 << d
		}
	}
	n.gone.said = s.engine.highest
	switch {
	case n.gone.gone == 0:
		n.next(first)
	case first && w.faults.deleteAtOnce:
		n.phase = untouchedSettled
	case w.faults.deleteAtOnce:
		n.phase = writtenSettled
	case first:
		n.phase = untouchedAsked
	default:
		n.phase = writtenAsked
	}
}

// below is the number up to which a pass relies on counts.
func (w *world) below(s *state) int8 {
	if w.faults.histogramToSMax {
		return s.stored.sMax
	}
	return s.stored.w0
}

// surplus gives the target's documents that the source lacks under their
// number, unless the counts of both sides agree.
func (w *world) surplus(s *state) (found uint8) {
	to := w.below(s)
	restored := shelf{}
	for d, o := range s.target {
		if s.fresh&(1<<d) == 0 {
			restored[d] = o
		}
	}
	if restored.live(to) == s.engine.primary.live(to) {
		return 0
	}
	for d, o := range restored {
		if o != 0 && o.seq() <= to {
			found |= 1 << d
		}
	}
	return found
}

// written gives the target's documents that counts say nothing about.
func (w *world) written(s *state) (found uint8) {
	for d, o := range s.target {
		if o != 0 && (!w.bounds.snapshot || s.fresh&(1<<d) != 0 || o.seq() > w.below(s)) {
			found |= 1 << d
		}
	}
	return found
}

// settled waits until what the source said can no longer be taken back. The
// term may be one that is over by the time the statistics are read.
func (s *state) settled(k int, term int8) {
	n := &s.workers[k]
	n.seen = s.engine.term
	switch {
	case term != n.gone.term:
		*n = worker{seen: n.seen}
	case n.phase == untouchedAsked:
		n.phase = untouchedSettled
	default:
		n.phase = writtenSettled
	}
}

// remove deletes from the target what did not change there since.
func (w *world) remove(s *state, k int) {
	if w.fences(s, k) {
		return
	}
	gone := s.workers[k].gone.gone
	for d := range s.target {
		if gone&(1<<d) != 0 {
			s.put(d, 0)
			s.workers[k].gone.there--
		}
	}
	s.workers[k].next(s.workers[k].phase == untouchedSettled)
}

// next goes from the first pass to the second where that is due.
func (n *worker) next(first bool) {
	n.gone.gone, n.gone.said = 0, 0
	if n.phase = writtenLook; !first || n.gone.there <= n.gone.here && !n.gone.moving {
		*n = worker{seen: n.seen}
	}
}
