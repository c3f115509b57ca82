package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/metadata"
	"esferry/internal/preflight"
	"esferry/internal/report"
	"esferry/internal/shard"
)

// Carry brings every planned index to the target by its path, and keeps on
// with rounds until each one's lag is small. The snapshot path and the stream
// path work at the same time, and a restored index is caught up as soon as its
// own shards are started. What an earlier run did is not done again.
func (f *Ferry) Carry(ctx context.Context, p Plan) error {
	if err := Obstructed(p.Obstacles); err != nil {
		return err
	}
	if err := f.start(ctx); err != nil {
		return err
	}
	indices := f.adopt(p)
	for _, ix := range indices {
		f.note(report.Event{Kind: report.Planned, Index: ix.id(), Docs: max(0, ix.docs)})
	}
	if err := f.letGo(ctx, p); err != nil {
		return err
	}
	restoring := make(chan struct{})
	busy := f.gate()
	g, ctx := group.New(ctx)
	waiting := pending(indices)
	if len(waiting) > 0 {
		g.Go("snapshot path", func(ctx context.Context) error { return f.snapshotPath(ctx, waiting, restoring) })
	}
	carry := func(ctx context.Context, ix *index) error {
		if err := ix.journey(ctx, restoring, busy); err != nil {
			return fmt.Errorf("index %s: %w", ix.id(), err)
		}
		return nil
	}
	for _, ix := range waiting {
		g.Go("index "+ix.id(), func(ctx context.Context) error { return carry(ctx, ix) })
	}
	g.Go("stream path", func(ctx context.Context) error {
		return f.largestFirst(ctx, slices.DeleteFunc(indices, func(ix *index) bool { return slices.Contains(waiting, ix) }), carry)
	})
	_ = ctx // the goroutines have it from the group
	return g.Wait()
}

// adopt makes room for the plan's indices; the store hears of one when its W0
// is recorded.
func (f *Ferry) adopt(p Plan) []*index {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*index, 0, len(p.Indices))
	for _, one := range p.Indices {
		ix := f.indices[one.name()]
		if ix == nil {
			ix = &index{ferry: f, rec: IndexRecord{Index: one.Index, Target: one.Target, Path: one.Path, Phase: Planned, Delta: one.Delta, Binding: Binding{SourceUUID: one.uuid}, Typing: Typing{SourceType: one.Type}, Over: one.meeting.over, PutBack: one.meeting.putBack}}
			f.indices[one.name()] = ix
		}
		if ix.docs = one.Docs; one.Phase != Switched {
			out = append(out, ix)
		}
	}
	return out
}

// pending gives the indices whose restore is still to be asked for.
func pending(indices []*index) []*index {
	var out []*index
	for _, ix := range indices {
		if r := ix.snapshotRecord(); r.Path == Snapshot && (r.Phase == Planned || r.Phase == Recorded) {
			out = append(out, ix)
		}
	}
	return out
}

// journey walks one index from wherever it stands to a small lag.
func (ix *index) journey(ctx context.Context, restoring <-chan struct{}, busy gate) error {
	if rec := ix.snapshotRecord(); rec.Phase == Planned || rec.Phase == Recorded {
		bind := ix.create
		switch rec.Path {
		case Snapshot:
			bind = func(ctx context.Context) error { return ix.awaitRestore(ctx, restoring) }
		case AtSwitch:
			bind = ix.turn
		case Stream:
		}
		if err := bind(ctx); err != nil {
			return err
		}
	} else if err := ix.carryFields(ctx); err != nil {
		return err
	}
	leave, err := busy.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	name := "catch up"
	if rec := ix.snapshotRecord(); rec.Path == Stream && rec.Phase == Bound {
		name = "stream"
	}
	return ix.ferry.phase(ctx, name, ix.id(), func(ctx context.Context) error {
		if err := ix.catchUp(ctx); err != nil {
			return err
		}
		if ix.snapshotRecord().Phase == Bound {
			return ix.enter(ctx, Bound, func(*IndexRecord) {})
		}
		return nil
	})
}

// catchUp makes rounds until the lag is at most what the cutover allows, or
// until rounds no longer shrink it: a writer faster than the target.
func (ix *index) catchUp(ctx context.Context) error {
	best, worse := int64(-1), 0
	for worse < 20 {
		lag, err := ix.round(ctx)
		if err != nil {
			return err
		}
		if lag <= ix.ferry.options.Cutover.MaxLag {
			return nil
		}
		if best < 0 || lag < best {
			best, worse = lag, 0
		} else {
			worse++
		}
	}
	return &LagError{Index: ix.id(), Lag: best}
}

// LagError says that rounds do not catch up with the source's writers.
type LagError struct {
	Index string
	Lag   int64
}

// Error names the lag.
func (e *LagError) Error() string {
	return fmt.Sprintf("index %s: twenty rounds did not bring the lag below %d operations", e.Index, e.Lag)
}

// NextStep is printed on a line of its own.
func (e *LagError) NextStep() string {
	return "slow the writers down, or raise cutover.max_lag: the freeze then has to carry that many operations"
}

// create makes the target index of an index that goes by stream. The intent
// and the starting marks are durable first, so that an empty index found under
// the name after a crash is known to be ours.
func (ix *index) create(ctx context.Context) error {
	f, rec := ix.ferry, ix.snapshotRecord()
	definition, err := f.source.Definition(ctx, rec.Index)
	if err != nil {
		return err
	}
	if definition, err = metadata.OnlyType(definition, rec.SourceType); err != nil {
		return err
	}
	translated, notes := metadata.Translate(definition, f.source.Identity(), f.target.Identity())
	f.noteAll(notes)
	if rec.Phase == Planned {
		if err := ix.recordStart(ctx, definition, translated, checkpoint.Start); err != nil {
			return err
		}
	}
	body, err := f.createBody(ctx, rec.Index, translated, relaxed(ix.snapshotRecord().PutBack))
	if err != nil {
		return err
	}
	if _, err := f.make(ctx, rec.Target, body); err != nil {
		return err
	}
	if err := ix.mustBeEmpty(ctx); err != nil {
		return err
	}
	return ix.bind(ctx)
}

// make creates an index on the target unless it is there, and gives it. A
// request of an earlier run that died may be carried out at this very moment.
func (f *Ferry) make(ctx context.Context, name string, body json.RawMessage) (cluster.Index, error) {
	there, found, err := f.target.Index(ctx, name)
	if err != nil {
		return there, err
	}
	if found {
		return there, f.unshield(ctx, name)
	}
	err = f.shielded(ctx, name, func(ctx context.Context) error { return f.target.CreateIndex(ctx, name, body) })
	if err != nil && !cluster.AlreadyThere(err) && !cluster.Ambiguous(err) {
		return there, err
	}
	there, found, asked := f.target.Index(ctx, name)
	if asked != nil || found {
		return there, asked
	}
	return there, err
}

// createBody prepares the making of an index that is to be filled: without
// replicas and refreshes, and with the source's routing, so that one id under
// two routings stays two documents (protocol 1.5).
func (f *Ferry) createBody(ctx context.Context, index string, translated cluster.Definition, relaxed bool) (json.RawMessage, error) {
	settings := f.takenOff()
	if relaxed {
		settings[durability] = "async"
	}
	if f.target.Identity().AtLeast(6, 1) {
		routing, err := f.source.RoutingShards(ctx, index)
		if err != nil {
			return nil, err
		}
		settings["index.number_of_routing_shards"] = routing
	}
	return metadata.CreateBody(translated, settings)
}

// mustBeEmpty refuses an index under our name that holds documents before we
// wrote any.
func (ix *index) mustBeEmpty(ctx context.Context) error {
	rec := ix.snapshotRecord()
	if err := ix.ferry.target.Refresh(ctx, rec.Target); err != nil {
		return err
	}
	docs, err := ix.ferry.target.Count(ctx, rec.Target, nil)
	if err != nil || docs == 0 {
		return err
	}
	return &ObstacleError{Obstacles: []preflight.Obstacle{{
		Index: rec.Index, Problem: fmt.Sprintf("the target's index %s holds %d documents that this ferry did not write", rec.Target, docs),
		Remedy: "delete it on the target, then run again",
	}}}
}

// recordStart makes durable where an index stands on the source before any of
// it is carried: W0 (protocol 1), and the settings to be put back at the end.
func (ix *index) recordStart(ctx context.Context, definition, translated cluster.Definition, mark func(shard.Position) checkpoint.Watermark) error {
	marks, err := ix.startingMarks(ctx, mark)
	if err != nil {
		return err
	}
	ours, err := metadata.Ours(definition, ix.ferry.target.Identity())
	if err != nil {
		return err
	}
	if ix.snapshotRecord().Path == Stream {
		if err := ix.ferry.relax(ours, translated); err != nil {
			return err
		}
	}
	return ix.enter(ctx, Planned, func(r *IndexRecord) {
		r.Marks = marks
		if r.Over.UUID == "" {
			// An index that is restored over has values of its own.
			r.PutBack = ours
		}
		r.writeAs(translated, ix.ferry.target.Identity())
	})
}

// startingMarks are the watermarks to begin with; none where nothing is
// numbered.
func (ix *index) startingMarks(ctx context.Context, mark func(shard.Position) checkpoint.Watermark) ([]checkpoint.Watermark, error) {
	rec := ix.snapshotRecord()
	if !rec.numbered() {
		return nil, nil
	}
	if err := ix.checkSource(ctx); err != nil {
		return nil, err
	}
	positions, err := ix.positions(ctx)
	if err != nil {
		return nil, err
	}
	marks := make([]checkpoint.Watermark, len(positions))
	for i, p := range positions {
		marks[i] = mark(p)
	}
	return marks, nil
}

// bind records which target index the marks speak of. Nothing was written to
// it by us before, so that its highest sequence number is S_max (protocol 1).
func (ix *index) bind(ctx context.Context) error {
	rec := ix.snapshotRecord()
	there, found, err := ix.ferry.target.Index(ctx, rec.Target)
	if err != nil {
		return err
	}
	positions, err := ix.ferry.target.Primaries(ctx, rec.Target)
	if err != nil {
		return err
	}
	if !found || there.UUID == "" || restored(rec) && len(positions) != len(rec.Marks) {
		return fmt.Errorf("the target index %s is not the one that was made for it", rec.Target)
	}
	return ix.enter(ctx, Recorded, func(r *IndexRecord) {
		r.TargetUUID, r.TargetHistory = there.UUID, histories(positions)
		if !restored(*r) {
			return
		}
		marks := make([]checkpoint.Watermark, len(r.Marks))
		for i := range marks {
			marks[i] = r.Marks[i].Restored(positions[i].Max)
		}
		r.Marks = marks
	})
}

// checkSource refuses to go on from an index that was made anew under its name.
func (ix *index) checkSource(ctx context.Context) error {
	rec := ix.snapshotRecord()
	here, found, err := ix.ferry.source.Index(ctx, rec.Index)
	if err != nil {
		return err
	}
	ix.strict = strictly(ix.ferry.source.Identity(), here)
	is := here.UUID
	if !found {
		is = "gone"
	}
	if is != rec.SourceUUID {
		broken := &checkpoint.BindingError{Shard: shard.ID{Index: rec.Index}, What: "index uuid", Was: rec.SourceUUID, Is: is, Final: is == "gone" || is == ""}
		return ix.final(broken, "run the same command again, which goes on without this index")
	}
	return nil
}

// strictly reports whether checkpoints of an index may move before fsync, so that
// only commits count (S2.3.4).
func strictly(source cluster.Identity, here cluster.Index) bool {
	return source.StrictSettling() || asynchronous(here)
}
