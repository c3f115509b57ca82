package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"esferry/internal/retry"
)

const (
	// ahead is how long one page may keep its reader waiting at the bounds of now:
	// far less than a scroll is kept alive, although readers share the bounds.
	ahead = 5 * time.Second
	// credit is for how long an unused bound is kept: or the time of a request
	// would be lost, and a bound never reached.
	credit = time.Second
	// longestRest bounds a reader's rest under a brake, for the same reason.
	longestRest = time.Minute
	// forever is how long who is paused waits, unless something changes.
	forever = 24 * time.Hour
)

// ErrUnbounded refuses to pause what must not be slowed: writers wait for it.
var ErrUnbounded = errors.New("the last lap under the freeze is not to be slowed: wait for its end, or interrupt the ferry, which lifts the freeze")

// Rates bound what is read from the source, over all readers; 0 is no bound.
type Rates struct {
	Docs     int64 `json:"docs_per_second"`
	Bytes    int64 `json:"bytes_per_second"`
	Requests int64 `json:"requests_per_second"`
}

// PaceState is how fast a ferry may read, and why.
type PaceState struct {
	Rates Rates `json:"rate"`
	// Paused: nothing is read until it is resumed.
	Paused bool `json:"paused"`
	// Lifted: no bound holds, since writers are held back.
	Lifted bool `json:"lifted"`
	// Share of their time that readers may spend waiting for the source; 1 without
	// a brake.
	Share float64 `json:"share"`
	// Requests that were let go so far.
	Requests int64 `json:"requests"`
}

// Pace bounds how fast readers ask the source: by documents, bytes and requests
// a second together, and by the share of their time that they may keep it busy.
// What is read is owed, and paid before the next request: so a page of any size
// passes, and the bounds hold on average. All of it can change at any time, and
// whoever waits hears of it. Safe for concurrent use; nil bounds nothing.
type Pace struct {
	mu    sync.Mutex
	state PaceState
	// parties share the bounds, this process being one of them.
	parties int64
	owed    [3]float64
	at      time.Time
	changed chan struct{}
}

// NewPace gives a pace with these bounds.
func NewPace(r Rates) *Pace {
	return &Pace{state: PaceState{Rates: r, Share: 1}, parties: 1, at: time.Now(), changed: make(chan struct{})}
}

// State tells how the pace stands.
func (p *Pace) State() PaceState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Set changes the bounds.
func (p *Pace) Set(r Rates) { p.change(func(s *PaceState) { s.Rates = r }) }

// Divide leaves this process one part of so many of each bound: others have the
// rest.
func (p *Pace) Divide(parties int) {
	p.change(func(*PaceState) { p.parties = int64(max(1, parties)) })
}

// Brake lets readers spend at most a share of their time waiting for the source;
// 1 takes the brake off.
func (p *Pace) Brake(share float64) { p.change(func(s *PaceState) { s.Share = share }) }

// Resume lets readers go on.
func (p *Pace) Resume() { p.change(func(s *PaceState) { s.Paused = false }) }

// Pause lets no request begin until Resume; ErrUnbounded while the bounds are
// lifted.
func (p *Pace) Pause() error {
	var err error
	p.change(func(s *PaceState) {
		if s.Lifted {
			err = ErrUnbounded
			return
		}
		s.Paused = true
	})
	return err
}

// Lift takes every bound off until restore is called. While paused it waits for
// Resume first; the error is ctx's.
func (p *Pace) Lift(ctx context.Context) (restore func(), err error) {
	for {
		var paused bool
		changed := p.change(func(s *PaceState) {
			paused = s.Paused
			s.Lifted = !paused
		})
		if !paused {
			return sync.OnceFunc(func() { p.change(func(s *PaceState) { s.Lifted = false }) }), nil
		}
		if err := retry.Doze(ctx, forever, changed); err != nil {
			return nil, fmt.Errorf("wait to be resumed: %w", err)
		}
	}
}

// Page cuts what a page should hold down to what the bounds let pass in a few
// seconds.
func (p *Pace) Page(docs int, bytes int64) (int, int64) {
	if p == nil {
		return docs, bytes
	}
	p.mu.Lock()
	lifted, limits := p.state.Lifted, p.limits()
	p.mu.Unlock()
	if lifted {
		return docs, bytes
	}
	if limits[0] > 0 {
		docs = int(min(int64(docs), limits[0]*int64(ahead/time.Second)))
	}
	if limits[1] > 0 {
		bytes = min(bytes, limits[1]*int64(ahead/time.Second))
	}
	return docs, bytes
}

// change settles what is owed at the bounds of before, and wakes all who wait;
// the channel tells of the next change.
func (p *Pace) change(fn func(s *PaceState)) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	fn(&p.state)
	close(p.changed)
	p.changed = make(chan struct{})
	return p.changed
}

// limits are this process's part of the bounds, in the order of owed. A bound that
// has fewer than one for each is one.
func (p *Pace) limits() [3]int64 {
	limits := [3]int64{p.state.Rates.Docs, p.state.Rates.Bytes, p.state.Rates.Requests}
	for i, total := range limits {
		if total > 0 {
			limits[i] = max(1, total/p.parties)
		}
	}
	return limits
}

// settle pays off what time has paid since the last call.
func (p *Pace) settle() {
	now := time.Now()
	passed := now.Sub(p.at).Seconds()
	p.at = now
	for i, limit := range p.limits() {
		p.owed[i] = max(p.owed[i]-passed*float64(limit), -credit.Seconds()*float64(limit))
		if limit == 0 || p.state.Lifted {
			p.owed[i] = 0
		}
	}
}

// ask lets a request begin, or tells how long to wait for it at most, and what
// wakes earlier.
func (p *Pace) ask(rested time.Time, took time.Duration) (wait time.Duration, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	s := p.state
	switch {
	case s.Lifted:
	case s.Paused:
		wait = forever
	default:
		rest := min(time.Duration(float64(took)*(1/s.Share-1)), longestRest)
		wait = rested.Add(rest).Sub(p.at)
		for i, limit := range p.limits() {
			if p.owed[i] > 0 {
				// Rounded up: a timer that fires early would only be set again.
				wait = max(wait, time.Duration(p.owed[i]/float64(limit)*float64(time.Second))+1)
			}
		}
	}
	if wait <= 0 {
		p.state.Requests++
		p.owed[2]++
	}
	return wait, p.changed
}

// spend books what was read.
func (p *Pace) spend(docs int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	p.owed[0] += float64(docs)
	p.owed[1] += float64(bytes)
}

// Lane gives one reader's way to the source.
func (p *Pace) Lane() *Lane { return &Lane{pace: p} }

// Lane is one reader's way to the source, for one goroutine.
type Lane struct {
	pace         *Pace
	began, ended time.Time
}

// Wait waits until the next request may begin; the error is ctx's.
func (l *Lane) Wait(ctx context.Context) error {
	for l.pace != nil {
		wait, changed := l.pace.ask(l.ended, l.ended.Sub(l.began))
		if wait <= 0 {
			break
		}
		if err := retry.Doze(ctx, wait, changed); err != nil {
			return fmt.Errorf("wait for the source's turn: %w", err)
		}
	}
	l.began = time.Now()
	l.ended = l.began
	return nil
}

// Answered notes that the source has worked the request out.
func (l *Lane) Answered() { l.ended = time.Now() }

// Spent notes what a page held.
func (l *Lane) Spent(docs int, bytes int64) {
	if l.pace != nil {
		l.pace.spend(docs, bytes)
	}
}
