package ferry

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"esferry/internal/batch"
	"esferry/internal/census"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/shard"
	"esferry/internal/verify"
)

// survey is a look for deletes that is kept up, so that the next one costs what
// changed since (protocol 2.4): every document on the target is in the census,
// under the number it had on the source, or among the doubtful. It spares work and
// decides nothing: both sides are counted after it, and where they differ all
// documents are looked through.
type survey struct {
	held *census.Census
	// source holds the positions it began at. Numbers above a global checkpoint
	// may mean something else after a failover.
	source []shard.Position
	// looked are the positions before the last look.
	looked []shard.Position
	// there is how many documents the target held.
	there int64
	// broken is why it no longer holds.
	broken atomic.Pointer[error]
	// asked: no round came since it was asked what left.
	asked bool
	// wanted: the next round looks for what left, too. ahead is what it found.
	wanted bool
	ahead  *departed

	mu sync.Mutex
	// doubtful were asked for and are there, under a number that no round has
	// brought yet, by their shard.
	doubtful map[cluster.Key]int
}

// takeSurvey looks through all documents that may have been deleted, whatever the
// counts say, and keeps what it saw. It belongs after a round.
func (ix *index) takeSurvey(ctx context.Context) error {
	ix.dropSurvey()
	if !ix.snapshotRecord().numbered() {
		return ix.deletesOnce(ctx)
	}
	s, err := ix.countedSides(ctx)
	if err != nil {
		return err
	}
	held, err := census.Open(ix.ferry.options.Reconcile.Dir, len(s.source))
	if err != nil {
		return err
	}
	ix.survey = &survey{held: held, source: s.source, looked: s.source, there: s.there, doubtful: map[cluster.Key]int{}}
	s.survey = ix.survey
	if err := ix.ferry.reading(ctx, s.search); err != nil {
		ix.dropSurvey()
		return err
	}
	return s.keepRemoved(ctx)
}

// dropSurvey forgets what was seen.
func (ix *index) dropSurvey() {
	if ix.survey == nil {
		return
	}
	// Its file has no name: what cannot be closed ends with the process.
	_ = ix.survey.held.Close() //nolint:errcheck // see above
	ix.survey = nil
}

// see notes a page that was read of the source, before it is written. A disk that
// has no room for it is no reason to stop: the survey no longer holds.
func (v *survey) see(b *batch.Batch) {
	if v == nil || v.broken.Load() != nil {
		return
	}
	if err := v.held.Add(b); err != nil {
		v.broken.Store(&err)
	}
}

// doubt notes a document of a shard that was asked for and is there: unless a round
// has brought what it is now, the census does not have it.
func (v *survey) doubt(rec IndexRecord, number int, key cluster.Key, found cluster.Found) {
	if v == nil || found.SeqNo >= 0 && found.SeqNo <= rec.Marks[number].W {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doubtful[key] = number
}

// sinceSurvey removes what was deleted on the source since the survey, once after a
// round. Where the survey no longer holds it is dropped.
func (ix *index) sinceSurvey(ctx context.Context) error {
	v := ix.survey
	if v == nil || v.asked {
		return nil
	}
	if why := v.broken.Load(); why != nil {
		ix.ferry.note(report.Event{Kind: report.Noted, Index: ix.id(), Message: "all documents will be looked through for deletes under the freeze: " + (*why).Error()})
		ix.dropSurvey()
		return nil
	}
	found, err := v.departed(ctx, ix)
	switch {
	case err != nil:
		return err
	case found == nil:
		ix.dropSurvey()
		return nil
	}
	// What was written is made visible for the counts, once deletes are, too.
	err = ix.ferry.reading(ctx, func(ctx context.Context) error { return v.remove(ctx, found) })
	v.asked = err == nil
	return err
}

// want has the next round look for what left the source, while it carries what came.
func (v *survey) want() {
	if v != nil {
		v.wanted = true
	}
}

// departed gives what has left the source: found beside the round that was, where it
// was wanted and no failover came since, or found now. It is nil where the survey no
// longer holds.
func (v *survey) departed(ctx context.Context, ix *index) (*departed, error) {
	found := v.ahead
	v.ahead = nil
	if found == nil || !found.holds(ix.snapshotRecord().Marks) {
		positions, err := ix.positions(ctx)
		if err != nil {
			return nil, err
		}
		return v.look(ctx, ix, positions, nil)
	}
	return found, nil
}

// lookAhead looks for what left a source that was refreshed after the positions, while
// the round carries what came to the target that it has just made sure of. Of what the
// round brings it tells by the number that a document has now. What it cannot find out
// is found after the round.
func (v *survey) lookAhead(ctx context.Context, ix *index, positions []shard.Position) error {
	var err error
	if v.ahead, err = v.look(ctx, ix, positions, ix.bound); err != nil {
		v.ahead = nil
	}
	return ctx.Err()
}

// suspect is a document that may be gone.
type suspect struct {
	shard int
	// numbers under which the census has it.
	numbers []int64
}

// suspects are told apart by their key.
type suspects map[cluster.Key]suspect

func (l suspects) add(key cluster.Key, number int, seqNos ...int64) {
	l[key] = suspect{shard: number, numbers: append(l[key].numbers, seqNos...)}
}

// suspects gives the documents that may have left the source: whose number has,
// which were in doubt, and which differ from the snapshot.
func (v *survey) suspects(ctx context.Context, s *sides) (suspects, error) {
	left, unlike := make([][]census.Entry, len(s.source)), make([][]cluster.Key, len(s.source))
	g, _ := group.New(ctx)
	moved := v.moved(s.source)
	for i := range s.source {
		if !moved[i] {
			continue
		}
		g.Go("what left "+s.source[i].Shard.String(), func(ctx context.Context) (err error) {
			left[i], err = v.left(ctx, s, i)
			return err
		})
	}
	if restored(s.rec) {
		g.Go("what left "+s.rec.Index+" since the snapshot", func(ctx context.Context) error {
			if err := s.locate(ctx); err != nil {
				return err
			}
			return s.each(ctx, func(ctx context.Context, i int) (err error) {
				if moved[i] {
					unlike[i], err = s.unlike(ctx, i)
				}
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := suspects{}
	for key, number := range v.doubtful {
		out.add(key, number)
	}
	for i := range s.source {
		for _, e := range left[i] {
			out.add(e.Key, i, e.SeqNo)
		}
		for _, key := range unlike[i] {
			out.add(key, i)
		}
	}
	return out, nil
}

// locate finds the target's primaries, unless they are known.
func (s *sides) locate(ctx context.Context) (err error) {
	if s.target == nil {
		s.target, err = s.index.ferry.target.Primaries(ctx, s.rec.Target)
	}
	return err
}

// moved tells, by its number, whether a shard took operations since the last look, or
// during it.
func (v *survey) moved(now []shard.Position) []bool {
	moved := make([]bool, len(now))
	for i, p := range now {
		moved[i] = !v.looked[i].Quiet() || v.looked[i].Max != p.Max
	}
	return moved
}

// left gives the documents whose number the source's shard no longer has.
func (v *survey) left(ctx context.Context, s *sides, number int) ([]census.Entry, error) {
	w := shard.Window{Shard: s.source[number].Shard, From: mark0(s.rec, number), To: s.rec.Marks[number].W}
	if w.Span() == 0 {
		return nil, nil
	}
	found, err := verify.Descend(ctx, verify.Primary{Side: s.index.ferry.source, Position: s.source[number]}, v.held.Shard(number), w, worthAsking)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return v.held.Shard(number).Held(verify.Windows(found))
}

// unlike gives the documents of a restored shard that the source no longer has as
// they were in the snapshot.
func (s *sides) unlike(ctx context.Context, number int) ([]cluster.Key, error) {
	w, found, err := s.surplusRanges(ctx, number, worthAsking)
	if err != nil {
		return nil, err
	}
	var keys []cluster.Key
	for part := range slices.Chunk(found, rangesAtOnce) {
		read := len(keys)
		err := s.eachPage(ctx, s.onTarget(part), s.target[number], w, func() { keys = keys[:read] }, func(b *batch.Batch) {
			for i := range b.Docs {
				keys = append(keys, cluster.KeyOf(&b.Docs[i]))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
