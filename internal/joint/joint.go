package joint

import (
	"context"
	"errors"
	"sync"
	"time"

	"esferry/internal/retry"
)

// moment is how long the first caller waits for others: those who were waiting
// for the same answer come back for the next one within it, and it is little
// beside a request.
const moment = time.Millisecond

// errEach sends every caller of a call on its own way.
var errEach = errors.New("each has to call for itself")

// Calls joins calls that ask for something of the type Q and are answered by
// something of the type A. Safe for concurrent use.
type Calls[Q, A any] struct {
	all func(ctx context.Context, asked []Q) ([]A, error)
	one func(ctx context.Context, asked Q) (A, error)

	mu sync.Mutex
	// open takes callers in; nil where nobody waits.
	open *call[Q, A]
}

// call is one call for several.
type call[Q, A any] struct {
	asked []Q
	done  chan struct{}
	// answers, or err, are there once done is closed.
	answers []A
	err     error
}

// New gives Calls that are made by all for several, in the order in which they
// are answered, and by one for those who are alone or whose joint call failed.
// What all does must do no harm where it is done again by one.
func New[Q, A any](all func(ctx context.Context, asked []Q) ([]A, error), one func(ctx context.Context, asked Q) (A, error)) *Calls[Q, A] {
	return &Calls[Q, A]{all: all, one: one}
}

// Do asks, together with others where some come at the same time. It returns when
// the call has ended, also where ctx ends before: what was done is told. Its
// errors are those of a call that is made for this caller alone.
func (c *Calls[Q, A]) Do(ctx context.Context, asked Q) (A, error) {
	shared, at := c.join(asked)
	if at == 0 {
		c.lead(ctx, shared)
	}
	<-shared.done
	if shared.err != nil {
		return c.one(ctx, asked)
	}
	return shared.answers[at], nil
}

// join puts the caller into the open call, and opens one where there is none.
func (c *Calls[Q, A]) join(asked Q) (shared *call[Q, A], at int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = &call[Q, A]{done: make(chan struct{}), err: errEach}
	}
	c.open.asked = append(c.open.asked, asked)
	return c.open, len(c.open.asked) - 1
}

// lead waits a moment, and makes the call for all who have come. Where the
// leader's own context ends, the others are on their own.
func (c *Calls[Q, A]) lead(ctx context.Context, shared *call[Q, A]) {
	defer close(shared.done)
	err := retry.Sleep(ctx, moment)
	c.mu.Lock()
	c.open = nil
	c.mu.Unlock()
	if err != nil || len(shared.asked) == 1 {
		return
	}
	answers, err := c.all(ctx, shared.asked)
	if err == nil && len(answers) != len(shared.asked) {
		err = errEach
	}
	shared.answers, shared.err = answers, err
}
