package ferry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"esferry/internal/batch"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

// commitEvery bounds the work that a crash repeats, and the commits a second.
const commitEvery = time.Second

// task is a window to carry, and how.
type task struct {
	window     shard.Window
	position   shard.Position
	versioning batch.Versioning
}

// flight is one attempt at a window: it has landed when it was read to its end
// and every batch of it is acknowledged, whoever is last.
type flight struct {
	window shard.Window
	open   atomic.Int64
}

// parcel is a batch on its way to a writer.
type parcel struct {
	batch  *batch.Batch
	flight *flight
}

// pipe carries windows of one index: readers, a bounded channel, writers, and
// one committer. Documents flow one way, acknowledgements back.
type pipe struct {
	index            string
	reader           *stream.Reader
	writer           *sink.Writer
	readers, writers int
	observer         report.Observer
	// landed is called by the committer alone for each window that is
	// acknowledged; commit makes the marks durable.
	landed func(w shard.Window) error
	commit func(ctx context.Context) error
	// every is the least time between two commits.
	every time.Duration

	mu  sync.Mutex
	sum sink.Result
}

// run carries all tasks and returns when each has landed and is committed, or
// with the first error, after every goroutine has ended.
func (p *pipe) run(ctx context.Context, tasks []task) error {
	if len(tasks) == 0 {
		return nil
	}
	work := make(chan task, len(tasks))
	for _, t := range tasks {
		work <- t
	}
	close(work)
	parcels := make(chan parcel, p.writers)
	acks := make(chan shard.Window, len(tasks))

	g, _ := group.New(ctx)
	var reading, writing sync.WaitGroup
	for range min(p.readers, len(tasks)) {
		reading.Add(1)
		g.Go("reader of "+p.index, func(ctx context.Context) error {
			defer reading.Done()
			return p.read(ctx, work, parcels, acks)
		})
	}
	for range p.writers {
		writing.Add(1)
		g.Go("writer of "+p.index, func(ctx context.Context) error {
			defer writing.Done()
			return p.write(ctx, parcels, acks)
		})
	}
	g.Go("end of reading "+p.index, func(context.Context) error {
		reading.Wait()
		close(parcels)
		writing.Wait()
		close(acks)
		return nil
	})
	g.Go("committer of "+p.index, func(ctx context.Context) error { return p.land(ctx, acks) })
	err := g.Wait()
	// After an error batches may be left in the channel; their pages are freed
	// with them, but the budget is shared and must have its bytes back.
	for left := range parcels {
		left.batch.Release()
	}
	return err
}

// result is the sum of verdicts so far.
func (p *pipe) result() sink.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum
}

// read takes windows and sends their batches on. A window that was interrupted
// is read again as a whole, as a new flight: the old one can never land.
func (p *pipe) read(ctx context.Context, work <-chan task, parcels chan<- parcel, acks chan<- shard.Window) error {
	for t := range work {
		policy := retry.Policy{Notify: func(err error, _ time.Duration) {
			p.observe(report.Event{Kind: report.Retried, Window: t.window, Message: err.Error()})
		}}
		if err := retry.Do(ctx, policy, func(ctx context.Context) error { return p.fly(ctx, t, parcels, acks) }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (p *pipe) fly(ctx context.Context, t task, parcels chan<- parcel, acks chan<- shard.Window) error {
	f := &flight{window: t.window}
	f.open.Store(1)
	for b, err := range p.reader.Read(ctx, t.position, t.window) {
		if err != nil {
			return err
		}
		b.Versioning = t.versioning
		f.open.Add(1)
		select {
		case parcels <- parcel{batch: b, flight: f}:
		case <-ctx.Done():
			b.Release()
			return ctx.Err()
		}
	}
	f.touch(acks)
	return nil
}

// touch notes that one party is done with the flight; the last one reports it.
// acks has room for every window, so that this never blocks.
func (f *flight) touch(acks chan<- shard.Window) {
	if f.open.Add(-1) == 0 {
		acks <- f.window
	}
}

func (p *pipe) write(ctx context.Context, parcels <-chan parcel, acks chan<- shard.Window) error {
	for c := range parcels {
		docs, bytes := int64(len(c.batch.Docs)), c.batch.Bytes()
		r, err := p.writer.Write(ctx, c.batch)
		c.batch.Release()
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.sum = p.sum.Add(r)
		p.mu.Unlock()
		p.observe(report.Event{Kind: report.Progress, Window: c.flight.window, Docs: docs, Bytes: bytes})
		c.flight.touch(acks)
	}
	return nil
}

// land is the committer: it alone moves marks, and makes them durable now and
// then and at the end. A commit that fails ends the run.
func (p *pipe) land(ctx context.Context, acks <-chan shard.Window) error {
	last := time.Now()
	for w := range acks {
		if err := p.landed(w); err != nil {
			return fmt.Errorf("acknowledge %s: %w", w, err)
		}
		if time.Since(last) < p.every {
			continue
		}
		if err := p.commit(ctx); err != nil {
			return err
		}
		last = time.Now()
	}
	return ctx.Err()
}

func (p *pipe) observe(e report.Event) {
	if p.observer == nil {
		return
	}
	e.Time, e.Index = time.Now(), p.index
	p.observer.Observe(e)
}
