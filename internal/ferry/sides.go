package ferry

import (
	"cmp"
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/sink"
)

// sides is one comparison of an index on both engines.
type sides struct {
	index          *index
	rec            IndexRecord
	source, target []shard.Position
	// here and there are the live counts.
	here, there int64
	// gone counts the documents that the look for deletes found, and removed those
	// that it deleted then.
	gone, removed atomic.Int64
	// seen counts the documents that were looked through.
	seen atomic.Int64
	// judge says whether to go on with what was found gone in a shard; nil has the
	// brake say so.
	judge func(found []sink.Gone) error
	// survey that the look for deletes is to become; nil for none.
	survey *survey
	// moving: the source may have taken writes since the round.
	moving bool
}

// again is how a window is read once more that could not be read to its end: after
// a while, and with word of why.
func (s *sides) again(w shard.Window) retry.Policy {
	return retry.Policy{Notify: func(err error, _ time.Duration) {
		s.index.ferry.note(report.Event{Kind: report.Retried, Index: s.rec.Index, Window: w, Message: err.Error()})
	}}
}

// sides reads the positions of both sides, at the same time, and refreshes them
// after: a refresh of a primary that was just promoted waits until it is one in
// full. Before that, under segment replication, it answers searches and gets
// from what it had as a replica (seen on OpenSearch 3.8).
func (ix *index) sides(ctx context.Context) (*sides, error) {
	s := &sides{index: ix, rec: ix.snapshotRecord()}
	g, _ := group.New(ctx)
	look := func(on *cluster.Cluster, index string, positions *[]shard.Position) { //nolint:contextcheck // the group hands the context on
		g.Go("positions of "+index, func(ctx context.Context) (err error) {
			if *positions, err = on.Primaries(ctx, index); err != nil {
				return err
			}
			return on.Refresh(ctx, index)
		})
	}
	look(ix.ferry.source, s.rec.Index, &s.source)
	look(ix.ferry.target, s.rec.Target, &s.target)
	err := g.Wait()
	if cluster.NotFound(err) {
		// A target that is gone breaks the binding, which says more.
		err = cmp.Or(ix.checkTargetUUID(ctx), err)
	}
	if err != nil {
		return nil, err
	}
	for i, mark := range s.rec.Marks {
		// One that was made anew may have fewer shards.
		s.moving = s.moving || i >= len(s.source) || s.source[i].Max > mark.W
	}
	return s, nil
}

// countedSides gives both sides with their counts.
func (ix *index) countedSides(ctx context.Context) (*sides, error) {
	s, err := ix.sides(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.count(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// count counts both sides, at the same time, of a target that is still the one
// that was bound: one that was made anew or restored over since the round may
// count the same and hold something else.
func (s *sides) count(ctx context.Context) error {
	if err := s.rec.boundTo(s.target); err != nil {
		return err
	}
	return s.countMatching(ctx, nil)
}

// countMatching counts what matches a query. It looks at no shards.
func (s *sides) countMatching(ctx context.Context, query json.RawMessage) error {
	g, _ := group.New(ctx)
	g.Go("target of "+s.rec.Index, s.index.checkTargetUUID)
	g.Go("count "+s.rec.Index, func(ctx context.Context) (err error) {
		s.here, err = s.index.source().Count(ctx, s.rec.Index, query)
		return err
	})
	g.Go("count "+s.rec.Target+" on the target", func(ctx context.Context) (err error) {
		s.there, err = s.index.ferry.target.Count(ctx, s.rec.Target, query)
		return err
	})
	return g.Wait()
}

// surplus is how many documents the target holds too many, beside those that were
// found to be gone.
func (s *sides) surplus() int64 { return s.there - s.gone.Load() - s.here }

// compare counts both sides, as of a refresh now, and keeps the result. Counts of
// the look for deletes hold where the source stood still since; the target has no
// other writer.
func (ix *index) compare(ctx context.Context) (Counts, error) {
	s, err := ix.countedAgain(ctx)
	if err != nil {
		return Counts{}, err
	}
	return s.keepCounts(ctx)
}

// keepCounts makes the counts durable.
func (s *sides) keepCounts(ctx context.Context) (Counts, error) {
	c := Counts{Source: s.here, Target: s.there, Equal: s.here == s.there, Moving: s.moving, At: time.Now().UTC()}
	return c, s.index.change(ctx, func(r *IndexRecord) { r.Counts = &c })
}

func (ix *index) countedAgain(ctx context.Context) (*sides, error) {
	if s := ix.counted; s != nil && !s.moving {
		ix.counted = nil
		if err := s.watch(ctx); err != nil || !s.moving {
			return s, err
		}
	}
	s, err := ix.countedSides(ctx)
	if err != nil {
		return nil, err
	}
	return s, s.watch(ctx)
}

// activity counts the source's writes where they are not numbered.
func (ix *index) activity(ctx context.Context) (cluster.Activity, error) {
	rec := ix.snapshotRecord()
	if rec.numbered() {
		return cluster.Activity{}, nil
	}
	return ix.ferry.source.Activity(ctx, rec.Index)
}

// watch notes whether the source took writes since the positions were read, or a
// failover took some back, or, where writes are not numbered, whether it took any
// since the last round began.
func (s *sides) watch(ctx context.Context) error {
	if !s.rec.numbered() {
		now, err := s.index.activity(ctx)
		s.moving = s.moving || s.rec.Activity == nil || now != *s.rec.Activity
		return err
	}
	now, err := s.index.ferry.source.Positions(ctx, s.rec.Index)
	if err != nil {
		return err
	}
	if len(now) != len(s.source) {
		s.moving = true
		return nil
	}
	for i := range now {
		s.moving = s.moving || now[i].Max != s.source[i].Max || now[i].Term != s.source[i].Term
	}
	return nil
}
