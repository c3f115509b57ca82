package model_test

import "fmt"

// rest lets a world with idle workers come to rest as a cutover does: nobody
// writes, all is replicated, one round, the deletes. Both sides must be equal
// then, and after a few more rounds the marks at their end.
func (w *world) rest(s state) error {
	s.engine.settle()
	pass := []step{{kind: begins, a: s.engine.term, b: s.engine.global}, {kind: counts, a: s.engine.term}}
	for range 3 {
		for _, x := range pass {
			if err := w.through(&s, x); err != nil || s.stage == refused {
				return err
			}
		}
		if err := s.equal(); err != nil {
			return err
		}
	}
	if w.faults == (faults{}) && (s.stored.w != s.engine.highest || s.stored.s != s.engine.highest) {
		return fmt.Errorf("at rest: got W %d and S %d, want both %d", s.stored.w, s.stored.s, s.engine.highest)
	}
	return nil
}

// equal compares both sides entirely.
func (s *state) equal() error {
	for d, o := range s.engine.primary {
		if o.deleted() {
			o = 0
		}
		if s.target[d] != o {
			return fmt.Errorf("at rest: the source holds %v, the target %v", o, s.target[d])
		}
	}
	return nil
}

// through takes a first step and then, undisturbed, all that follow from it.
func (w *world) through(s *state, x step) error {
	if w.faults.refreshFirst && x.kind == begins {
		if err := w.act(s, step{kind: refreshes}); err != nil {
			return err
		}
	}
	err := w.act(s, x)
	for err == nil && s.workers[0].phase != idle {
		err = w.act(s, w.calmest(s))
	}
	return err
}

// calmest is the next step of a worker that nothing disturbs: it scans all,
// then writes all, then commits.
func (w *world) calmest(s *state) step {
	n, term := &s.workers[0], s.engine.term
	switch n.phase {
	case carrying:
		r := &n.round
		for i := range r.windows() {
			if r.scanned&(1<<i) == 0 && r.window(i).Span() > 0 {
				return step{kind: scans, a: int8(i)}
			}
		}
		for d, o := range r.pending {
			if o != 0 {
				return step{kind: sends, a: int8(d)}
			}
		}
		return step{kind: commits, a: term}
	case untouchedLook, writtenLook:
		return step{kind: looks}
	case untouchedAsked, writtenAsked:
		return step{kind: settles, a: term}
	default:
		return step{kind: deletesThem}
	}
}
