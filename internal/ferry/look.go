package ferry

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"

	"esferry/internal/report"
	"esferry/internal/shard"
	"esferry/internal/workers"
	"esferry/sink"
)

// LookErrand is a shard of the target to look through for what is gone on the
// source; Looked answers it.
type LookErrand struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	Typing
	// From is the sequence number above which both are looked through.
	From     int64          `json:"from"`
	Source   shard.Position `json:"source"`
	Position shard.Position `json:"position"`
	// Docs of each shard of the source, about, which are remembered if they are few.
	Docs int64 `json:"docs"`
}

// Looked is what a shard of the target holds too much.
type Looked struct {
	Gone []sink.Gone `json:"gone"`
	// Docs were looked through.
	Docs int64 `json:"docs"`
	// Many: there are more than an answer holds, and Gone is empty.
	Many bool `json:"many,omitempty"`
}

// answerBytes bounds what an answer says of documents that are gone: as the store
// carries it.
const answerBytes = 512 << 10

// errMany ends the look of a worker that finds more than an answer holds.
var errMany = errors.New("more is gone than an answer holds")

// written compares what the delta wrote, or the whole index where it came by
// stream. What is gone goes to found, by its shard. Shards are looked through at the
// same time, by workers, too.
func (s *sides) written(ctx context.Context, found [][]sink.Gone) error {
	tasks := make([]task, len(s.target))
	for i, p := range s.target {
		tasks[i] = task{window: shard.Window{Shard: p.Shard, From: mark0(s.rec, i), To: p.Max}, position: p}
	}
	readers := int64(len(s.target))
	keep := func(t task, gone []sink.Gone) { i := t.window.Shard.Number; found[i] = append(found[i], gone...) }
	d := &dealer{index: s.rec.Index}
	d.here = func(ctx context.Context, t task) error {
		gone, err := s.through(ctx, t.window.Shard.Number, t.window)
		keep(t, gone)
		return err
	}
	if parties := int64(s.index.ferry.parties()); s.survey == nil && parties > 1 {
		// Workers shall find something left to do.
		readers = (readers + parties - 1) / parties
		s.index.ferry.lend(d, func(ctx context.Context, hand *workers.Hand, t task) (refused bool, err error) {
			gone, refused, err := s.throughThere(ctx, hand, t)
			keep(t, gone)
			return refused, err
		})
	}
	d.readers, d.places = int(readers), semaphore.NewWeighted(readers)
	return d.deal(ctx, queue(tasks))
}

// through looks through a window of the target's shard.
func (s *sides) through(ctx context.Context, number int, w shard.Window) ([]sink.Gone, error) {
	known, err := s.known(ctx, number, w.From)
	if err != nil {
		return nil, err
	}
	return s.look(ctx, number, w, nil, known)
}

// throughThere has a worker do it.
func (s *sides) throughThere(ctx context.Context, hand *workers.Hand, t task) (gone []sink.Gone, refused bool, err error) {
	var done Looked
	refused, err = s.index.ferry.send(ctx, hand, Errand{Look: &LookErrand{
		Index: s.rec.Index, Target: s.rec.Target, Typing: s.rec.Typing, From: t.window.From,
		Source: s.source[t.window.Shard.Number], Position: t.position, Docs: s.here / int64(len(s.source)),
	}}, &done)
	switch {
	case err != nil:
		return nil, refused, err
	case done.Many:
		return nil, true, errMany
	}
	s.index.ferry.note(report.Event{Kind: report.Progress, Phase: "look for deletes", Index: s.rec.Index, Docs: done.Docs})
	return done.Gone, false, s.brake(len(done.Gone))
}

// look looks through a shard for another process, which weighs what is found.
func (c *Carrier) look(ctx context.Context, e *LookErrand) (Looked, error) {
	ix := &index{ferry: c.ferry, rec: IndexRecord{Index: e.Index, Target: e.Target, Typing: e.Typing}}
	s := &sides{
		index: ix, rec: ix.rec, source: []shard.Position{e.Source}, target: []shard.Position{e.Position}, here: e.Docs, judge: fits,
	}
	gone, err := s.through(ctx, 0, shard.Window{Shard: e.Position.Shard, From: e.From, To: e.Position.Max})
	if errors.Is(err, errMany) {
		return Looked{Many: true}, nil
	}
	return Looked{Gone: gone, Docs: s.seen.Load()}, err
}

// fits fails with errMany where what was found is too much for one answer.
func fits(found []sink.Gone) error {
	bytes := 0
	for i := range found {
		key := found[i].Key
		// Names and figures, and quotes that are escaped.
		bytes += 160 + 2*(len(key.ID)+len(key.Routing)+len(key.Type))
	}
	if bytes > answerBytes {
		return errMany
	}
	return nil
}
