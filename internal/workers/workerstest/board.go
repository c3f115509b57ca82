package workerstest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"esferry/internal/workers"
)

// Board is a store of seats in memory, which refuses what etcd would refuse, and
// counts what is written to it. Safe for concurrent use.
type Board struct {
	mu      sync.Mutex
	seats   map[string]*Seat
	next    int
	changes []change
	woken   chan struct{}
	// writes that a store would make durable.
	writes int64
}

// change is what a leader is told.
type change struct {
	seat, errand string
	text         []byte
}

// New gives an empty one.
func New() *Board { return &Board{seats: map[string]*Seat{}, woken: make(chan struct{})} }

// Seat is one worker's.
type Seat struct {
	board *Board
	name  string
	asked map[string][]byte
	news  []string
	woken chan struct{}
	gone  chan struct{}
}

// Sit takes a seat with so much room.
func (b *Board) Sit(room int) *Seat {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	p := &Seat{board: b, name: strconv.Itoa(b.next), asked: map[string][]byte{}, woken: make(chan struct{}), gone: make(chan struct{})}
	b.seats[p.name] = p
	b.tell(change{seat: p.name, text: fmt.Appendf(nil, `{"host":"w","pid":%d,"room":%d}`, b.next, room)})
	return p
}

// Lose takes the seat away, as a lease does that runs out.
func (p *Seat) Lose() {
	p.board.mu.Lock()
	defer p.board.mu.Unlock()
	if p.board.seats[p.name] == nil {
		return
	}
	delete(p.board.seats, p.name)
	close(p.gone)
	p.board.tell(change{seat: p.name})
}

func (b *Board) tell(c change) {
	b.writes++
	b.changes = append(b.changes, c)
	close(b.woken)
	b.woken = make(chan struct{})
}

// Follow implements workers.Desk.
func (b *Board) Follow(ctx context.Context, seated func(seat string, text []byte), answered func(seat, errand string, text []byte)) error {
	for at := 0; ; {
		b.mu.Lock()
		news, woken := b.changes[at:], b.woken
		at = len(b.changes)
		b.mu.Unlock()
		for _, c := range news {
			if c.errand == "" {
				seated(c.seat, c.text)
			} else {
				answered(c.seat, c.errand, c.text)
			}
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return nil
		}
	}
}

// Assign implements workers.Desk.
func (b *Board) Assign(_ context.Context, seat, errand string, text []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.seats[seat]
	if p == nil {
		return fmt.Errorf("seat %s: %w", seat, workers.ErrNoSeat)
	}
	b.writes++
	p.asked[errand] = text
	p.tell(errand)
	return nil
}

func (p *Seat) tell(errand string) {
	p.news = append(p.news, errand)
	close(p.woken)
	p.woken = make(chan struct{})
}

// Clear implements workers.Desk.
func (b *Board) Clear(_ context.Context, seat, errand string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
	if p := b.seats[seat]; p != nil && p.asked[errand] != nil {
		delete(p.asked, errand)
		p.tell(errand)
	}
	return nil
}

// Announce implements workers.Desk.
func (b *Board) Announce(context.Context, []byte) error { return nil }

// Follow implements workers.Seat.
func (p *Seat) Follow(ctx context.Context, tell func(errand string, text []byte)) error {
	for at := 0; ; {
		p.board.mu.Lock()
		type news struct {
			errand string
			text   []byte
		}
		var all []news
		for _, errand := range p.news[at:] {
			all = append(all, news{errand, p.asked[errand]})
		}
		at = len(p.news)
		woken := p.woken
		p.board.mu.Unlock()
		for _, n := range all {
			tell(n.errand, n.text)
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return nil
		}
	}
}

// ErrLost is what the board says of a seat that is gone.
var ErrLost = errors.New("the seat is lost")

// Answer implements workers.Seat.
func (p *Seat) Answer(_ context.Context, errand string, text []byte) error {
	p.board.mu.Lock()
	defer p.board.mu.Unlock()
	switch {
	case p.board.seats[p.name] == nil:
		return fmt.Errorf("%w: %w", workers.ErrRefused, ErrLost)
	case p.asked[errand] == nil:
		return workers.ErrWithdrawn
	}
	delete(p.asked, errand)
	p.board.tell(change{seat: p.name, errand: errand, text: text})
	return nil
}

// Lost implements workers.Seat.
func (p *Seat) Lost(ctx context.Context) error {
	select {
	case <-p.gone:
		return ErrLost
	case <-ctx.Done():
		return nil
	}
}

var (
	_ workers.Desk = (*Board)(nil)
	_ workers.Seat = (*Seat)(nil)
)

// Writes counts what a store would have made durable.
func (b *Board) Writes() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writes
}
