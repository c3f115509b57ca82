package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"esferry/internal/retry"
)

const (
	// tries is after how many failures in a row a worker is asked no more.
	tries = 3
	// clearing bounds the taking back of an errand that nobody waits for.
	clearing = 3 * time.Second
)

// Desk is where a leader asks errands of seats. Each error that is not ctx's ends
// the leader's work: it has lost the ferry, or its store.
type Desk interface {
	// Follow tells of seats and of answers until ctx ends; nil is what is gone.
	Follow(ctx context.Context, seated func(seat string, text []byte), answered func(seat, errand string, text []byte)) error
	// Assign asks; whoever is asked is told once, unless it has left.
	Assign(ctx context.Context, seat, errand string, text []byte) error
	// Clear takes an errand and its answer away.
	Clear(ctx context.Context, seat, errand string) error
	// Announce tells all seats something.
	Announce(ctx context.Context, text []byte) error
}

// Worker is who sits on a seat.
type Worker struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Room is how many errands it does at a time.
	Room int `json:"room"`
}

// String names it.
func (w Worker) String() string { return fmt.Sprintf("pid %d on %s", w.PID, w.Host) }

// Answer is what a worker made of an errand.
type Answer struct {
	// Error is why it was not done; empty for done.
	Error string `json:"error,omitempty"`
	// Result is the work's own.
	Result json.RawMessage `json:"result,omitempty"`
}

// LostError says that a worker left while it was asked. What it has done, or still
// does, is not known.
type LostError struct{ Worker Worker }

// Error names the worker.
func (e *LostError) Error() string { return fmt.Sprintf("worker %s is gone", e.Worker) }

// FailedError says that a worker could not do what it was asked, and has stopped.
type FailedError struct {
	Worker Worker
	Reason string
}

// Error names the worker and its reason.
func (e *FailedError) Error() string { return fmt.Sprintf("worker %s: %s", e.Worker, e.Reason) }

// Pool is the workers of one ferry, as its leader sees them. Safe for concurrent
// use.
type Pool struct {
	desk Desk

	mu    sync.Mutex
	seats map[string]*seat
	// waiting are those who want a hand, the first one first.
	waiting []chan *Hand
	asked   uint64
	changed chan struct{}
}

// seat is one worker; the pool's lock guards it.
type seat struct {
	name   string
	worker Worker
	// hands that are hired.
	hands int
	// answers are awaited, by errand.
	answers map[string]chan Answer
	failed  int
	gone    chan struct{}
}

// NewPool gives a pool that is empty until Run.
func NewPool(desk Desk) *Pool {
	return &Pool{desk: desk, seats: map[string]*seat{}, changed: make(chan struct{})}
}

// Run follows who comes and goes until ctx ends, and returns nil.
func (p *Pool) Run(ctx context.Context) error { return p.desk.Follow(ctx, p.seated, p.answered) }

// Workers lists who is there, and gives a channel that is closed when somebody
// comes or goes.
func (p *Pool) Workers() ([]Worker, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Worker, 0, len(p.seats))
	for _, s := range p.seats {
		all = append(all, s.worker)
	}
	return all, p.changed
}

// Announce tells all workers something.
func (p *Pool) Announce(ctx context.Context, text []byte) error { return p.desk.Announce(ctx, text) }

func (p *Pool) seated(name string, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.settle()
	if s := p.seats[name]; s != nil {
		close(s.gone)
		delete(p.seats, name)
	}
	var w Worker
	if text != nil && json.Unmarshal(text, &w) == nil {
		p.seats[name] = &seat{name: name, worker: w, answers: map[string]chan Answer{}, gone: make(chan struct{})}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Pool) answered(name, errand string, text []byte) {
	if text == nil {
		return
	}
	var a Answer
	if err := json.Unmarshal(text, &a); err != nil {
		a.Error = fmt.Sprintf("its answer is not one: %v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.seats[name]; s != nil && s.answers[errand] != nil {
		// There is room for one.
		s.answers[errand] <- a
		delete(s.answers, errand)
	}
}

// Hand is room at a worker, for one errand at a time. One goroutine uses it.
type Hand struct {
	pool *Pool
	seat *seat
}

// Hire waits until a worker has room; those who wait longest come first. The error
// is ctx's.
func (p *Pool) Hire(ctx context.Context) (*Hand, error) {
	offer := make(chan *Hand, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, offer)
	p.settle()
	p.mu.Unlock()
	select {
	case h := <-offer:
		return h, nil
	case <-ctx.Done():
		p.decline(offer)
		return nil, ctx.Err()
	}
}

// decline gives up waiting, and a hand that was offered meanwhile.
func (p *Pool) decline(offer chan *Hand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.waiting {
		if p.waiting[i] == offer {
			p.waiting = append(p.waiting[:i:i], p.waiting[i+1:]...)
			return
		}
	}
	(<-offer).seat.hands--
	p.settle()
}

// settle gives those who wait what room there is, at whoever has the most.
func (p *Pool) settle() {
	for len(p.waiting) > 0 {
		var best *seat
		for _, s := range p.seats {
			if s.room() > 0 && (best == nil || s.room() > best.room()) {
				best = s
			}
		}
		if best == nil {
			return
		}
		best.hands++
		p.waiting[0] <- &Hand{pool: p, seat: best}
		p.waiting = p.waiting[1:]
	}
}

func (s *seat) room() int {
	if s.failed >= tries {
		return 0
	}
	return s.worker.Room - s.hands
}

// Name tells the worker's seat apart from every other one, ever.
func (h *Hand) Name() string { return h.seat.name }

// Worker is whose hand it is.
func (h *Hand) Worker() Worker { return h.seat.worker }

// Free gives the hand back.
func (h *Hand) Free() {
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	h.seat.hands--
	h.pool.settle()
}

// Do asks an errand and waits for what comes of it: its result, a *LostError, a
// *FailedError, or what ends the leader's work. When ctx ends the worker is told to
// stop.
func (h *Hand) Do(ctx context.Context, errand []byte) (json.RawMessage, error) {
	p, s := h.pool, h.seat
	answer := make(chan Answer, 1)
	p.mu.Lock()
	p.asked++
	name := strconv.FormatUint(p.asked, 10)
	s.answers[name] = answer
	p.mu.Unlock()
	err := p.desk.Assign(ctx, s.name, name, errand)
	if err != nil {
		h.forget(name)
		return nil, h.unless(err)
	}
	select {
	case a := <-answer:
		return h.weigh(a, p.desk.Clear(ctx, s.name, name))
	case <-s.gone:
		return nil, &LostError{Worker: s.worker}
	case <-ctx.Done():
		h.forget(name)
		lingering, free := retry.Linger(ctx, clearing)
		defer free()
		// It ends with this process's lease at the latest.
		_ = p.desk.Clear(lingering, s.name, name) //nolint:errcheck // see above
		return nil, ctx.Err()
	}
}

// unless gives the error of an errand that could not be asked: that the worker has
// just left is none of the store's.
func (h *Hand) unless(err error) error {
	if errors.Is(err, ErrNoSeat) {
		return &LostError{Worker: h.seat.worker}
	}
	return err
}

// ErrNoSeat is in the error of a Desk's Assign where the seat is empty.
var ErrNoSeat = errors.New("nobody sits there")

func (h *Hand) forget(errand string) {
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	delete(h.seat.answers, errand)
}

func (h *Hand) weigh(a Answer, cleared error) (json.RawMessage, error) {
	if cleared != nil {
		return nil, cleared
	}
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	if a.Error != "" {
		h.seat.failed++
		return nil, &FailedError{Worker: h.seat.worker, Reason: a.Error}
	}
	h.seat.failed = 0
	return a.Result, nil
}
