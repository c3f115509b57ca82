package sink

import (
	"context"
	"fmt"
	"sync"
	"time"

	"esferry/internal/cluster"
)

const (
	// firstWriters is where an adapting controller begins: with two, the target
	// works on one bulk while the other is on the wire.
	firstWriters = 2
	// leastMost is the least that an adapting controller may come to.
	leastMost = 4
	// rounds of requests make a measurement, the first of them not counted, and
	// shortest is what it lasts at least: less would see one merge.
	rounds, shortest = 5, 500 * time.Millisecond
	// leastBytes is the smallest bound on bodies after a 413. leastPressed is
	// the smallest for a target that lacks memory: still smaller ones would only
	// be more requests.
	leastBytes, leastPressed = 64 << 10, 1 << 20
)

// Limits of a Controller.
type Limits struct {
	// Writers fixes the bulk requests at once; 0 adapts them to the target.
	Writers int
	// Most bounds them where they adapt; 4 at least.
	Most int
	// MaxBytes bounds a bulk body; 8 MiB when zero: the smallest Amazon
	// instances take 10 MiB, and larger bodies gain nothing measurable.
	MaxBytes int
}

// Pace is what a Controller lets through at present.
type Pace struct {
	// Writers is the bound on bulk requests at once, Most the bound on that.
	Writers int `json:"writers"`
	Most    int `json:"most"`
	// BulkBytes bounds a bulk body.
	BulkBytes int `json:"bulk_bytes"`
	// Busy counts the requests that the target had no room for, or not for all
	// of their items.
	Busy int64 `json:"busy"`
}

// Controller adapts the bulk requests of all writers to one target: how many
// are under way at once, and how large they are. There are more as long as the
// throughput grows by it, and half as many where the target has no room: 429,
// 503, a circuit breaker, no answer. A body that was refused with 413 is never
// tried in that size again. Where requests wait, the most urgent has every other
// turn. Safe for concurrent use.
//
// It does not steer by latency: a bulk's follows its size and the target's
// merges, and the longest one may go with the best throughput.
type Controller struct {
	changed func(Pace)

	mu     sync.Mutex
	most   int
	climb  climb
	line   line
	bytes  int
	busy   int64
	sample sample
}

// sample is what was seen of the present pace.
type sample struct {
	// ended requests; idle ones left no other waiting for their turn.
	ended, idle int
	// since is when the first round of requests had ended: those before ran
	// beside requests of another pace. bytes came after it.
	since time.Time
	bytes int64
}

// NewController gives the controller of a target. changed hears of each new
// pace, unless it is nil; it must neither block nor call the controller.
func NewController(l Limits, changed func(Pace)) *Controller {
	if l.MaxBytes == 0 {
		l.MaxBytes = 8 << 20
	}
	c := &Controller{changed: changed, most: max(l.Most, leastMost), bytes: l.MaxBytes}
	c.SetWriters(l.Writers)
	return c
}

// SetWriters fixes the bulk requests at once; 0 adapts them again.
func (c *Controller) SetWriters(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.climb = climb{limit: n, most: n, fixed: true, pause: shortestHold}
	if n == 0 {
		c.climb = climb{limit: firstWriters, most: c.most, steep: true, pause: shortestHold}
	}
	c.climb.trial = c.climb.limit
	c.adopt()
}

// Pace gives the present one.
func (c *Controller) Pace() Pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pace()
}

func (c *Controller) pace() Pace {
	return Pace{Writers: c.climb.trial, Most: c.climb.most, BulkBytes: c.bytes, Busy: c.busy}
}

// send waits for a turn and calls do within it, which sends one bulk request of
// so many items and tells its size. Once ctx has ended nothing is sent.
func (c *Controller) send(ctx context.Context, urgency int64, items int, do func(ctx context.Context) (size int, verdicts []cluster.Item, err error)) ([]cluster.Item, error) {
	p, err := c.enter(ctx, urgency)
	if err != nil {
		return nil, err
	}
	said := answer{items: items}
	defer func() { c.leave(p, said) }()
	said.size, said.verdicts, said.err = do(ctx)
	return said.verdicts, said.err
}

func (c *Controller) enter(ctx context.Context, urgency int64) (*place, error) {
	c.mu.Lock()
	p := c.line.join(urgency)
	c.mu.Unlock()
	select {
	case <-p.ready:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.line.leave(p)
		return nil, fmt.Errorf("wait for a turn at the target: %w", err)
	}
	return p, nil
}

// leave learns from what the target said, and ends a turn: in this order, so
// that nobody follows who is too much.
func (c *Controller) leave(p *place, said answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch current := p.epoch == c.line.epoch; {
	case said.tooLarge():
		c.shrink(max(leastBytes, said.size/2))
	case said.busy():
		c.busy++
		if current {
			c.press(said)
		}
	case said.err == nil && current:
		c.measure(said.size, len(c.line.waiting) == 0)
	}
	c.line.leave(p)
}

// press answers a target that has no room: with fewer requests, and with
// smaller ones where one alone was too much.
func (c *Controller) press(said answer) {
	if c.climb.trial == 1 && said.pressed() {
		c.shrink(max(leastPressed, c.bytes/2))
	}
	c.climb.busy()
	c.adopt()
}

func (c *Controller) shrink(bytes int) {
	if bytes < c.bytes {
		c.bytes = bytes
		c.tell()
	}
}

// measure adds a request to the sample, and decides when that is large enough:
// whole rounds of requests, since those that begin together end together.
func (c *Controller) measure(size int, idle bool) {
	s, n := &c.sample, c.climb.trial
	s.ended++
	if s.ended <= n {
		s.since = time.Now()
		return
	}
	if s.bytes += int64(size); idle {
		s.idle++
	}
	took := time.Since(s.since)
	if s.ended < rounds*n || took < shortest {
		return
	}
	if 4*s.idle > s.ended {
		c.climb.slack()
	} else {
		c.climb.measured(float64(s.bytes) / took.Seconds())
	}
	if c.climb.trial != n {
		c.adopt()
		return
	}
	c.sample = sample{}
}

// adopt makes the climb's trial the pace.
func (c *Controller) adopt() {
	c.sample = sample{}
	before := c.line.limit
	c.line.bound(c.climb.trial)
	if before != 0 && before != c.line.limit {
		c.tell()
	}
}

func (c *Controller) tell() {
	if c.changed != nil {
		c.changed(c.pace())
	}
}
