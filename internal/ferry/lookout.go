package ferry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/preflight"
	"esferry/internal/retry"
)

const (
	// lookEvery is how often a Lookout looks, and lookPatience what one look may
	// take: a cluster that needs longer to say how it is does not answer.
	lookEvery    = 5 * time.Second
	lookPatience = 4 * time.Second
	// checkEvery is after how many looks the checks before a cutover are made.
	checkEvery = 3
	// lately is for how long an answer counts.
	lately = 30 * time.Second
)

// Check is one line of what should be true before a cutover.
type Check struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	// Reason is why not, or what was seen.
	Reason string `json:"reason"`
}

// Side is how a cluster answers.
type Side struct {
	// Name is "source" or "target".
	Name string `json:"side"`
	// Engine is its product and version.
	Engine string `json:"engine"`
	// Answered is when it did last; zero for never.
	Answered time.Time `json:"answered"`
	// Color of the cluster's health; empty where it does not tell it to everyone.
	Color string `json:"color,omitempty"`
	// Fault is the last look's error; empty where it answered.
	Fault string `json:"fault,omitempty"`
}

// Lookout looks at both clusters, and at the right to commit, beside the ferry's
// work. Safe for concurrent use.
type Lookout struct {
	ferry *Ferry

	mu    sync.Mutex
	sides [2]Side
	// lease is the last look's error; held is when it was fine.
	lease error
	held  time.Time
	// found is what the checks before a cutover found; unchecked is why they were not
	// made.
	found     []preflight.Finding
	unchecked error
}

// NewLookout gives one that has not looked yet.
func NewLookout(f *Ferry) *Lookout {
	return &Lookout{
		ferry: f, unchecked: errors.New("not looked yet"),
		sides: [2]Side{{Name: "source", Engine: f.source.Identity().String()}, {Name: "target", Engine: f.target.Identity().String()}},
	}
}

// Run looks until ctx ends, and then returns nil.
func (l *Lookout) Run(ctx context.Context) error {
	for n := 0; n == 0 || retry.Sleep(ctx, lookEvery) == nil; n++ {
		l.look(ctx)
		if n%checkEvery == 0 {
			l.check(ctx)
		}
	}
	return nil
}

// check makes the checks before a cutover.
func (l *Lookout) check(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	found, err := l.ferry.Preflight(bounded)
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found, l.unchecked = found, err
}

func (l *Lookout) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	// Nothing to write: the store tells whether it would.
	lease := l.ferry.store.Commit(ctx, l.ferry.lease)
	source, target := seen(ctx, l.ferry.source), seen(ctx, l.ferry.target)
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lease = lease
	if lease == nil {
		l.held = time.Now()
	}
	for i, now := range []Side{source, target} {
		if now.Answered.IsZero() {
			now.Answered = l.sides[i].Answered
		}
		now.Name, now.Engine = l.sides[i].Name, l.sides[i].Engine
		l.sides[i] = now
	}
}

// seen is what one look at a cluster finds. To be refused is an answer too.
func seen(ctx context.Context, c *cluster.Cluster) Side {
	color, err := c.Color(ctx)
	var refused *cluster.Error
	if err == nil || errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 429 {
		return Side{Answered: time.Now().UTC(), Color: color}
	}
	return Side{Fault: err.Error()}
}

// Sides gives how both clusters answered.
func (l *Lookout) Sides() []Side {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sides[:])
}

// Ready tells, in a sentence, why the ferry cannot work: its right to commit is
// lost, or a cluster has not answered lately. nil where it can.
func (l *Lookout) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.held) > lately {
		return fmt.Errorf("the checkpoint store has not confirmed the lease for %s: %w", lately, cmp.Or(l.lease, errors.New("not looked yet")))
	}
	for _, s := range l.sides {
		if time.Since(s.Answered) > lately {
			return fmt.Errorf("the %s has not answered for %s: %s", s.Name, lately, s.Fault)
		}
	}
	return nil
}
