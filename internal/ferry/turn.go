package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/metadata"
	"esferry/internal/preflight"
	"esferry/internal/report"
	"esferry/internal/shard"
)

// keepWayBack notes, under the freeze, where both sides of each index stand: they
// were just found equal, and nobody writes to either. It is what the way in the
// other direction begins with, and replaces what that had before (protocol 4.1).
func (c *cutover) keepWayBack(ctx context.Context) error {
	c.back = nil
	var mu sync.Mutex
	keep := func(key string, v any) error {
		key = otherWay(c.ferry.options.Name) + key
		value, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode the way back %s: %w", key, err)
		}
		mu.Lock()
		defer mu.Unlock()
		c.back = append(c.back, checkpoint.Record{Key: key, Value: value})
		return nil
	}
	g, _ := group.New(ctx)
	g.Go("way back of the ferry", func(ctx context.Context) error {
		state, err := c.turnedFerry(ctx)
		if err != nil {
			return err
		}
		return keep("/ferry", state)
	})
	for _, ix := range c.indices {
		if ix.snapshotRecord().SourceType != "" {
			// Several of them make one index there: WayBack refuses it.
			continue
		}
		g.Go("way back of "+ix.id(), func(ctx context.Context) error {
			r, err := ix.turned(ctx)
			if err != nil {
				return err
			}
			return keep("/index/"+r.name(), r)
		})
	}
	return g.Wait()
}

// turnedFerry gives the record of the way in the other direction.
func (c *cutover) turnedFerry(ctx context.Context) (Record, error) {
	f := c.ferry
	state, _, err := Load(ctx, f.store, otherWay(f.options.Name))
	if err != nil {
		return state, err
	}
	if state.Others, err = c.others(ctx); err != nil {
		return state, err
	}
	state.SourceCluster, state.TargetCluster = f.target.Identity().UUID, f.source.Identity().UUID
	state.Started, state.Freeze = time.Now().UTC(), nil
	return state, nil
}

// others gives the target's indices that are none of this ferry's, of those that it
// is asked for; all that there ever will be, where this user may not list them.
func (c *cutover) others(ctx context.Context) ([]string, error) {
	f := c.ferry
	names, err := f.target.Names(ctx)
	if cluster.Forbidden(err) {
		return []string{everyOther}, nil
	}
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for _, ix := range f.named(f.known()) {
		ours[ix.snapshotRecord().Target] = true
	}
	return slices.DeleteFunc(names, func(name string) bool { return ours[name] || !f.options.Select.Match(name) }), nil
}

// turned gives the record of the index for the way in the other direction.
func (ix *index) turned(ctx context.Context) (IndexRecord, error) {
	f, rec := ix.ferry, ix.snapshotRecord()
	var there cluster.Index
	var here, now []shard.Position
	g, _ := group.New(ctx)
	g.Go("target of "+rec.Index, func(ctx context.Context) (err error) {
		there, err = ix.boundTarget(ctx)
		return err
	})
	g.Go("positions of "+rec.Index, func(ctx context.Context) (err error) {
		here, err = f.source.Primaries(ctx, rec.Index)
		return err
	})
	g.Go("positions of "+rec.Target, func(ctx context.Context) (err error) {
		now, err = f.target.Primaries(ctx, rec.Target)
		return err
	})
	if err := g.Wait(); err != nil {
		return rec, err
	}
	if err := rec.boundTo(now); err != nil {
		return rec, err
	}
	out := IndexRecord{
		Index: rec.Target, Target: rec.Index, Path: AtSwitch, Phase: Recorded, Delta: ByWindows,
		Binding: Binding{SourceUUID: rec.TargetUUID, TargetUUID: rec.SourceUUID, TargetHistory: histories(here), TargetMax: highest(here)},
	}
	for _, p := range now {
		if strictly(f.target.Identity(), there) {
			// No flush under the freeze: what is in no commit yet is carried again.
			p = p.Fsynced()
		}
		out.Marks = append(out.Marks, checkpoint.AtSwitch(p))
	}
	if c := rec.Counts; c != nil {
		out.Counts = &Counts{Source: c.Target, Target: c.Source, Equal: c.Equal, Moving: c.Moving, At: c.At}
	}
	return out, nil
}

// highest gives the highest sequence number of each shard.
func highest(positions []shard.Position) []int64 {
	out := make([]int64, len(positions))
	for i, p := range positions {
		out[i] = p.Max
	}
	return out
}

// known gives the names of all indices of this ferry, sorted.
func (f *Ferry) known() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.indices))
}

// turn begins the way of an index in the other direction. Its new target must be
// as the switch left it; then it gets what a ferry's writes need, which is put back
// at the end, and its write block is lifted.
func (ix *index) turn(ctx context.Context) error {
	f := ix.ferry
	there, err := ix.boundTarget(ctx)
	if err != nil {
		return err
	}
	if err := ix.mustBeSwitched(ctx); err != nil {
		return err
	}
	if err := ix.untouched(ctx, there); err != nil {
		return err
	}
	if ix.snapshotRecord().PutBack == nil {
		if err := ix.prepareTurn(ctx); err != nil {
			return err
		}
	}
	if err := ix.carryFields(ctx); err != nil {
		return err
	}
	rec := ix.snapshotRecord()
	if err := f.target.PutSettings(ctx, []string{rec.Target}, whileTurned(f.target.Identity())); err != nil {
		return err
	}
	if err := f.target.UnblockWrites(ctx, []string{rec.Target}); err != nil {
		return err
	}
	f.note(report.Event{Kind: report.Noted, Index: rec.Index, Message: "the write block on index " + rec.Target + " is lifted for this ferry: keep other writers away from that cluster"})
	return ix.enter(ctx, Recorded, func(r *IndexRecord) { r.TargetMax = nil })
}

// prepareTurn makes durable how the new target is to be written and left.
func (ix *index) prepareTurn(ctx context.Context) error {
	f, rec := ix.ferry, ix.snapshotRecord()
	if err := rec.equalAtSwitch(); err != nil {
		return err
	}
	definition, err := f.target.Definition(ctx, rec.Target)
	if err != nil {
		return err
	}
	typing, err := typingOf(definition, f.source.Identity(), f.target.Identity())
	if err != nil {
		return err
	}
	own, err := metadata.Ours(definition, f.target.Identity())
	if err != nil {
		return err
	}
	ours := whileTurned(f.target.Identity())
	maps.DeleteFunc(own, func(key string, _ any) bool { _, changed := ours[key]; return !changed })
	here, _, err := f.source.Index(ctx, rec.Index)
	if err != nil {
		return err
	}
	numbered, _, err := preflight.Numbered(ctx, f.source, here)
	if err != nil {
		return err
	}
	return ix.change(ctx, func(r *IndexRecord) {
		r.PutBack, r.Typing = own, typing
		if !numbered {
			r.Delta, r.Marks = ByReconcile, nil
		}
	})
}

// mustBeSwitched refuses an index whose other way has not come to its end: what is
// newer might be on the side that would be written.
func (ix *index) mustBeSwitched(ctx context.Context) error {
	rec := ix.snapshotRecord()
	_, others, err := Load(ctx, ix.ferry.store, otherWay(ix.ferry.options.Name))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, func(o IndexRecord) bool { return o.opposes(rec) && o.Phase == Switched }) {
		return nil
	}
	return obstacle(rec.Index, "it is not switched in the other direction, so that this one has nothing to begin with", "end the cutover that is under way: esferry status, and esferry status --reverse, tell which")
}

// whileTurned gives the settings of TakenOff that exactness needs. An index that is
// there to be returned to keeps its replicas and refreshes.
func whileTurned(engine cluster.Identity) map[string]any {
	settings := metadata.TakenOff(engine)
	maps.DeleteFunc(settings, func(key string, _ any) bool {
		return key != "index.gc_deletes" && !strings.HasSuffix(key, "_pipeline")
	})
	return settings
}

// equalAtSwitch refuses an index of which a side has documents of its own.
func (r IndexRecord) equalAtSwitch() error {
	if r.Counts != nil && r.Counts.Equal {
		return nil
	}
	return obstacle(r.Index, "the sides were not equal at the switch: what was rejected, or deletes that were ignored, is on one of them alone", anotherFerry)
}

// untouched refuses a target that took writes since the switch: nobody would know
// of them, and they would be deleted.
func (ix *index) untouched(ctx context.Context, there cluster.Index) error {
	target := ix.ferry.target
	rec := ix.snapshotRecord()
	positions, err := target.Primaries(ctx, rec.Target)
	if err != nil {
		return err
	}
	if err := rec.boundTo(positions); err != nil {
		return err
	}
	return rec.asAtSwitch(positions, target.Identity().SequenceNumbers(), there.Settings["index.blocks.write"] == "true")
}

// asAtSwitch refuses a target whose primaries stand elsewhere than at the switch, or
// may, where its engine does not number operations.
func (r IndexRecord) asAtSwitch(now []shard.Position, numbers, blocked bool) error {
	const remedy = "compare the two with esferry verify --level ids, and " + anotherFerry
	if !numbers || len(now) != len(r.TargetMax) || slices.ContainsFunc(now, func(p shard.Position) bool { return p.Global < -1 }) {
		if r.PutBack != nil || blocked {
			// Where it was prepared before, that run may have lifted the block.
			return nil
		}
		return obstacle(r.Index, fmt.Sprintf("index %s has lost its write block since the switch, and its engine does not tell whether it took writes", r.Target), remedy)
	}
	for i, p := range now {
		if p.Max != r.TargetMax[i] {
			return obstacle(r.Index, fmt.Sprintf("index %s took %d writes since the switch, which this cluster does not have (%s)", r.Target, p.Max-r.TargetMax[i], p.Shard), remedy)
		}
	}
	return nil
}

// typingOf tells how documents are written into an index of an engine with types.
func typingOf(there cluster.Definition, from, to cluster.Identity) (t Typing, err error) {
	if !to.Typed() {
		return t, nil
	}
	types, err := metadata.Types(there)
	switch {
	case err != nil:
		return t, err
	case len(types) > 1 && !from.Typed():
		return t, obstacle("", fmt.Sprintf("index %s has %d types, and documents of the new cluster have none", there.Index, len(types)), anotherFerry)
	case len(types) > 1:
		t.Types = true
	case len(types) == 1:
		t.Type = types[0]
	case to.AtLeast(6, 0):
		t.Type = "_doc"
	default:
		t.Type = "doc"
	}
	return t, nil
}

// carryFields adds the fields that an index gained since the switch to the one that
// it goes back to, so that documents mean the same there. One that the engine
// cannot have is refused by its name.
func (ix *index) carryFields(ctx context.Context) error {
	f, rec := ix.ferry, ix.snapshotRecord()
	if rec.Path != AtSwitch || rec.Types {
		return nil
	}
	here, err := f.source.Definition(ctx, rec.Index)
	if err != nil {
		return err
	}
	there, err := f.target.Definition(ctx, rec.Target)
	if err != nil {
		return err
	}
	mapping, names, notes, err := metadata.Gained(here, there, f.source.Identity(), f.target.Identity())
	if err != nil || mapping == nil {
		return err
	}
	remedy := "add such fields to index " + rec.Target + " with a mapping that it can have, then run again"
	for _, n := range metadata.Obstacles(notes) {
		return obstacle(rec.Index, fmt.Sprintf("the field %s came since the switch: %s", strings.TrimPrefix(n.Path, "mappings."), n.Reason), remedy)
	}
	err = f.target.PutMapping(ctx, rec.Target, rec.Type, mapping)
	if cluster.BadRequest(err) {
		return obstacle(rec.Index, fmt.Sprintf("of the fields that came since the switch (%s) index %s cannot have all: %s", strings.Join(names, ", "), rec.Target, cluster.Reason(err)), remedy)
	}
	if err != nil {
		return err
	}
	f.noteAll(notes)
	f.note(report.Event{Kind: report.Noted, Index: rec.Index, Message: "fields that came since the switch: " + strings.Join(names, ", ")})
	return nil
}
