package ferry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/group"
	"esferry/internal/reconcile"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

// fetchAtOnce bounds the documents of one piece of work.
const fetchAtOnce = 500

// ReconcileOptions say how indices are compared as a whole (protocol 3).
type ReconcileOptions struct {
	// Dir is where the spool goes: about 60 bytes for each document and side.
	Dir string
	// VersionsOnly compares versions and not contents: less to read, and blind
	// to a document that was deleted and made anew with the version it had.
	VersionsOnly bool
}

// reconciliation is one comparison of all documents of an index.
type reconciliation struct {
	sides   *sides
	spool   *reconcile.Spool
	content bool
	// differences tells of all documents in which the sides differ, each time it
	// is called.
	differences func(ctx context.Context, visit func(reconcile.Difference) error) error

	mu      sync.Mutex
	written sink.Result
}

// piece is work that a comparison found: documents to carry, or to delete.
type piece struct {
	fetch      []cluster.Key
	versioning batch.Versioning
	gone       []sink.Gone
}

// reconcile compares every document of both sides and makes the target equal
// (protocol 3). It gives how many differed. What differs is asked for again, in
// real time, before anything is done about it.
func (ix *index) reconcile(ctx context.Context, content bool) (found int64, err error) {
	ix.counted = nil
	err = ix.ferry.phase(ctx, "reconcile", ix.id(), func(ctx context.Context) error {
		return ix.ferry.reading(ctx, func(ctx context.Context) (err error) {
			found, err = ix.reconcileOnce(ctx, content)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("reconcile index %s: %w", ix.id(), err)
	}
	return found, nil
}

func (ix *index) reconcileOnce(ctx context.Context, content bool) (found int64, err error) {
	ix.dropSurvey()
	spool, err := reconcile.Open(ix.ferry.options.Reconcile.Dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	r := &reconciliation{spool: spool, content: content, differences: spool.Compare}
	if r.sides, err = ix.sides(ctx); err != nil {
		return 0, err
	}
	if err := r.gather(ctx); err != nil {
		return 0, err
	}
	if found, err = r.weigh(ctx); err != nil {
		return 0, err
	}
	ix.differed = found
	return found, r.equalize(ctx, found)
}

// gather tells the spool what both sides hold: of the documents that differ, where
// workers tell which, or of all.
func (r *reconciliation) gather(ctx context.Context) error {
	done, err := r.narrow(ctx)
	if err != nil || done {
		return err
	}
	if err := r.tell(ctx); err != nil {
		return err
	}
	r.sides.there = r.spool.Docs(reconcile.Target)
	return nil
}

// equalize carries and deletes what was found to differ.
func (r *reconciliation) equalize(ctx context.Context, found int64) error {
	if found > 0 {
		if err := r.sides.index.fence(ctx); err != nil {
			return err
		}
		if err := r.act(ctx); err != nil {
			return err
		}
	}
	return r.unchanged(ctx)
}

// tell reads every shard of both sides into the spool.
func (r *reconciliation) tell(ctx context.Context) error {
	f := r.sides.index.ferry
	busy := semaphore.NewWeighted(int64(readersFor(f.options.Stream.Readers, len(r.sides.source))))
	g, _ := group.New(ctx)
	o := stream.Options{IDsOnly: !r.content, Ahead: true}
	read := func(side reconcile.Side, on *cluster.Cluster, o stream.Options, positions []shard.Position) { //nolint:contextcheck // the group hands the context on
		reader := stream.NewReader(on, f.budget, o)
		for _, p := range positions {
			g.Go("ids of "+p.Shard.String(), func(ctx context.Context) error {
				if err := busy.Acquire(ctx, 1); err != nil {
					return err
				}
				defer busy.Release(1)
				return retry.Do(ctx, r.sides.again(shard.All(p.Shard)), func(ctx context.Context) error { return r.tellShard(ctx, side, reader, p) })
			})
		}
	}
	read(reconcile.Source, r.sides.index.source(), r.sides.index.paced(o), r.sides.source)
	read(reconcile.Target, f.target, r.sides.index.pages(o), r.sides.target)
	return g.Wait()
}

// tellShard reads one shard. Where it is interrupted all of it is told again.
func (r *reconciliation) tellShard(ctx context.Context, side reconcile.Side, reader *stream.Reader, p shard.Position) error {
	var hasher digest.Hasher
	for b, err := range reader.Read(ctx, p, shard.All(p.Shard)) {
		if err != nil {
			return err
		}
		err := r.tellBatch(side, p.Shard.Number, b, &hasher)
		docs := int64(len(b.Docs))
		b.Release()
		if err != nil {
			return err
		}
		r.sides.index.ferry.note(report.Event{Kind: report.Progress, Phase: "reconcile", Index: r.sides.rec.Index, Docs: docs})
	}
	return nil
}

func (r *reconciliation) tellBatch(side reconcile.Side, number int, b *batch.Batch, hasher *digest.Hasher) error {
	for i := range b.Docs {
		d := &b.Docs[i]
		e := reconcile.Entry{
			Key: cluster.KeyOf(d), Version: d.Version, SeqNo: d.SeqNo, Term: d.Term, Shard: number,
		}
		var err error
		if r.content {
			if e.Digest, err = hasher.Content(d); err != nil {
				return err
			}
		}
		if err := r.spool.Add(side, e); err != nil {
			return err
		}
	}
	return nil
}

// weigh counts what differs before anything is changed: the brake must hold
// before the first delete.
func (r *reconciliation) weigh(ctx context.Context) (int64, error) {
	var found, extra int64
	err := r.differences(ctx, func(d reconcile.Difference) error {
		found++
		if d.Kind == reconcile.Extra {
			extra++
		}
		return nil
	})
	s := r.sides
	if err != nil || s.index.ferry.options.IgnoreDeletes {
		return found - extra, err
	}
	return found, s.brake(int(extra))
}

// act carries what the target lacks and deletes what it has too much.
func (r *reconciliation) act(ctx context.Context) error {
	f := r.sides.index.ferry
	work := make(chan piece)
	g, _ := group.New(ctx)
	g.Go("compare "+r.sides.rec.Index, func(ctx context.Context) error {
		defer close(work)
		return r.sort(ctx, work)
	})
	rec := r.sides.rec
	fetcher := stream.NewFetcher(r.sides.index.source(), rec.Index, f.budget, r.sides.index.paced(stream.Options{}))
	writer := r.sides.index.writer()
	for range f.controller.Pace().Writers + 1 {
		g.Go("writer of "+rec.Index, func(ctx context.Context) error {
			for p := range work {
				if err := r.do(ctx, p, fetcher, writer); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.sides.index.change(ctx, func(rec *IndexRecord) {
		rec.Written = rec.Written.Add(r.written)
		rec.Deleted += r.sides.removed.Load()
	})
}

// sort makes pieces of what differs.
func (r *reconciliation) sort(ctx context.Context, work chan<- piece) error {
	send := func(p piece) error {
		if len(p.fetch)+len(p.gone) == 0 {
			return nil
		}
		select {
		case work <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	plain, rewrite, gone := piece{versioning: batch.External}, piece{versioning: batch.ExternalGTE}, piece{}
	add := func(p *piece, d reconcile.Difference) error {
		if d.Kind == reconcile.Extra {
			p.gone = append(p.gone, goneAt(d.Target.Key, d.Target.Version, d.Target.SeqNo, d.Target.Term))
		} else {
			p.fetch = append(p.fetch, d.Source.Key)
		}
		if len(p.fetch)+len(p.gone) < fetchAtOnce {
			return nil
		}
		full := *p
		p.fetch, p.gone = nil, nil
		return send(full)
	}
	err := r.differences(ctx, func(d reconcile.Difference) error {
		switch {
		case d.Kind == reconcile.Extra && r.sides.index.ferry.options.IgnoreDeletes:
			return nil
		case d.Kind == reconcile.Extra:
			return add(&gone, d)
		case d.Kind == reconcile.Content:
			return add(&rewrite, d)
		default:
			return add(&plain, d)
		}
	})
	for _, p := range []piece{plain, rewrite, gone} {
		if err == nil {
			err = send(p)
		}
	}
	return err
}

// do carries out one piece, by what the source says now.
func (r *reconciliation) do(ctx context.Context, p piece, fetcher *stream.Fetcher, writer *sink.Writer) error {
	if len(p.gone) > 0 {
		return r.remove(ctx, p.gone, writer)
	}
	for b, err := range fetcher.Fetch(ctx, p.fetch) {
		if err != nil {
			return err
		}
		b.Versioning = p.versioning
		docs, bytes := int64(len(b.Docs)), b.Bytes()
		w, err := writer.Write(ctx, b)
		b.Release()
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.written = r.written.Add(w)
		r.mu.Unlock()
		r.sides.index.ferry.note(report.Event{Kind: report.Progress, Index: r.sides.rec.Index, Docs: docs, Bytes: bytes})
	}
	return nil
}

// remove deletes what the source says, now, that it does not hold.
func (r *reconciliation) remove(ctx context.Context, extra []sink.Gone, writer *sink.Writer) error {
	gone, err := r.sides.absent(ctx, extra, nil)
	if err != nil || len(gone) == 0 {
		return err
	}
	if err := r.settled(ctx); err != nil {
		return err
	}
	removed, err := writer.Delete(ctx, gone)
	r.sides.removed.Add(removed)
	return err
}

// settled waits until what the source just said can no longer be taken back,
// where the source numbers its operations.
func (r *reconciliation) settled(ctx context.Context) error {
	if !r.sides.rec.numbered() {
		return nil
	}
	return r.sides.settle(ctx)
}

// unchanged fails with ErrTermChanged where a failover came in between: what
// was read may have been taken back.
func (r *reconciliation) unchanged(ctx context.Context) error {
	s := r.sides
	now, err := s.index.ferry.source.Primaries(ctx, s.rec.Index)
	if err != nil {
		return err
	}
	return s.sameTerm(now)
}
