package model_test

import "fmt"

// promises holds a state against what the protocol says of every state. The
// promise for W holds until the next failover; the one for S on both copies
// and for good.
func (w *world) promises(s *state) error {
	if s.stage != bound {
		return nil
	}
	e := &s.engine
	if s.stored.term == e.term {
		if err := s.holds("W on the primary", e.primary, s.stored.w); err != nil {
			return err
		}
	}
	if !s.stored.watermark().Settled() {
		return nil
	}
	if err := s.holds("S on the primary", e.primary, s.stored.s); err != nil {
		return err
	}
	if err := s.holds("S on the replica", e.replica, s.stored.s); err != nil {
		return err
	}
	if !w.bounds.snapshot {
		return nil
	}
	for d, o := range e.primary {
		if o.live() && o.seq() <= s.stored.w0 && (s.target[d] != o || s.fresh&(1<<d) != 0) {
			return fmt.Errorf("subset at or below W0 = %d: the source holds %v, the target %v, written by the delta: %v", s.stored.w0, o, s.target[d], s.fresh&(1<<d) != 0)
		}
	}
	return nil
}

// holds checks that the target has all that a copy holds at or below mark.
func (s *state) holds(what string, c shelf, mark int8) error {
	for d, o := range c {
		if o.live() && o.seq() <= mark && s.target[d] != o {
			return fmt.Errorf("%s = %d: the source holds %v, the target %v", what, mark, o, s.target[d])
		}
	}
	return nil
}
