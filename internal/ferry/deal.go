package ferry

import (
	"context"

	"golang.org/x/sync/semaphore"

	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/workers"
)

// mostParties bounds how far the indices that are read at once grow with the
// processes that carry them.
const mostParties = 64

// dealer gives an index's windows to this process's readers and to workers,
// whoever has room first.
type dealer struct {
	index string
	// readers of this process, and places for those of all indices.
	readers int
	places  *semaphore.Weighted
	// here carries a task in this process.
	here func(ctx context.Context, t task) error
	// hire waits for a worker with room; nil where there are none.
	hire func(ctx context.Context) (*workers.Hand, error)
	// there has a task carried by a worker, and frees the hand.
	there func(ctx context.Context, hand *workers.Hand, t task) error
}

// queue gives tasks to a dealer.
func queue(tasks []task) <-chan task {
	work := make(chan task, len(tasks))
	for _, t := range tasks {
		work <- t
	}
	close(work)
	return work
}

// deal returns when work is closed and each of its tasks is done, in any order but
// begun in theirs, or with the first error, after every goroutine has ended.
func (d *dealer) deal(ctx context.Context, work <-chan task) error {
	g, inner := group.New(ctx)
	// Once somebody finds nothing more to do, nobody waits for room to do it.
	left, none := context.WithCancel(inner)
	defer none()
	for range d.readers {
		g.Go("reader of "+d.index, func(ctx context.Context) error {
			defer none()
			return d.read(ctx, left, work)
		})
	}
	if d.hire != nil {
		g.Go("lender of "+d.index, func(context.Context) error {
			defer none()
			d.lend(left, work, func(hand *workers.Hand, t task) { //nolint:contextcheck // the group hands the context on
				g.Go("worker for "+d.index, func(ctx context.Context) error { return d.there(ctx, hand, t) })
			})
			return nil
		})
	}
	return g.Wait()
}

// read carries tasks in this process, as long as there are some left.
func (d *dealer) read(ctx, left context.Context, work <-chan task) error {
	for d.places.Acquire(left, 1) == nil {
		t, more := draw(ctx, work)
		var err error
		if more {
			err = d.here(ctx, t)
		}
		d.places.Release(1)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return ctx.Err()
}

// draw gives a task, unless there is none any more, or ctx has ended.
func draw(ctx context.Context, work <-chan task) (t task, more bool) {
	select {
	case t, more = <-work:
	case <-ctx.Done():
	}
	return t, more
}

// lend gives tasks to workers as long as there are some left, and workers with
// room.
func (d *dealer) lend(left context.Context, work <-chan task, begin func(hand *workers.Hand, t task)) {
	for {
		hand, err := d.hire(left)
		if err != nil {
			return
		}
		t, more := draw(left, work)
		if !more {
			hand.Free()
			return
		}
		begin(hand, t)
	}
}

// lend has a dealer lend what it deals, where there are workers. Where one has
// refused a task, as the error says, it is done here.
func (f *Ferry) lend(d *dealer, lent func(ctx context.Context, hand *workers.Hand, t task) (refused bool, err error)) {
	if f.pool == nil {
		return
	}
	d.hire = f.pool.Hire
	d.there = func(ctx context.Context, hand *workers.Hand, t task) error {
		refused, err := lent(ctx, hand, t)
		hand.Free()
		if !refused {
			return err
		}
		f.note(report.Event{Kind: report.Retried, Index: d.index, Window: t.window, Message: err.Error()})
		return d.here(ctx, t)
	}
}

// gate bounds the indices that are worked on at once: as many as the options say,
// for each process that carries them.
type gate struct {
	places  *semaphore.Weighted
	parties func() int
}

// gate gives a new one: who is through one may want through another.
func (f *Ferry) gate() gate {
	return gate{places: semaphore.NewWeighted(max(1, f.options.Stream.Indices) * mostParties), parties: f.parties}
}

// enter waits for a place, first come first served; the error is ctx's.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	weight := int64(mostParties / max(1, min(g.parties(), mostParties)))
	if err := g.places.Acquire(ctx, weight); err != nil {
		return nil, err
	}
	return func() { g.places.Release(weight) }, nil
}
