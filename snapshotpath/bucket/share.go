package bucket

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// errandLasts is about how long a bundle takes at the share that goes with it, so
// that shares come back soon, and whoever has just come gets one.
const errandLasts = 10 * time.Second

// bound is the bytes a second of a copy. Each bundle takes a share of it along, and
// this process reads at what is left: together they have no more than the whole, at
// any time and whoever comes or goes. nil bounds nothing. Safe for concurrent use.
type bound struct {
	whole int64
	// limit is this process's own.
	limit *rate.Limiter
	// freed wakes the one that awaits.
	freed chan struct{}

	mu sync.Mutex
	// lent is the sum of the shares that so many bundles took along.
	lent, bundles int64
}

func newBound(bytesPerSecond int64) *bound {
	if bytesPerSecond <= 0 {
		return nil
	}
	return &bound{whole: bytesPerSecond, limit: limiter(bytesPerSecond), freed: make(chan struct{}, 1)}
}

// limiter gives one of so many bytes a second; nil for none.
func limiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), slice)
}

// next is the share that a bundle would get: as much as each of the others, and no
// more than this process keeps. The lock is held.
func (b *bound) next() int64 { return min(b.whole/(b.bundles+2), (b.whole-b.lent)/2) }

// await waits until there is a share worth its errand; the error is ctx's.
func (b *bound) await(ctx context.Context) error {
	for b != nil && !b.enough() {
		select {
		case <-b.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

func (b *bound) enough() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next() >= slice
}

// lend takes a share off; 0 is no bound.
func (b *bound) lend() int64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	share := b.next()
	b.lent, b.bundles = b.lent+share, b.bundles+1
	b.limit.SetLimit(rate.Limit(b.whole - b.lent))
	return share
}

// back gives a share back.
func (b *bound) back(share int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent, b.bundles = b.lent-share, b.bundles-1
	b.limit.SetLimit(rate.Limit(b.whole - b.lent))
	select {
	case b.freed <- struct{}{}:
	default:
	}
}

// own is this process's part; nil for no bound.
func (b *bound) own() *rate.Limiter {
	if b == nil {
		return nil
	}
	return b.limit
}

// most is how many bytes a bundle may have that takes such a share along.
func most(share int64) int64 {
	if share == 0 {
		return bundleBytes
	}
	return share * int64(errandLasts/time.Second)
}
