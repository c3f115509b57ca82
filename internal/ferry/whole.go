package ferry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"esferry/checkpoint"
	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/stream"
)

// wholeRound brings an index without sequence numbers to equality: its
// documents are poured once, and from then on compared. The lag is what was
// found to differ.
func (ix *index) wholeRound(ctx context.Context) (int64, error) {
	began := time.Now()
	if err := ix.pour(ctx); err != nil {
		return 0, err
	}
	if err := ix.noteActivity(ctx); err != nil {
		return 0, err
	}
	found, err := ix.reconcile(ctx, !ix.ferry.options.Reconcile.VersionsOnly)
	if err != nil {
		return 0, err
	}
	ix.ferry.note(report.Event{Kind: report.RoundEnded, Index: ix.id(), Docs: found, Lag: found, Seconds: time.Since(began).Seconds()})
	return found, nil
}

// noteActivity keeps, before a round, how much the source had written by then.
func (ix *index) noteActivity(ctx context.Context) error {
	now, err := ix.activity(ctx)
	if err != nil {
		return err
	}
	return ix.change(ctx, func(r *IndexRecord) { r.Activity = &now })
}

// pour carries every document of the shards that were not carried yet, shard
// by shard: the baseline of an index that has no sequence numbers to cut it by.
func (ix *index) pour(ctx context.Context) error {
	rec := ix.snapshotRecord()
	if rec.Path != Stream {
		return nil
	}
	positions, err := ix.ferry.source.Primaries(ctx, rec.Index)
	if err != nil {
		return err
	}
	poured := slices.Clone(rec.Poured)
	if len(poured) != len(positions) {
		poured = make([]bool, len(positions))
	}
	var tasks []task
	for i, p := range positions {
		if !poured[i] {
			tasks = append(tasks, task{window: shard.All(p.Shard), position: p, versioning: batch.External})
		}
	}
	if len(tasks) == 0 {
		return nil
	}
	if err := ix.ferry.source.Refresh(ctx, rec.Index); err != nil {
		return err
	}
	if err := ix.fence(ctx); err != nil {
		return err
	}
	p := ix.pipe(stream.Options{})
	p.landed = func(w shard.Window) error { poured[w.Shard.Number] = true; return nil }
	p.commit = func(ctx context.Context) error {
		now := slices.Clone(poured)
		return ix.change(ctx, func(r *IndexRecord) { r.Poured, r.Written = now, rec.Written.Add(p.result()) })
	}
	if err := ix.ferry.reading(ctx, func(ctx context.Context) error { return p.run(ctx, tasks) }); err != nil {
		return err
	}
	return p.commit(ctx)
}

// rebind answers a binding that broke: it says so, compares all documents with
// their contents, and takes new marks, read before the comparison (protocol 1.7
// and 3). What the primary showed above its global checkpoint meanwhile may be
// taken back by a failover, as in a snapshot: the new marks settle in the same
// way.
func (ix *index) rebind(ctx context.Context, broken *checkpoint.BindingError) (int64, error) {
	f, rec := ix.ferry, ix.snapshotRecord()
	f.note(report.Event{Kind: report.Noted, Index: rec.Index, Message: broken.Error() + "; every document is compared instead"})
	here, found, err := f.source.Index(ctx, rec.Index)
	if err != nil || !found {
		return 0, errors.Join(err, broken)
	}
	if err := ix.guardAnew(ctx); err != nil {
		return 0, err
	}
	if !rec.numbered() {
		return ix.rebindWhole(ctx, here)
	}
	ix.strict = strictly(f.source.Identity(), here)
	before, err := ix.positions(ctx)
	if err != nil {
		return 0, err
	}
	differed, err := ix.reconcile(ctx, true)
	if err != nil {
		return 0, err
	}
	after, err := f.source.Positions(ctx, rec.Index)
	if err != nil {
		return 0, err
	}
	there, err := f.target.Primaries(ctx, rec.Target)
	if err != nil {
		return 0, err
	}
	marks := make([]checkpoint.Watermark, len(before))
	for i := range marks {
		if i >= len(after) || after[i].Term != before[i].Term || after[i].History != before[i].History {
			return 0, fmt.Errorf("%s: %w", before[i].Shard, checkpoint.ErrTermChanged)
		}
		marks[i] = checkpoint.BeforeSnapshot(before[i]).Restored(after[i].Max)
	}
	return differed, ix.change(ctx, func(r *IndexRecord) {
		r.SourceUUID, r.TargetHistory, r.Marks, r.Reconciled = here.UUID, histories(there), marks, true
	})
}

// guardAnew guards the target before a comparison writes to it.
func (ix *index) guardAnew(ctx context.Context) error {
	name := ix.snapshotRecord().Target
	there, found, err := ix.ferry.target.Index(ctx, name)
	if err != nil || !found {
		return err
	}
	positions, err := ix.ferry.target.Primaries(ctx, name)
	if err != nil {
		return err
	}
	return ix.watchTarget(ctx, there, positions)
}

// rebindWhole binds an index without watermarks to what is there now; its next
// round compares all documents anyway, or reads them from the beginning where it
// goes by time.
func (ix *index) rebindWhole(ctx context.Context, here cluster.Index) (int64, error) {
	there, err := ix.ferry.target.Primaries(ctx, ix.snapshotRecord().Target)
	if err != nil {
		return 0, err
	}
	if err := ix.change(ctx, func(r *IndexRecord) {
		if r.SourceUUID != here.UUID {
			r.Poured = nil
		}
		r.SourceUUID, r.TargetHistory = here.UUID, histories(there)
	}); err != nil {
		return 0, err
	}
	return ix.roundOnce(ctx)
}

// idle waits until nothing is being written to an index whose operations are
// not numbered, and stays so (protocol 4).
func (ix *index) idle(ctx context.Context) error {
	var before cluster.Activity
	first := true
	return retry.Poll(ctx, "index "+ix.id()+" to be quiet", 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		now, err := ix.activity(ctx)
		if err != nil {
			return false, err
		}
		quiet := !first && now == before && now.Current == 0
		before, first = now, false
		return quiet, nil
	})
}
