package ferry

import (
	"context"
	"fmt"
	"maps"

	"esferry/checkpoint"
	"esferry/internal/metadata"
	"esferry/internal/report"
	"esferry/snapshotpath"
)

// snapshotPath takes the indices from W0 to an asked-for restore: register,
// record, snapshot, copy, register read-only, restore. It closes restoring
// when every restore is under way; each index awaits its own.
func (f *Ferry) snapshotPath(ctx context.Context, indices []*index, restoring chan<- struct{}) error {
	s := f.options.Snapshot
	if s == nil {
		return fmt.Errorf("index %s was planned for the snapshot path, but no snapshot repository is configured", indices[0].id())
	}
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"register source", func(ctx context.Context) error { return snapshotpath.Register(ctx, f.source, s.Source) }},
		{"record", func(ctx context.Context) error { return f.recordAll(ctx, indices) }},
		{"snapshot", func(ctx context.Context) error { return f.takeSnapshot(ctx, indices) }},
		{"copy", f.copyRepository},
		{"register target", func(ctx context.Context) error { return snapshotpath.Register(ctx, f.target, s.Target) }},
		{"restore", func(ctx context.Context) error { return f.restoreAll(ctx, indices) }},
	} {
		if err := f.phase(ctx, step.name, "", step.do); err != nil {
			return err
		}
	}
	close(restoring)
	return nil
}

// recordAll makes W0 durable for every index that has none, before the
// snapshot that will hold all at or below it (protocol 1).
func (f *Ferry) recordAll(ctx context.Context, indices []*index) error {
	fresh := false
	for _, ix := range indices {
		if ix.snapshotRecord().Phase != Planned {
			continue
		}
		definition, err := f.source.Definition(ctx, ix.id())
		if err != nil {
			return err
		}
		// A snapshot carries the mapping; the type to write under must be known.
		translated, _ := metadata.Translate(definition, f.source.Identity(), f.target.Identity())
		if err := ix.recordStart(ctx, definition, translated, checkpoint.BeforeSnapshot); err != nil {
			return err
		}
		fresh = true
	}
	if !fresh && f.record().Snapshot != "" {
		return nil
	}
	// An older snapshot does not hold what was recorded just now. The name is
	// durable before the snapshot is asked for, so that a crash finds it again.
	name := f.snapshotName()
	return f.change(ctx, func(r *Record) { r.Snapshot, r.Copied = name, false })
}

func (f *Ferry) takeSnapshot(ctx context.Context, indices []*index) error {
	names := make([]string, len(indices))
	for i, ix := range indices {
		names[i] = ix.id()
	}
	// What the delta adds rests on the snapshot: it must be whole.
	_, err := f.take(ctx, Taken{Repository: f.options.Snapshot.Source.Name, Name: f.record().Snapshot, Indices: names}, false, false)
	if snapshotpath.IsFailed(err) {
		// Its name is spent: the next run takes a new one.
		if forget := f.change(ctx, func(r *Record) { r.Snapshot = "" }); forget != nil {
			return forget
		}
	}
	return err
}

func (f *Ferry) copyRepository(ctx context.Context) error {
	if f.options.Snapshot.Copy == nil || f.record().Copied {
		return nil
	}
	err := f.options.Snapshot.Copy(ctx, f.record().Snapshot, f.copyists(), func(done, total, bytes int64) {
		f.note(report.Event{Kind: report.Progress, Phase: "copy", Done: done, Total: total, Bytes: bytes})
	})
	if err != nil {
		return err
	}
	return f.change(ctx, func(r *Record) { r.Copied = true })
}

// restoreAll asks for the restore of each index that is not being restored yet.
func (f *Ferry) restoreAll(ctx context.Context, indices []*index) error {
	for _, ix := range indices {
		rec := ix.snapshotRecord()
		if rec.From == "" {
			// Durable first: a later run may have taken another snapshot by then.
			rec.From = f.record().Snapshot
			if err := ix.change(ctx, func(r *IndexRecord) { r.From = rec.From }); err != nil {
				return err
			}
		}
		err := snapshotpath.Restore(ctx, f.target, snapshotpath.RestoreOptions{
			Repository: f.options.Snapshot.Target.Name, Snapshot: rec.From, Index: rec.Index, As: rec.Target,
			Settings: f.restoredOff(), Over: rec.Over,
		})
		if err != nil {
			return fmt.Errorf("restore index %s: %w", rec.Index, err)
		}
	}
	return nil
}

// takenOff gives what target indices have while they are filled.
func (f *Ferry) takenOff() map[string]any {
	settings := metadata.TakenOff(f.target.Identity())
	if s := f.options.Snapshot; s != nil {
		settings["index.number_of_replicas"], settings["index.refresh_interval"] = s.Replicas, s.Refresh
	}
	return settings
}

// restoredOff is takenOff for indices that are restored.
func (f *Ferry) restoredOff() map[string]any {
	settings := f.takenOff()
	maps.Copy(settings, f.options.Snapshot.restoreSettings())
	return settings
}

// awaitRestore waits until the index's own shards are started, and binds it.
func (ix *index) awaitRestore(ctx context.Context, restoring <-chan struct{}) error {
	select {
	case <-restoring:
	case <-ctx.Done():
		return ctx.Err()
	}
	target := ix.snapshotRecord().Target
	return ix.ferry.phase(ctx, "await restore", ix.id(), func(ctx context.Context) error {
		if err := snapshotpath.WaitStarted(ctx, ix.ferry.target, target, ix.ferry.observe("await restore", ix.id())); err != nil {
			return err
		}
		return ix.bind(ctx)
	})
}

// observe turns a room's progress into events.
func (f *Ferry) observe(phase, index string) func(p snapshotpath.Progress) {
	return func(p snapshotpath.Progress) {
		f.note(report.Event{Kind: report.Progress, Phase: phase, Index: index, Done: p.Done, Total: p.Total, Bytes: p.Bytes, Amount: report.Amount{Files: p.Files, TotalFiles: p.TotalFiles, TotalBytes: p.TotalBytes}})
	}
}

// noteAll tells the operator what was dropped or changed on the way.
func (f *Ferry) noteAll(notes []metadata.Note) {
	for _, n := range notes {
		f.note(report.Event{Kind: report.Noted, Index: n.Where, Message: fmt.Sprintf("%s %s: %s", n.Path, n.Level, n.Reason)})
	}
}
