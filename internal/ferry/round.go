package ferry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"esferry/checkpoint"
	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

// round is one pass over an index from its watermarks to the global
// checkpoints read at its start (protocol 1).
type round struct {
	index    *index
	shards   []checkpoint.Round
	trackers []*checkpoint.Tracker
	settlers []*checkpoint.Settler
	base     sink.Result
}

// round carries one round and gives the lag after it. While the primary term
// changes under it nothing moves, and it is begun again. Where the marks no
// longer speak of the shards, all documents are compared instead (protocol 1.7).
func (ix *index) round(ctx context.Context) (lag int64, err error) {
	for range 10 {
		lag, err = ix.roundOnce(ctx)
		if broken, ok := errors.AsType[*checkpoint.BindingError](err); ok && !broken.Final {
			lag, err = ix.rebind(ctx, broken)
		}
		if err == nil {
			// The first round is the baseline.
			err = ix.harden(ctx)
		}
		if !overtaken(err) {
			return lag, err
		}
		ix.ferry.note(report.Event{Kind: report.Retried, Index: ix.id(), Message: err.Error()})
	}
	return lag, err
}

func (ix *index) roundOnce(ctx context.Context) (int64, error) {
	ix.counted = nil
	if ix.survey != nil {
		ix.survey.asked = false
	}
	delta := ix.snapshotRecord().Delta
	if delta == ByWindows {
		return ix.windowRound(ctx)
	}
	if err := ix.checked(ctx, nil); err != nil {
		return 0, err
	}
	if delta == ByTime {
		return ix.timeRound(ctx)
	}
	return ix.wholeRound(ctx)
}

// checked makes sure that both sides are still those that were bound, and does with
// the source what comes next, unless it is nil.
func (ix *index) checked(ctx context.Context, next func(ctx context.Context) error) error {
	g, _ := group.New(ctx)
	g.Go("target of "+ix.id(), ix.checkTarget)
	g.Go("source of "+ix.id(), func(ctx context.Context) error {
		if err := ix.checkSource(ctx); err != nil || next == nil {
			return err
		}
		return next(ctx)
	})
	return g.Wait()
}

// windowRound carries what was written between the marks and the global
// checkpoints of now.
func (ix *index) windowRound(ctx context.Context) (int64, error) {
	began := time.Now()
	r, positions, err := ix.open(ctx)
	if err != nil {
		return 0, err
	}
	tasks, err := r.prepare(ctx, positions)
	if err != nil {
		return 0, err
	}
	g, _ := group.New(ctx)
	var written sink.Result
	g.Go("round of "+ix.id(), func(ctx context.Context) (err error) {
		written, err = r.carry(ctx, tasks)
		return err
	})
	if v := ix.survey; v != nil && v.wanted {
		v.wanted = false
		g.Go("what left "+ix.id(), func(ctx context.Context) error { return v.lookAhead(ctx, ix, positions) })
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	rec := ix.snapshotRecord()
	ix.ferry.note(report.Event{
		Kind: report.RoundEnded, Index: rec.Index, Docs: written.Documents(), Lag: rec.Lag, Seconds: time.Since(began).Seconds(),
	})
	return rec.Lag, nil
}

// carry brings the documents of the windows, and moves the marks.
func (r *round) carry(ctx context.Context, tasks []task) (sink.Result, error) {
	ix := r.index
	p := ix.pipe(stream.Options{})
	p.seen = ix.survey.see
	p.landed, p.commit = r.landed, func(ctx context.Context) error { return r.commit(ctx, p.result()) }
	if len(tasks) > 0 {
		if err := ix.ferry.reading(ctx, func(ctx context.Context) error { return p.run(ctx, tasks) }); err != nil {
			return p.result(), err
		}
	}
	return p.result(), r.commit(ctx, p.result())
}

// open begins a round between sides that are still those that were bound. What the
// positions say of a source that is not counts for nothing.
func (ix *index) open(ctx context.Context) (r *round, positions []shard.Position, err error) {
	var broken error
	err = ix.checked(ctx, func(ctx context.Context) error {
		// G first, refresh after, then scan: the other order can leave an
		// operation at or below G invisible (protocol 1.1).
		if r, positions, broken = ix.begin(ctx); broken != nil {
			return nil //nolint:nilerr // it is told once the checks have come to their end
		}
		return ix.ferry.source.Refresh(ctx, ix.id())
	})
	return r, positions, cmp.Or(err, broken)
}

// begin reads the positions and decides what the round carries. A primary that
// is behind for a moment is waited for.
func (ix *index) begin(ctx context.Context) (*round, []shard.Position, error) {
	rec := ix.snapshotRecord()
	r := &round{index: ix, base: rec.Written}
	var positions []shard.Position
	wait, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := retry.Poll(wait, "the primaries of "+rec.Index, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		var err error
		if positions, ix.quiet = ix.quiet, nil; positions == nil {
			positions, err = ix.positions(ctx)
		}
		if err != nil {
			return false, err
		}
		r.shards, err = beginAll(rec, positions)
		if errors.Is(err, checkpoint.ErrBehind) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, s := range r.shards {
		r.trackers = append(r.trackers, checkpoint.NewTracker(s.Window.From))
		r.settlers = append(r.settlers, checkpoint.NewSettler(s.Mark.Term))
	}
	return r, positions, nil
}

func beginAll(rec IndexRecord, positions []shard.Position) ([]checkpoint.Round, error) {
	if len(positions) != len(rec.Marks) {
		return nil, &checkpoint.BindingError{
			Shard: shard.ID{Index: rec.Index}, What: "number of shards", Was: strconv.Itoa(len(rec.Marks)), Is: strconv.Itoa(len(positions)),
		}
	}
	rounds := make([]checkpoint.Round, len(positions))
	for i, p := range positions {
		var err error
		if rounds[i], err = rec.Marks[i].Begin(p); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// prepare cuts what the round carries; the fence before its first write is made
// meanwhile, unless there is nothing to write.
func (r *round) prepare(ctx context.Context, positions []shard.Position) (tasks []task, err error) {
	ix := r.index
	g, _ := group.New(ctx)
	g.Go("windows of "+ix.id(), func(ctx context.Context) (err error) {
		tasks, err = r.tasks(ctx, positions)
		return err
	})
	if slices.ContainsFunc(r.shards, func(s checkpoint.Round) bool { return s.Window.Span() > 0 }) {
		g.Go("fence of "+ix.id(), ix.fence)
	}
	return tasks, g.Wait()
}

// tasks cuts what the round carries into windows.
func (r *round) tasks(ctx context.Context, positions []shard.Position) ([]task, error) {
	var tasks []task
	for i, s := range r.shards {
		windows, err := r.index.ferry.cut(ctx, r.index.ferry.source, positions[i], s.Window, carried())
		if err != nil {
			return nil, err
		}
		for _, w := range windows {
			if err := r.trackers[i].Dispatch(w); err != nil {
				return nil, err
			}
			t := task{window: w, position: positions[i], versioning: batch.External}
			if s.Rewrites(w) {
				t.versioning = batch.ExternalGTE
			}
			tasks = append(tasks, t)
		}
	}
	return tasks, nil
}

// landed moves the mark of the window's shard; the committer alone calls it.
func (r *round) landed(w shard.Window) error {
	_, err := r.trackers[w.Shard.Number].Acknowledge(w)
	return err
}

// commit makes the marks durable (protocol 1.3): the positions are read after
// the scans of all that landed were open, so that M covers whatever may have
// hidden a document from them, and an unchanged term proves that no failover
// came in between. Where nothing moved there is nothing to store.
func (r *round) commit(ctx context.Context, written sink.Result) error {
	now, err := r.index.positionsOnce(ctx)
	if err != nil {
		return err
	}
	marks := make([]checkpoint.Watermark, len(r.shards))
	var lag int64
	for i, s := range r.shards {
		if marks[i], err = s.Mark.Advance(r.trackers[i].Mark(), now[i]); err != nil {
			return err
		}
		settled := r.settlers[i].Observe(marks[i].W, now[i])
		marks[i], r.shards[i].Mark = marks[i].Settle(settled), r.shards[i].Mark.Settle(settled)
		lag += now[i].Max - marks[i].W
	}
	total := r.base.Add(written)
	if rec := r.index.snapshotRecord(); slices.Equal(marks, rec.Marks) && lag == rec.Lag && total == rec.Written {
		return nil
	}
	err = r.index.change(ctx, func(rec *IndexRecord) { rec.Marks, rec.Lag, rec.Written = marks, lag, total })
	if err == nil {
		r.index.ferry.note(report.Event{Kind: report.Committed, Index: r.index.id(), Lag: lag})
	}
	return err
}

// positions reads where the source's primaries stand. Where a power cut could
// take back what a global checkpoint covers, all is committed first, and only
// commits count (S2.3.4).
func (ix *index) positions(ctx context.Context) ([]shard.Position, error) {
	if ix.strict {
		if err := ix.ferry.source.Flush(ctx, ix.id()); err != nil {
			return nil, err
		}
	}
	return ix.positionsOnce(ctx)
}

// positionsOnce is positions without a commit: what is not committed counts as
// not durable.
func (ix *index) positionsOnce(ctx context.Context) ([]shard.Position, error) {
	positions, err := ix.ferry.source.Positions(ctx, ix.id())
	if err != nil {
		return nil, err
	}
	marks := ix.snapshotRecord().Marks
	for i := range positions {
		if ix.strict {
			positions[i] = positions[i].Fsynced()
		}
		if ix.ferry.source.TermsHinted() && i < len(marks) {
			// A guess may fall when the newest document is deleted; a term never does.
			positions[i].Term = max(positions[i].Term, marks[i].Term)
		}
	}
	return positions, nil
}

// checkTarget refuses to write to an index that is no longer the one that was
// bound: made anew under its name, or restored over (protocol 1.7). One that may
// lose what it acknowledges is guarded from here on.
func (ix *index) checkTarget(ctx context.Context) error {
	rec := ix.snapshotRecord()
	there, err := ix.boundTarget(ctx)
	if err != nil {
		return err
	}
	positions, err := ix.ferry.target.Primaries(ctx, rec.Target)
	if err != nil {
		return err
	}
	if err := rec.boundTo(positions); err != nil {
		return err
	}
	ix.bound = positions
	return ix.watchTarget(ctx, there, positions)
}

// boundTarget gives the target's index, and refuses another one under its name,
// and none.
func (ix *index) boundTarget(ctx context.Context) (cluster.Index, error) {
	rec := ix.snapshotRecord()
	there, found, err := ix.ferry.target.Index(ctx, rec.Target)
	if err != nil || found && there.UUID == rec.TargetUUID {
		return there, err
	}
	is := there.UUID
	if !found {
		is = "gone"
	}
	return there, ix.final(&checkpoint.BindingError{Shard: shard.ID{Index: rec.Index}, What: "target index's uuid", Was: rec.TargetUUID, Is: is, Final: true}, anotherFerry)
}

// checkTargetUUID is boundTarget for those who need nothing of the index.
func (ix *index) checkTargetUUID(ctx context.Context) error {
	_, err := ix.boundTarget(ctx)
	return err
}

// boundTo refuses shards of the target that were restored over.
func (r IndexRecord) boundTo(positions []shard.Position) error {
	if is := histories(positions); !slices.Equal(is, r.TargetHistory) {
		return &checkpoint.BindingError{Shard: shard.ID{Index: r.Index}, What: "target index's history", Was: fmt.Sprint(r.TargetHistory), Is: fmt.Sprint(is)}
	}
	return nil
}

// pipe gives the pipe of this index.
func (ix *index) pipe(o stream.Options) *pipe {
	f, rec, every := ix.ferry, ix.snapshotRecord(), commitEvery
	if ix.standing != nil {
		every = commitRelaxed
	}
	p := &pipe{
		index: rec.Index, readers: f.options.Stream.Readers, places: f.places, docs: ix.docs, observer: f.options.Observer, every: every,
		reader: stream.NewReader(ix.source(), f.budget, ix.paced(o)), controller: f.controller, lender: ix.lender(o.Query),
	}
	writing := ix.writing()
	writing.Urgency = p.outstanding.Load
	p.writer = sink.NewWriter(ix.source(), f.target, writing)
	return p
}

// pages completes options with what the operator set, and with the index's types.
func (ix *index) pages(o stream.Options) stream.Options {
	set := ix.ferry.options.Stream
	o.PageBytes, o.PageDocs, o.Types = set.PageBytes, set.PageDocs, ix.snapshotRecord().Types
	return o
}

// paced is pages for what is read from the source.
func (ix *index) paced(o stream.Options) stream.Options {
	o.Pace = ix.ferry.pace
	return ix.pages(o)
}

func (ix *index) writer() *sink.Writer {
	return sink.NewWriter(ix.source(), ix.ferry.target, ix.writing())
}

// writing says how this index is written.
func (ix *index) writing() sink.Options {
	f, rec := ix.ferry, ix.snapshotRecord()
	return sink.Options{
		Contents:    stream.NewFetcher(f.target, rec.Target, f.contents, ix.pages(stream.Options{})),
		SourceIndex: rec.Index, Index: rec.Target, Alias: ix.writesThrough(), Type: rec.Type, Controller: f.controller, Reject: f.options.Reject,
	}
}
