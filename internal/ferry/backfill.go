package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"esferry/checkpoint"
	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/metadata"
	"esferry/internal/preflight"
	"esferry/internal/report"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

// Backfill carries the documents of one index that a query selects, as they
// stand at its start: scroll and bulk, without deletes. It is no part of the
// ferry's own rounds and moves none of their watermarks.
type Backfill struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	// Query selects documents; empty for all.
	Query      json.RawMessage `json:"query,omitempty"`
	SourceUUID string          `json:"source_uuid"`
	TargetUUID string          `json:"target_uuid"`
	Typing
	// Created: the target index was made for this backfill, and its settings
	// are to be put back.
	Created bool           `json:"created"`
	PutBack map[string]any `json:"put_back,omitempty"`
	// Delta tells whether the documents can be cut into windows.
	Delta Delta `json:"delta"`
	// Windows are (done, end] for each shard.
	Windows []shard.Window `json:"windows"`
	Terms   []int64        `json:"terms"`
	Written sink.Result    `json:"written"`
	Done    bool           `json:"done"`
	Counts  *Counts        `json:"counts,omitempty"`
}

func (f *Ferry) backfillKey(name string) string { return f.options.Name + "/backfill/" + name }

// Backfill carries an index's documents that match the query, all when empty,
// and counts them on both sides. Asked again for the same query it goes on
// where it stopped; asked when it is done, it starts anew, and what is there
// already costs a replay.
func (f *Ferry) Backfill(ctx context.Context, name string, query json.RawMessage) (Backfill, error) {
	b := &backfill{ferry: f}
	err := f.phase(ctx, "backfill", name, func(ctx context.Context) error {
		if err := f.start(ctx); err != nil {
			return err
		}
		if err := b.open(ctx, name, query); err != nil {
			return err
		}
		if err := b.carryAll(ctx); err != nil {
			return err
		}
		return b.finish(ctx)
	})
	return b.rec, err
}

// backfill is one run of a Backfill, by one goroutine and its committer.
type backfill struct {
	ferry    *Ferry
	rec      Backfill
	trackers []*checkpoint.Tracker
	// before counts the source's writes before the first scan, where they are
	// not numbered.
	before cluster.Activity
}

func (b *backfill) activity(ctx context.Context) (cluster.Activity, error) {
	return b.index().activity(ctx)
}

// open finds the record of an unfinished backfill, or begins one.
func (b *backfill) open(ctx context.Context, name string, query json.RawMessage) error {
	f := b.ferry
	here, found, err := f.source.Index(ctx, name)
	if err != nil {
		return err
	}
	if !found || here.UUID == "" {
		return fmt.Errorf("the source has no index named %s", name)
	}
	value, err := f.store.Load(ctx, f.backfillKey(name))
	if err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
		return fmt.Errorf("load the backfill of index %s: %w", name, err)
	}
	if err == nil {
		if err := json.Unmarshal(value, &b.rec); err != nil {
			return fmt.Errorf("decode the backfill of index %s: %w", name, err)
		}
		if b.rec.resumes(here, query) {
			return nil
		}
	}
	return b.begin(ctx, here, query)
}

// begin records what is to be carried, and makes the target index where there
// is none.
func (b *backfill) begin(ctx context.Context, here cluster.Index, query json.RawMessage) error {
	f, name := b.ferry, here.Name
	positions, err := f.source.Primaries(ctx, name)
	if err != nil {
		return err
	}
	b.rec = Backfill{Index: name, Target: f.options.Select.TargetName(name), Query: query, SourceUUID: here.UUID}
	numbered, _, err := preflight.Numbered(ctx, f.source, here)
	if err != nil {
		return err
	}
	if b.rec.Delta = ByWindows; !numbered {
		b.rec.Delta = ByReconcile
	}
	for _, p := range positions {
		w := shard.Window{Shard: p.Shard, From: -1, To: p.Global}
		if !numbered {
			w = shard.All(p.Shard)
		}
		b.rec.Windows = append(b.rec.Windows, w)
		b.rec.Terms = append(b.rec.Terms, p.Term)
	}
	definition, err := f.source.Definition(ctx, name)
	if err != nil {
		return err
	}
	translated, notes := metadata.Translate(definition, f.source.Identity(), f.target.Identity())
	f.noteAll(notes)
	b.rec.writeAs(translated, f.target.Identity())
	if b.rec.PutBack, err = metadata.Ours(definition, f.target.Identity()); err != nil {
		return err
	}
	there, found, err := f.target.Index(ctx, b.rec.Target)
	if err != nil {
		return err
	}
	if !found {
		if err := f.relax(b.rec.PutBack, translated); err != nil {
			return err
		}
		body, err := f.createBody(ctx, name, translated, relaxed(b.rec.PutBack))
		if err != nil {
			return err
		}
		// Durable before the index is made: a crash in between must not leave
		// settings that nobody puts back.
		b.rec.Created = true
		if err := b.save(ctx); err != nil {
			return err
		}
		if there, err = f.make(ctx, b.rec.Target, body); err != nil {
			return err
		}
	}
	b.rec.TargetUUID = there.UUID
	return b.save(ctx)
}

func (b *backfill) save(ctx context.Context) error {
	return b.ferry.keep(ctx, "the backfill of index "+b.rec.Index, b.ferry.backfillKey(b.rec.Index), b.rec)
}

// carryAll carries until all is durable: a target that is started anew while its
// translog is written asynchronously has it begun again from the last marks.
func (b *backfill) carryAll(ctx context.Context) (err error) {
	for range 10 {
		if err = b.carry(ctx); !overtaken(err) {
			return err
		}
		b.ferry.note(report.Event{Kind: report.Retried, Index: b.rec.Index, Message: err.Error()})
	}
	return err
}

// watchTarget guards the target's index where it may lose what it acknowledges.
func (b *backfill) watchTarget(ctx context.Context, there cluster.Index) (*standing, error) {
	f := b.ferry
	if !asynchronous(there) {
		return nil, nil
	}
	positions, err := f.target.Primaries(ctx, b.rec.Target)
	if err != nil {
		return nil, err
	}
	if s := f.stand(there, positions); s != nil || !relaxed(b.rec.PutBack) {
		return s, nil
	}
	f.noteUnsafe(b.rec.Index)
	if err := f.putDurability(ctx, b.rec.Target, b.rec.PutBack); err != nil {
		return nil, err
	}
	b.rec.PutBack = hardened(b.rec.PutBack)
	return nil, b.save(ctx)
}

// carry reads and writes what is left of each shard's window.
func (b *backfill) carry(ctx context.Context) error {
	f := b.ferry
	there, found, err := f.target.Index(ctx, b.rec.Target)
	if err != nil {
		return err
	}
	if !found || b.rec.TargetUUID != "" && there.UUID != b.rec.TargetUUID {
		return fmt.Errorf("the target index %s is gone, or was made anew since the backfill began: esferry checkpoint reset %s, then run again", b.rec.Target, b.rec.Index)
	}
	b.rec.TargetUUID = there.UUID
	positions, err := f.source.Primaries(ctx, b.rec.Index)
	if err != nil {
		return err
	}
	if b.before, err = b.activity(ctx); err != nil {
		return err
	}
	if err := f.source.Refresh(ctx, b.rec.Index); err != nil {
		return err
	}
	tasks, err := b.tasks(ctx, positions)
	if err != nil {
		return err
	}
	guard, err := b.watchTarget(ctx, there)
	if err != nil {
		return err
	}
	p, err := b.pipe(ctx, guard)
	if err != nil {
		return err
	}
	base := b.rec.Written
	p.landed = func(w shard.Window) error {
		_, err := b.trackers[w.Shard.Number].Acknowledge(w)
		return err
	}
	p.commit = func(ctx context.Context) error {
		if err := guard.secure(ctx); err != nil {
			return err
		}
		for i, t := range b.trackers {
			b.rec.Windows[i].From = t.Mark()
		}
		b.rec.Written = base.Add(p.result())
		return b.save(ctx)
	}
	if err := p.run(ctx, tasks); err != nil {
		return err
	}
	return p.commit(ctx)
}

// tasks cuts what is left. After a failover the whole is read again: what was
// hidden then may be back now (protocol 1.3).
func (b *backfill) tasks(ctx context.Context, positions []shard.Position) ([]task, error) {
	if len(positions) != len(b.rec.Windows) {
		return nil, fmt.Errorf("index %s has %d shards now and had %d", b.rec.Index, len(positions), len(b.rec.Windows))
	}
	var tasks []task
	b.trackers = nil
	for i, p := range positions {
		if p.Term != b.rec.Terms[i] {
			b.rec.Windows[i].From, b.rec.Terms[i] = -1, p.Term
			if b.rec.Delta == ByReconcile {
				b.rec.Windows[i] = shard.All(p.Shard)
			}
		}
		w := b.rec.Windows[i]
		b.trackers = append(b.trackers, checkpoint.NewTracker(w.From))
		windows, err := b.ferry.cut(ctx, b.ferry.source, p, w, carried())
		if err != nil {
			return nil, err
		}
		for _, part := range windows {
			if err := b.trackers[i].Dispatch(part); err != nil {
				return nil, err
			}
			tasks = append(tasks, task{window: part, position: p, versioning: batch.External})
		}
	}
	return tasks, nil
}

func (b *backfill) pipe(ctx context.Context, guard *standing) (*pipe, error) {
	ix := b.index()
	ix.standing = guard
	if err := ix.fence(ctx); err != nil {
		return nil, err
	}
	return ix.pipe(stream.Options{Query: b.rec.Query}), nil
}

// index is what of the ferry's work on an index a backfill needs.
func (b *backfill) index() *index {
	return &index{ferry: b.ferry, rec: IndexRecord{
		Index: b.rec.Index, Target: b.rec.Target, Typing: b.rec.Typing, Delta: b.rec.Delta, Binding: Binding{TargetUUID: b.rec.TargetUUID},
	}}
}

// finish puts the settings back, counts, and closes the record.
func (b *backfill) finish(ctx context.Context) error {
	f := b.ferry
	if err := f.unfence(ctx, []*index{b.index()}); err != nil {
		return err
	}
	if b.rec.Created {
		if err := f.target.PutSettings(ctx, []string{b.rec.Target}, b.rec.PutBack); err != nil {
			return err
		}
	}
	before, err := f.source.Primaries(ctx, b.rec.Index)
	if err != nil {
		return err
	}
	if err := f.target.Refresh(ctx, b.rec.Target); err != nil {
		return err
	}
	c := &Counts{}
	if c.Source, err = f.source.Count(ctx, b.rec.Index, b.rec.Query); err != nil {
		return err
	}
	if c.Target, err = f.target.Count(ctx, b.rec.Target, b.rec.Query); err != nil {
		return err
	}
	c.Equal = c.Source == c.Target
	now, err := b.activity(ctx)
	if err != nil {
		return err
	}
	c.Moving = now != b.before
	for i, p := range before {
		// What came since the start is not part of a backfill.
		c.Moving = c.Moving || p.Max > b.rec.Windows[i].To
	}
	b.rec.Counts, b.rec.Done = c, true
	if err := b.save(ctx); err != nil {
		return err
	}
	if !c.Equal && !c.Moving && b.rec.Written.Rejected == 0 {
		return fmt.Errorf("index %s: %w: %d documents on the source, %d on the target", b.rec.Index, ErrDifference, c.Source, c.Target)
	}
	return nil
}

// forget drops the records of an index.
func (f *Ferry) forget(ctx context.Context, name string) error {
	err := f.store.Commit(ctx, f.lease, checkpoint.Record{Key: f.indexKey(name)}, checkpoint.Record{Key: f.backfillKey(name)})
	if err != nil {
		return fmt.Errorf("forget index %s: %w", name, err)
	}
	return nil
}
