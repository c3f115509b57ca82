package ferry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"esferry/internal/batch"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/internal/workers"
	"esferry/sink"
	"esferry/stream"
)

const (
	// commitEvery bounds the work that a crash repeats, and the commits a second.
	commitEvery = time.Second
	// lastCommit bounds the wait for the last one of an interrupted run.
	lastCommit = 5 * time.Second
)

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
	index      string
	reader     *stream.Reader
	writer     *sink.Writer
	controller *sink.Controller
	// readers of the index, 0 for what suits its shards; places for those of all.
	readers int
	places  *semaphore.Weighted
	// docs of the index, for the size of windows that are not numbered.
	docs     int64
	observer report.Observer
	// landed is called by the committer alone for each window that is
	// acknowledged; commit makes the marks durable.
	landed func(w shard.Window) error
	commit func(ctx context.Context) error
	// seen is told of each page before it is written; nil for nobody.
	seen func(b *batch.Batch)
	// every is the least time between two commits.
	every time.Duration
	// lender has some windows carried by other processes; nil has none.
	lender *lender

	// outstanding operations, by which indices are told apart that write at the
	// same time.
	outstanding atomic.Int64

	// sum of the verdicts.
	sum tally
}

// tally sums verdicts. Safe for concurrent use.
type tally struct {
	mu  sync.Mutex
	sum sink.Result
}

func (t *tally) add(r sink.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum = t.sum.Add(r)
}

func (t *tally) total() sink.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum
}

// run carries all tasks and returns when each has landed and is committed, or
// with the first error, after every goroutine has ended.
func (p *pipe) run(ctx context.Context, tasks []task) error {
	if len(tasks) == 0 {
		return nil
	}
	tasks = spread(tasks)
	for _, t := range tasks {
		p.outstanding.Add(p.operations(t.window, len(tasks)))
	}
	// One page waits while others are written and read; more would only take
	// memory.
	parcels := make(chan parcel, 1)
	acks := make(chan shard.Window, len(tasks))
	dealt := make(chan struct{})

	g, _ := group.New(ctx)
	g.Go("reading "+p.index, func(ctx context.Context) error {
		defer close(dealt)
		return p.dealer(parcels, acks, tasks).deal(ctx, queue(tasks))
	})
	writing := &crew{pipe: p, group: g, parcels: parcels, acks: acks}
	for range fewestWriters {
		writing.hire() //nolint:contextcheck // the group hands the context on
	}
	g.Go("end of reading "+p.index, func(context.Context) error {
		<-dealt
		close(parcels)
		writing.ended.Wait()
		close(acks)
		return nil
	})
	g.Go("committer of "+p.index, func(ctx context.Context) error { return p.land(ctx, acks, len(tasks)) })
	err := g.Wait()
	// After an error batches may be left in the channel; their pages are freed
	// with them, but the budget is shared and must have its bytes back.
	for left := range parcels {
		left.batch.Release()
	}
	return err
}

// dealer says who reads the windows: this process's readers, and workers.
func (p *pipe) dealer(parcels chan<- parcel, acks chan<- shard.Window, tasks []task) *dealer {
	d := &dealer{
		index: p.index, readers: min(readersOf(p.readers, tasks), len(tasks)), places: p.places,
		here: func(ctx context.Context, t task) error { return p.read(ctx, t, parcels, acks) },
	}
	if p.lender != nil {
		d.hire = p.lender.hire
		d.there = func(ctx context.Context, hand *workers.Hand, t task) error {
			return p.carried(ctx, hand, t, parcels, acks)
		}
	}
	return d
}

// result is the sum of verdicts so far.
func (p *pipe) result() sink.Result { return p.sum.total() }

// read takes a window and sends its batches on. One that was interrupted is read
// again as a whole, as a new flight: the old one can never land.
func (p *pipe) read(ctx context.Context, t task, parcels chan<- parcel, acks chan<- shard.Window) error {
	policy := retry.Policy{Notify: func(err error, _ time.Duration) {
		p.observe(report.Event{Kind: report.Retried, Window: t.window, Message: err.Error()})
	}}
	return retry.Do(ctx, policy, func(ctx context.Context) error { return p.fly(ctx, t, parcels, acks) })
}

// carried has a window carried by a worker, or carries it where that one does not:
// what the worker may have done of it is done again.
func (p *pipe) carried(ctx context.Context, hand *workers.Hand, t task, parcels chan<- parcel, acks chan<- shard.Window) error {
	c, refused, err := p.lender.carry(ctx, hand, t)
	if refused {
		p.observe(report.Event{Kind: report.Retried, Window: t.window, Message: err.Error()})
		return p.read(ctx, t, parcels, acks)
	}
	if err != nil {
		return err
	}
	p.sum.add(c.Written)
	p.observe(report.Event{Kind: report.Progress, Window: t.window, Docs: c.Written.Documents(), Bytes: c.Bytes, Lag: p.outstanding.Load()})
	acks <- t.window
	return nil
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

// write writes one parcel.
func (p *pipe) write(ctx context.Context, c parcel, acks chan<- shard.Window) error {
	docs, bytes := int64(len(c.batch.Docs)), c.batch.Bytes()
	if p.seen != nil {
		p.seen(c.batch)
	}
	r, err := p.writer.Write(ctx, c.batch)
	c.batch.Release()
	if err != nil {
		return err
	}
	p.sum.add(r)
	p.observe(report.Event{Kind: report.Progress, Window: c.flight.window, Docs: docs, Bytes: bytes, Lag: p.outstanding.Load()})
	c.flight.touch(acks)
	return nil
}

// land is the committer: it alone moves marks, and makes them durable now and
// then and at the end. A commit that fails ends the run. What landed before the
// run was interrupted, or failed elsewhere, is made durable too.
func (p *pipe) land(ctx context.Context, acks <-chan shard.Window, tasks int) error {
	last, fresh := time.Now(), false
	for w := range acks {
		if err := p.landed(w); err != nil {
			return fmt.Errorf("acknowledge %s: %w", w, err)
		}
		p.outstanding.Add(-p.operations(w, tasks))
		fresh = true
		if ctx.Err() != nil || time.Since(last) < p.every {
			continue
		}
		if err := p.commit(ctx); err != nil {
			return err
		}
		last, fresh = time.Now(), false
	}
	if ctx.Err() != nil && fresh {
		lingering, free := retry.Linger(ctx, lastCommit)
		defer free()
		// Why the run ended counts; without this commit the next one repeats a little.
		_ = p.commit(lingering) //nolint:errcheck // see above
	}
	return ctx.Err()
}

// operations is how many a window stands for, one of so many tasks.
func (p *pipe) operations(w shard.Window, tasks int) int64 {
	if w.All() {
		return p.docs / int64(tasks)
	}
	return w.Span()
}

func (p *pipe) observe(e report.Event) {
	if p.observer == nil {
		return
	}
	e.Time, e.Index = time.Now(), p.index
	p.observer.Observe(e)
}
