package ferry

import (
	"context"
	"fmt"
	"sync"

	"esferry/internal/batch"
	"esferry/internal/digest"
	"esferry/internal/group"
	"esferry/internal/reconcile"
	"esferry/internal/retry"
	"esferry/internal/verify"
	"esferry/internal/workers"
)

// counts are the digests of both sides while they are taken.
type counts struct {
	mu    sync.Mutex
	sides [2]Counted
}

// empty is what documents are added up in; its Sketch is nil where none is taken.
func (e *examination) empty() Counted {
	c := Counted{Tally: &verify.Tally{}}
	if e.sketching {
		c.Sketch = &verify.Sketch{}
	}
	return c
}

// count takes the digests of both sides.
func (e *examination) count(ctx context.Context) (source, target Counted, err error) {
	all := &counts{sides: [2]Counted{e.empty(), e.empty()}}
	begin := func(side reconcile.Side, number int, mine Counted) *counting {
		return &counting{tallying: tallying{content: e.content, mine: mine}, all: all, side: side, shard: &e.perShard[side][number]}
	}
	here := func(side reconcile.Side, number int) taker { return begin(side, number, e.empty()) }
	there := func(ctx context.Context, hand *workers.Hand, side reconcile.Side, t task) (refused bool, err error) {
		c, refused, err := e.countThere(ctx, hand, side, t)
		if err == nil {
			begin(side, t.position.Shard.Number, c).end()
		}
		return refused, err
	}
	if err := e.scan(ctx, e.sample, here, there); err != nil {
		return Counted{}, Counted{}, err
	}
	source, target = all.sides[reconcile.Source], all.sides[reconcile.Target]
	e.found.Source, e.found.Target = digestOf(source.Tally.Sum()), digestOf(target.Tally.Sum())
	return source, target, nil
}

// counted takes the digests of both sides while these are counted, so that a
// request's time passes once, and holds the ones against the others. The target has
// to be the one that was bound: another one is not what the marks speak of.
func (e *examination) counted(ctx context.Context) (source, target Counted, err error) {
	g, _ := group.New(ctx)
	g.Go("count "+e.sides.rec.Index, e.sides.count)
	g.Go("digests of "+e.sides.rec.Index, func(ctx context.Context) (err error) {
		source, target, err = e.count(ctx)
		return err
	})
	if err := g.Wait(); err != nil {
		return Counted{}, Counted{}, err
	}
	return source, target, e.complete(ctx)
}

// complete holds against _count that all documents were read: of the target, and of
// a source that stands still.
func (e *examination) complete(ctx context.Context) error {
	s := e.sides
	if err := s.watch(ctx); err != nil || e.query != nil || e.sample.share < 1 {
		return err
	}
	if read := e.found.Target.Docs; read != s.there {
		return fmt.Errorf("%d documents of the target were read where _count says %d; is somebody writing to it?", read, s.there)
	}
	if read := e.found.Source.Docs; read != s.here && !s.moving {
		return fmt.Errorf("%d documents of the source were read where _count says %d", read, s.here)
	}
	return nil
}

// countThere has a worker take the digests of a window.
func (e *examination) countThere(ctx context.Context, hand *workers.Hand, side reconcile.Side, t task) (c Counted, refused bool, err error) {
	rec := e.sides.rec
	refused, err = e.sides.index.ferry.send(ctx, hand, Errand{Count: &CountErrand{
		Side: side, Index: rec.Index, Target: rec.Target, Typing: rec.Typing, Query: e.query, Content: e.content, Sample: e.sample.share, Sketch: e.sketching,
		Window: t.window, Position: t.position,
	}}, &c)
	if err == nil && (c.Tally == nil || e.sketching && c.Sketch == nil) {
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
	err = retry.Do(ctx, e.sides.again(t.window), func(ctx context.Context) (err error) {
		c = e.empty()
		c.Docs, c.Bytes, err = e.tell(ctx, docs.read(ctx, t), e.sample, &tallying{content: e.content, mine: c})
		return err
	})
	return c, err
}

// gathered is how many documents are added up at once. What they are added to lies
// all over a tally: one after another, without anything between, the processor waits
// for several of these places at the same time.
const gathered = 256

// tallying adds documents up.
type tallying struct {
	content bool
	mine    Counted
	waiting []hashed
}

// hashed is a document by the hash of its key and its own.
type hashed struct{ key, document digest.Hash }

func (c *tallying) take(d *batch.Doc, key digest.Hash, h *digest.Hasher) (err error) {
	var content digest.Hash
	if c.content {
		content, err = h.Content(d)
	}
	if c.waiting = append(c.waiting, hashed{key: key, document: digest.Document(key, d.Version, content)}); len(c.waiting) == gathered {
		c.end()
	}
	return err
}

func (c *tallying) end() {
	for _, d := range c.waiting {
		c.mine.add(d.key, d.document)
	}
	c.waiting = c.waiting[:0]
}

// counting adds documents up to those of other windows. An attempt that is
// interrupted adds nothing.
type counting struct {
	tallying
	all   *counts
	side  reconcile.Side
	shard *digest.Sum
}

func (c *counting) end() {
	c.tallying.end()
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.sides[c.side].merge(c.mine)
	*c.shard = c.shard.Plus(c.mine.Tally.Sum())
}
