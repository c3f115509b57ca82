package bucket

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// leastShare of a rate is lent, in bytes a second: bundles at less would take so
	// long that this process waits for them, and what is bounded like that needs no
	// other one.
	leastShare = 1 << 20
	// bundleLasts is about how long a bundle takes at the share that goes with it, so
	// that shares come back soon, and whoever has just come gets one.
	bundleLasts = 10 * time.Second
)

// throttle lets so many bytes a second pass. Those who wait do so one behind the
// other, and so hear at their turn what the rate is by then. nil bounds nothing.
// Safe for concurrent use.
type throttle struct {
	limit *rate.Limiter
	turn  chan struct{}
}

// newThrottle gives one of so many bytes a second; nil for none.
func newThrottle(bytesPerSecond int64) *throttle {
	if bytesPerSecond <= 0 {
		return nil
	}
	return &throttle{limit: rate.NewLimiter(rate.Limit(bytesPerSecond), slice), turn: make(chan struct{}, 1)}
}

// wait waits until n bytes may pass, slice of them at most; the error is ctx's.
func (t *throttle) wait(ctx context.Context, n int) error {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.turn }()
	return t.limit.WaitN(ctx, n)
}

// bound is the bytes a second of a copy. Each bundle takes a share of it along, and
// this process reads at what is left: together they have no more than the whole, at
// any time and whoever comes or goes. nil bounds nothing. Safe for concurrent use.
type bound struct {
	whole int64
	own   *throttle
	// freed wakes the one that awaits.
	freed chan struct{}

	mu sync.Mutex
	// lent is the sum of the shares that bundles took along.
	lent int64
}

func newBound(bytesPerSecond int64) *bound {
	if bytesPerSecond <= 0 {
		return nil
	}
	return &bound{whole: bytesPerSecond, own: newThrottle(bytesPerSecond), freed: make(chan struct{}, 1)}
}

// await waits until there is a share to lend; the error is ctx's.
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

// enough: this process keeps as much as it lends.
func (b *bound) enough() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return (b.whole-b.lent)/2 >= leastShare
}

// lend takes a share off, where so many bundles may be lent at once: what each of
// them has then, and this process. 0 is no bound.
func (b *bound) lend(room int) int64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	share := min(max(b.whole/int64(room+1), leastShare), (b.whole-b.lent)/2)
	b.move(share)
	return share
}

// back gives a share back.
func (b *bound) back(share int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.move(-share)
	select {
	case b.freed <- struct{}{}:
	default:
	}
}

func (b *bound) move(share int64) {
	b.lent += share
	b.own.limit.SetLimit(rate.Limit(b.whole - b.lent))
}

// throttle is this process's part; nil for no bound.
func (b *bound) throttle() *throttle {
	if b == nil {
		return nil
	}
	return b.own
}

// most is how many bytes a bundle may have that takes such a share along.
func most(share int64) int64 {
	if share == 0 {
		return bundleBytes
	}
	return share * int64(bundleLasts/time.Second)
}
