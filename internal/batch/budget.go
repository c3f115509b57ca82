package batch

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Budget bounds the bytes of pages in flight, over all readers. Safe for
// concurrent use.
type Budget struct {
	capacity int64
	bytes    *semaphore.Weighted
}

// NewBudget gives a budget of so many bytes. Less than one counts as one, so
// that a forgotten setting makes pages pass alone rather than without a bound.
func NewBudget(capacity int64) *Budget {
	capacity = max(capacity, 1)
	return &Budget{capacity: capacity, bytes: semaphore.NewWeighted(capacity)}
}

// Acquire waits until n bytes are free and returns the function that gives
// them back. A request above the capacity is cut to the capacity: it would
// wait for ever, and one giant page must still pass, alone. Later calls of
// release do nothing. On failure nothing is held and the error is ctx's.
func (b *Budget) Acquire(ctx context.Context, n int64) (release func(), err error) {
	n = min(max(n, 0), b.capacity)
	if err := b.bytes.Acquire(ctx, n); err != nil {
		return nil, fmt.Errorf("wait for %d bytes of the memory budget: %w", n, err)
	}
	return sync.OnceFunc(func() { b.bytes.Release(n) }), nil
}
