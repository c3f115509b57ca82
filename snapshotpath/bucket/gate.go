package bucket

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gate bounds how many requests for objects run at once: half as many when a
// service asks for fewer, one more for each round of good ones.
type gate struct {
	tokens chan struct{}

	mu sync.Mutex
	// limit is how many may run, owed how many tokens are to be taken out.
	limit, owed int
	// good counts what went well since the limit moved.
	good int
	cut  time.Time
}

func newGate() *gate {
	g := &gate{tokens: make(chan struct{}, workers), limit: workers}
	for range workers {
		g.tokens <- struct{}{}
	}
	return g
}

// enter waits for a free place.
func (g *gate) enter(ctx context.Context) error {
	select {
	case <-g.tokens:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the place back.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owed > 0 {
		g.owed--
		return
	}
	g.tokens <- struct{}{}
	if g.good++; g.good < g.limit || g.limit == workers {
		return
	}
	g.good = 0
	g.limit++
	g.tokens <- struct{}{}
}

// calm is how long a cut is given to show: all that run hear of it at once.
const calm = time.Second

// heard notes a failed try.
func (g *gate) heard(err error, _ time.Duration) {
	e, ok := errors.AsType[*Error](err)
	if !ok || !e.throttled() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.cut) < calm || g.limit == 1 {
		return
	}
	fewer := g.limit / 2
	g.limit, g.owed, g.good, g.cut = g.limit-fewer, g.owed+fewer, 0, time.Now()
}
