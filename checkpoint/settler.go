package checkpoint

import "esferry/internal/shard"

// Settler lets the settled mark follow a long round closely, so that a failover
// in the middle of a baseline repeats seconds of work and not the baseline
// (protocol 1.3, S2.3.5). It keeps, for each commit of the round, how far the
// round was and which operations may have hidden a document from its scans by
// then; once all of those are durable, that far is settled.
//
// Pure, and not safe for concurrent use: one committer owns it.
type Settler struct {
	term int64
	// global was read at the last commit. That it was read of the primary of
	// this term is known only when the term is read again, after it.
	global int64
	// stations, the oldest first.
	stations []station
}

type station struct{ mark, hiding int64 }

// NewSettler gives the settler of a round that began under a term.
func NewSettler(term int64) *Settler { return &Settler{term: term, global: Unsettled} }

// Observe notes a commit of the round at mark, with the position read after
// the scans of all below it were open, its term before all else. It gives what
// is settled by now, or Unsettled where nothing is.
func (s *Settler) Observe(mark int64, now shard.Position) int64 {
	if now.Term != s.term {
		s.stations, s.global = nil, Unsettled
		return Unsettled
	}
	settled := int64(Unsettled)
	for len(s.stations) > 0 && s.stations[0].hiding <= s.global {
		settled, s.stations = s.stations[0].mark, s.stations[1:]
	}
	s.stations = append(s.stations, station{mark: mark, hiding: now.Max})
	s.global = now.Global
	return settled
}

// Settle raises the settled mark to what a Settler gave; it never falls.
func (w Watermark) Settle(settled int64) Watermark {
	w.S = max(w.S, settled)
	return w
}
