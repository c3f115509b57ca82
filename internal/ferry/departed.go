package ferry

import (
	"context"
	"slices"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/shard"
	"esferry/sink"
)

// departed is what left the source since a survey, or may have.
type departed struct {
	sides *sides
	all   suspects
	// now is what the source holds of those that are still there.
	now map[cluster.Key]cluster.Found
	// gone are those that the target alone holds. That the source does not can no
	// longer be taken back.
	gone []sink.Gone
}

// look finds what left the source by a refresh that came after its positions. The
// target's are looked up where they are nil. It gives nil where a failover came since
// the survey.
func (v *survey) look(ctx context.Context, ix *index, source, target []shard.Position) (*departed, error) {
	s := &sides{index: ix, rec: ix.snapshotRecord(), source: source, target: target, there: v.there}
	if err := (&sides{rec: s.rec, source: v.source}).sameTerm(s.source); err != nil {
		return nil, nil //nolint:nilerr,nilnil // all documents are looked through instead
	}
	d := &departed{sides: s}
	err := ix.ferry.reading(ctx, func(ctx context.Context) (err error) {
		if d.all, err = v.suspects(ctx, s); err != nil || len(d.all) == 0 {
			return err
		}
		return d.ask(ctx)
	})
	return d, err
}

// ask asks the source for the suspects, the target for those that are gone, and waits
// until what the source says of these can no longer be taken back.
func (d *departed) ask(ctx context.Context) error {
	d.now = map[cluster.Key]cluster.Found{}
	asked := make([]sink.Gone, 0, len(d.all))
	for key := range d.all {
		asked = append(asked, sink.Gone{Key: key})
	}
	absent, err := d.sides.absent(ctx, asked, func(key cluster.Key, found cluster.Found) { d.now[key] = found })
	if err != nil {
		return err
	}
	// Not for all suspects: a target that has not refreshed what was written last has
	// to look for it in its translog.
	if d.gone, err = d.sides.stillThere(ctx, absent); err != nil {
		return err
	}
	if len(d.gone) == 0 {
		return nil
	}
	return d.sides.settle(ctx)
}

// stillThere gives those that the target holds, and what it holds of them.
func (s *sides) stillThere(ctx context.Context, asked []sink.Gone) ([]sink.Gone, error) {
	var out []sink.Gone
	for part := range slices.Chunk(asked, askAtOnce) {
		there, err := s.index.ferry.target.Versions(ctx, s.rec.Target, keysOf(part))
		if err != nil {
			return nil, err
		}
		for i := range there {
			if there[i].Found {
				out = append(out, sink.Gone{Key: part[i].Key, Found: there[i]})
			}
		}
	}
	return out, nil
}

// holds reports whether the marks speak of the same primaries as when it was found.
func (d *departed) holds(marks []checkpoint.Watermark) bool {
	return slices.EqualFunc(d.sides.source, marks, func(p shard.Position, m checkpoint.Watermark) bool {
		return p.Term == m.Term && p.History == m.History
	})
}

// remove deletes from the target what is gone, and only then takes it out of the
// census.
func (v *survey) remove(ctx context.Context, d *departed) error {
	s := d.sides
	if err := s.brake(len(d.gone)); err != nil {
		return err
	}
	if len(d.gone) > 0 {
		if err := s.removeSettled(ctx, d.gone); err != nil {
			return err
		}
	}
	// What the round brought meanwhile is in doubt no more.
	rec := s.index.snapshotRecord()
	v.doubtful, v.looked = map[cluster.Key]int{}, s.source
	for key, one := range d.all {
		found, alive := d.now[key]
		for _, n := range one.numbers {
			if !alive || found.SeqNo != n {
				v.held.Shard(one.shard).Forget(n)
			}
		}
		if alive {
			v.doubt(rec, one.shard, key, found)
		}
	}
	if s.removed.Load() == 0 {
		return nil
	}
	return s.keepRemoved(ctx)
}
