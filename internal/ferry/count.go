package ferry

import (
	"context"
	"fmt"
	"sync"

	"esferry/internal/batch"
	"esferry/internal/digest"
	"esferry/internal/reconcile"
	"esferry/internal/retry"
	"esferry/internal/verify"
	"esferry/internal/workers"
)

// counts are the digests of both sides while they are taken.
type counts struct {
	mu      sync.Mutex
	tallies [2]verify.Tally
}

// count takes the tallies of both sides. That all documents were read is held
// against _count: of the target, and of a source that stands still.
func (e *examination) count(ctx context.Context) (*[2]verify.Tally, error) {
	var all counts
	begin := func(side reconcile.Side, number int, mine *verify.Tally) *counting {
		return &counting{
			tallying: tallying{content: e.content, mine: mine}, mu: &all.mu, sum: &all.tallies[side], shard: &e.perShard[side][number],
		}
	}
	here := func(side reconcile.Side, number int) taker { return begin(side, number, &verify.Tally{}) }
	there := func(ctx context.Context, hand *workers.Hand, side reconcile.Side, t task) (refused bool, err error) {
		c, refused, err := e.countThere(ctx, hand, side, t)
		if err == nil {
			begin(side, t.position.Shard.Number, c.Tally).end()
		}
		return refused, err
	}
	if err := e.scan(ctx, e.sample, here, there); err != nil {
		return nil, err
	}
	e.found.Source, e.found.Target = digestOf(all.tallies[reconcile.Source].Sum()), digestOf(all.tallies[reconcile.Target].Sum())
	s := e.sides
	if err := s.watch(ctx); err != nil || e.query != nil || e.sample.share < 1 {
		return &all.tallies, err
	}
	if read := e.found.Target.Docs; read != s.there {
		return nil, fmt.Errorf("%d documents of the target were read where _count says %d; is somebody writing to it?", read, s.there)
	}
	if read := e.found.Source.Docs; read != s.here && !s.moving {
		return nil, fmt.Errorf("%d documents of the source were read where _count says %d", read, s.here)
	}
	return &all.tallies, nil
}

// countThere has a worker take the digests of a window.
func (e *examination) countThere(ctx context.Context, hand *workers.Hand, side reconcile.Side, t task) (c Counted, refused bool, err error) {
	rec := e.sides.rec
	refused, err = e.sides.index.ferry.send(ctx, hand, Errand{Count: &CountErrand{
		Side: side, Index: rec.Index, Target: rec.Target, Typing: rec.Typing, Query: e.query, Content: e.content, Sample: e.sample.share,
		Window: t.window, Position: t.position,
	}}, &c)
	if err == nil && c.Tally == nil {
		return c, true, &workers.FailedError{Worker: hand.Worker(), Reason: "its answer has no digests"}
	}
	if err == nil {
		e.note(c.Docs, c.Bytes)
	}
	return c, refused, err
}

// countWindow takes the digests of a window, for another process.
func (e *examination) countWindow(ctx context.Context, side reconcile.Side, t task) (c Counted, err error) {
	docs := e.documents(side, e.sample)
	err = retry.Do(ctx, retry.Policy{}, func(ctx context.Context) (err error) {
		c = Counted{Tally: &verify.Tally{}}
		c.Docs, c.Bytes, err = e.tell(ctx, docs.read(ctx, t), e.sample, &tallying{content: e.content, mine: c.Tally})
		return err
	})
	return c, err
}

// tallying adds documents up.
type tallying struct {
	content bool
	mine    *verify.Tally
}

func (c *tallying) take(d *batch.Doc, key digest.Hash, h *digest.Hasher) (err error) {
	var content digest.Hash
	if c.content {
		content, err = h.Content(d)
	}
	c.mine.Add(key, digest.Document(key, d.Version, content))
	return err
}

func (c *tallying) end() {}

// counting adds documents up to those of other windows. An attempt that is
// interrupted adds nothing.
type counting struct {
	tallying
	mu    *sync.Mutex
	sum   *verify.Tally
	shard *digest.Sum
}

func (c *counting) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.Merge(c.mine)
	*c.shard = c.shard.Plus(c.mine.Sum())
}
