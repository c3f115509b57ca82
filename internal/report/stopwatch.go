package report

import "sync"

// Stopwatch adds up how long each index has taken, and hands every event on.
// Safe for concurrent use.
type Stopwatch struct {
	next Observer

	mu      sync.Mutex
	seconds map[string]float64
}

var _ Observer = (*Stopwatch)(nil)

// NewStopwatch gives one that hands events on to next.
func NewStopwatch(next Observer) *Stopwatch {
	return &Stopwatch{next: next, seconds: map[string]float64{}}
}

// Observe implements Observer.
func (s *Stopwatch) Observe(e Event) {
	if e.Kind == PhaseEnded && e.Index != "" {
		s.mu.Lock()
		s.seconds[e.Index] += e.Seconds
		s.mu.Unlock()
	}
	s.next.Observe(e)
}

// Seconds that the phases of an index have taken; 0 where it had none.
func (s *Stopwatch) Seconds(index string) float64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seconds[index]
}
