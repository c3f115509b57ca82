package batch

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Budget bounds the bytes of pages in flight, over all readers, and lends the
// memory for them: what was given back is used again rather than made anew, and
// counts until then. Safe for concurrent use.
type Budget struct {
	capacity int64
	bytes    *semaphore.Weighted

	mu sync.Mutex
	// idle rooms were given back; made is the bytes of these and of all that are
	// lent, lent those of the latter alone, and most of them at once.
	idle             []*Room
	made, lent, most int64
}

// Room is memory for one page and its documents. It has one owner at a time.
type Room struct {
	// Buf is as long as was asked for; the owner may put a longer one there.
	Buf []byte
	// Docs is empty, and has room.
	Docs []Doc

	budget *Budget
	size   int64
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

// Room waits like Acquire, and lends memory of n bytes.
func (b *Budget) Room(ctx context.Context, n int64) (*Room, error) {
	n = max(n, 0)
	size := min(roundUp(n), b.capacity)
	if err := b.bytes.Acquire(ctx, size); err != nil {
		return nil, fmt.Errorf("wait for %d bytes of the memory budget: %w", n, err)
	}
	r := b.take(size, n)
	if int64(cap(r.Buf)) < n {
		r.Buf = make([]byte, n)
	}
	r.Buf = r.Buf[:n]
	return r, nil
}

// roundUp gives the sizes that rooms have, so that few differ: an eighth more
// than asked for at most.
func roundUp(n int64) int64 {
	const least = 64 << 10
	if n <= least {
		return least
	}
	step := int64(1) << (bits.Len64(uint64(n-1)) - 4)
	return (n + step - 1) / step * step
}

// take gives an idle room of that size, or a little larger where the budget has
// that much, or makes one for n bytes, which may be more. Idle ones of other sizes
// go, the longest idle first, where the bytes of all rooms would exceed the
// capacity, or twice of what was ever lent at once: over weeks, pages have every
// size, and a room of each would be memory that nobody needs.
func (b *Budget) take(size, n int64) *Room {
	b.mu.Lock()
	defer b.mu.Unlock()
	// Sizes lie close to one another where pages aim at the same bytes.
	if i := slices.IndexFunc(b.idle, func(r *Room) bool {
		return r.size >= size && r.size <= size+size/4 && b.bytes.TryAcquire(r.size-size)
	}); i >= 0 {
		r := b.idle[i]
		b.idle = slices.Delete(b.idle, i, i+1)
		b.lend(r.size)
		return r
	}
	b.lend(size)
	for b.made+size > min(b.capacity, 2*b.most) && len(b.idle) > 0 {
		b.made -= b.idle[0].size
		b.idle = b.idle[1:]
	}
	b.made += size
	return &Room{Buf: make([]byte, max(size, n)), budget: b, size: size}
}

// lend books the bytes of a room.
func (b *Budget) lend(size int64) {
	b.lent += size
	b.most = max(b.most, b.lent)
}

// Release gives the room back; neither its bytes nor its documents may be
// touched afterwards. To be called once.
func (r *Room) Release() {
	b := r.budget
	b.mu.Lock()
	b.lent -= r.size
	if int64(cap(r.Buf)) == r.size {
		r.Docs = r.Docs[:0]
		b.idle = append(b.idle, r)
	} else {
		b.made -= r.size
	}
	b.mu.Unlock()
	b.bytes.Release(r.size)
}
