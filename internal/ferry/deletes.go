package ferry

import (
	"context"
	"fmt"
	"slices"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/internal/verify"
	"esferry/sink"
	"esferry/stream"
)

const (
	// askAtOnce bounds the documents in one _mget.
	askAtOnce = 1000
	// rememberAtMost bounds the documents of a shard that are held in memory,
	// about a hundred bytes each.
	rememberAtMost = 500000
	// worthReading is how many ids may be read for each document that is gone: a
	// search lists them at a fraction of what it takes to ask for each, which is
	// worthAsking.
	worthReading, worthAsking = 16, 1
	// rangesAtOnce bounds the clauses of one query.
	rangesAtOnce = 500
)

// deletes removes from the target what is gone on the source (protocol 2): in
// order, and it stops as soon as the sides are equal. It belongs after a round.
func (ix *index) deletes(ctx context.Context) error { return ix.settled(ctx, ix.deletesOnce) }

func (ix *index) deletesOnce(ctx context.Context) error {
	rec := ix.snapshotRecord()
	if !rec.numbered() {
		// Its rounds have found them.
		return nil
	}
	if err := ix.sinceSurvey(ctx); err != nil {
		return err
	}
	s, err := ix.countedSides(ctx)
	if err != nil {
		return err
	}
	if s.surplus() == 0 {
		ix.counted = s
		return nil
	}
	if ix.survey != nil && !s.moving {
		// The counts are younger than the positions.
		if err := s.watch(ctx); err != nil {
			return err
		}
	}
	if ix.survey != nil && s.moving {
		// Counts under writes say nothing, and what is deleted now is found then.
		return nil
	}
	if ix.survey != nil {
		ix.ferry.note(report.Event{Kind: report.Noted, Index: ix.id(), Message: fmt.Sprintf("the target still counts %d documents more: all are looked through", s.surplus())})
		ix.dropSurvey()
	}
	if err := ix.ferry.reading(ctx, s.search); err != nil {
		return err
	}
	return s.keepRemoved(ctx)
}

// keepRemoved makes durable how many documents were deleted.
func (s *sides) keepRemoved(ctx context.Context) error {
	return s.index.change(ctx, func(r *IndexRecord) { r.Deleted += s.removed.Load() })
}

// search looks for what is gone on the source, where it costs least first; a survey
// looks everywhere. What was found is deleted once all of it is known.
func (s *sides) search(ctx context.Context) error {
	found := make([][]sink.Gone, len(s.target))
	if restored(s.rec) {
		// Untouched since the snapshot, and gone: found by counts alone.
		if err := s.untouched(ctx, found); err != nil {
			return err
		}
	}
	if s.surplus() > 0 || s.moving || s.survey != nil {
		if err := s.written(ctx, found); err != nil {
			return err
		}
	}
	return s.remove(ctx, found...)
}

// restored reports whether source and target share sequence numbers.
func restored(rec IndexRecord) bool {
	return rec.Path == Snapshot && rec.Delta == ByWindows && !rec.Reconciled
}

// mark0 is the sequence number above which everything on the target was
// written by the delta.
func mark0(rec IndexRecord, number int) int64 {
	if restored(rec) {
		return rec.Marks[number].W0
	}
	return -1
}

// each does something for every shard of the target, at the same time.
func (s *sides) each(ctx context.Context, do func(ctx context.Context, number int) error) error {
	g, _ := group.New(ctx)
	for i := range s.target {
		g.Go("deletes of "+s.target[i].Shard.String(), func(ctx context.Context) error { return do(ctx, i) })
	}
	return g.Wait()
}

// untouched compares what neither side has touched since the snapshot. What is gone
// goes to found, by its shard.
func (s *sides) untouched(ctx context.Context, found [][]sink.Gone) error {
	return s.each(ctx, func(ctx context.Context, i int) error {
		w, ranges, err := s.surplusRanges(ctx, i, worthReading)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(ranges, rangesAtOnce) {
			gone, err := s.look(ctx, i, w, part, nil)
			if err != nil {
				return err
			}
			found[i] = append(found[i], gone...)
		}
		return nil
	})
}

// surplusRanges gives where a restored shard holds more than its source at or below
// W0, as narrow as is worth it.
func (s *sides) surplusRanges(ctx context.Context, number int, worth int64) (shard.Window, []shard.Window, error) {
	w := shard.Window{Shard: s.target[number].Shard, From: -1, To: s.rec.Marks[number].W0}
	found, err := verify.Descend(ctx,
		verify.Primary{Side: s.index.ferry.source, Position: s.source[number]},
		verify.Primary{Side: s.index.ferry.target, Position: s.target[number]}, w, worth)
	return w, verify.Windows(found), err
}

// onTarget reads the target's ids; within some ranges of their numbers, where it is
// given any.
func (s *sides) onTarget(within []shard.Window) *stream.Reader {
	o := stream.Options{IDsOnly: true, Ahead: true}
	if len(within) > 0 {
		o.Query = verify.Ranges(within)
	}
	return stream.NewReader(s.index.ferry.target, s.index.ferry.budget, o)
}

// known reads which documents a shard of the source holds of those that the
// target's shard is looked through for: a scan costs a tenth of asking for each.
// What the delta wrote last was written on the source last, too. It only spares
// questions, since what it lacks is asked for all the same; a shard that is too
// large to remember is asked for document by document. A survey keeps them all.
func (s *sides) known(ctx context.Context, number int, from int64) (map[cluster.Key]struct{}, error) {
	p := s.source[number]
	w := shard.Window{Shard: p.Shard, From: from, To: p.Max}
	remember := min(w.Span(), s.here/int64(len(s.source))) <= rememberAtMost
	if !remember && s.survey == nil {
		return nil, nil
	}
	known := map[cluster.Key]struct{}{}
	reader := stream.NewReader(s.index.ferry.source, s.index.ferry.budget, stream.Options{IDsOnly: true, Ahead: true, Pace: s.index.ferry.pace})
	err := s.eachPage(ctx, reader, p, w, func() { clear(known) }, func(b *batch.Batch) {
		for i := range b.Docs {
			if remember {
				known[cluster.KeyOf(&b.Docs[i])] = struct{}{}
			}
		}
		s.survey.see(b)
		s.looked(b)
	})
	return known, err
}

// looked tells that a page of ids was looked through: of a large index that takes
// minutes in which nothing else is to be told.
func (s *sides) looked(b *batch.Batch) {
	s.seen.Add(int64(len(b.Docs)))
	s.index.ferry.note(report.Event{Kind: report.Progress, Phase: "look for deletes", Index: s.rec.Index, Docs: int64(len(b.Docs))})
}

// eachPage reads a window's pages, again from its beginning where it could not be
// read to its end: begin is called before each attempt.
func (s *sides) eachPage(ctx context.Context, reader *stream.Reader, p shard.Position, w shard.Window, begin func(), see func(*batch.Batch)) error {
	return retry.Do(ctx, s.again(w), func(ctx context.Context) error {
		begin()
		for b, err := range reader.Read(ctx, p, w) {
			if err != nil {
				return err
			}
			see(b)
			b.Release()
		}
		return nil
	})
}

// look reads ids in a window of the target, asks the source for each that is not
// known to be there, and gives those that are gone.
func (s *sides) look(ctx context.Context, number int, w shard.Window, within []shard.Window, known map[cluster.Key]struct{}) ([]sink.Gone, error) {
	var gone []sink.Gone
	err := retry.Do(ctx, s.again(w), func(ctx context.Context) (err error) {
		// What an attempt found that did not come to its end is found again.
		s.gone.Add(-int64(len(gone)))
		gone, err = s.find(ctx, number, w, within, known)
		return err
	})
	return gone, err
}

// remove deletes from the target what the source does not hold, and settles that
// before, each part of it at the same time.
func (s *sides) remove(ctx context.Context, gone ...[]sink.Gone) error {
	gone = slices.DeleteFunc(gone, func(of []sink.Gone) bool { return len(of) == 0 })
	if len(gone) == 0 {
		return nil
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.removeSettled(ctx, gone...)
}

// removeSettled deletes what nothing can bring back to the source.
func (s *sides) removeSettled(ctx context.Context, gone ...[]sink.Gone) error {
	if err := s.index.fence(ctx); err != nil {
		return err
	}
	g, _ := group.New(ctx)
	for _, of := range gone {
		g.Go("deletes from "+s.rec.Target, func(ctx context.Context) error {
			removed, err := s.index.writer().Delete(ctx, of)
			s.removed.Add(removed)
			s.index.ferry.note(report.Event{Kind: report.Progress, Phase: "deletes", Index: s.rec.Index, Docs: removed})
			return err
		})
	}
	return g.Wait()
}

// find reads the window's ids on the target and gives those that are gone on
// the source; it fails where there are more than may be deleted. What it found
// before it failed is counted.
func (s *sides) find(ctx context.Context, number int, w shard.Window, within []shard.Window, known map[cluster.Key]struct{}) ([]sink.Gone, error) {
	var gone []sink.Gone
	alive := func(key cluster.Key, found cluster.Found) { s.survey.doubt(s.rec, number, key, found) }
	for b, err := range s.onTarget(within).Read(ctx, s.target[number], w) {
		if err != nil {
			return gone, err
		}
		var doubtful []sink.Gone
		for i := range b.Docs {
			d := &b.Docs[i]
			if _, there := known[cluster.KeyOf(d)]; !there {
				doubtful = append(doubtful, goneAt(cluster.KeyOf(d), d.Version, d.SeqNo, d.Term))
			}
		}
		s.looked(b)
		b.Release()
		absent, err := s.absent(ctx, doubtful, alive)
		if err != nil {
			return gone, err
		}
		gone = append(gone, absent...)
		if err := s.further(gone, len(absent)); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// goneAt says what the target holds of a document that is to be deleted.
func goneAt(key cluster.Key, version, seqNo, term int64) sink.Gone {
	return sink.Gone{Key: key, Found: cluster.Found{Found: true, Version: version, SeqNo: seqNo, Term: term}}
}

// keysOf gives what to ask for.
func keysOf(gone []sink.Gone) []cluster.Key {
	keys := make([]cluster.Key, len(gone))
	for i := range gone {
		keys[i] = gone[i].Key
	}
	return keys
}

// absent gives those that the source says it does not hold: neither by id, nor in
// a search of all shards. The latter finds documents that lie in another shard
// than their routing says (seen on OpenSearch 3.8: one whose write was under way
// when a replica was promoted had lost its routing).
// alive, where it is given, is told of each that is there: also of those that a
// search still lists, since they were deleted after the last refresh, without what
// the source holds of them.
func (s *sides) absent(ctx context.Context, found []sink.Gone, alive func(cluster.Key, cluster.Found)) ([]sink.Gone, error) {
	if alive == nil {
		alive = func(cluster.Key, cluster.Found) {}
	}
	var out []sink.Gone
	for part := range slices.Chunk(found, askAtOnce) {
		there, err := s.index.source().Versions(ctx, s.rec.Index, keysOf(part))
		if err != nil {
			return nil, err
		}
		var missing []sink.Gone
		for i := range there {
			if !there[i].Found {
				missing = append(missing, part[i])
			} else {
				alive(part[i].Key, there[i])
			}
		}
		listed, err := s.listed(ctx, keysOf(missing))
		if err != nil {
			return nil, err
		}
		for _, one := range missing {
			if listed[one.Key] {
				alive(one.Key, cluster.Found{Found: true, SeqNo: -1})
			} else {
				out = append(out, one)
			}
		}
	}
	return out, nil
}

// listed tells which of them a search finds on the source.
func (s *sides) listed(ctx context.Context, missing []cluster.Key) (map[cluster.Key]bool, error) {
	if len(missing) == 0 {
		return nil, nil
	}
	return s.index.source().Listed(ctx, s.rec.Index, missing)
}
