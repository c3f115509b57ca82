package ferry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/metadata"
	"esferry/internal/report"
	"esferry/internal/shard"
)

// durability is the setting that decides when a translog is made durable.
const durability = "index.translog.durability"

// commitRelaxed is commitEvery where each commit of marks needs a flush of the
// target first, which is dear, and costs what it is to save when it comes often.
const commitRelaxed = 10 * time.Second

// relaxed reports whether the target makes an index's documents durable only now
// and then: its own setting is still to be put back.
func relaxed(putBack map[string]any) bool {
	_, ok := putBack[durability]
	return ok
}

// relax adds the index's own durability to what is put back, where the operator
// lets esferry change it. Durable before the index is made, it tells every later
// run.
func (f *Ferry) relax(putBack map[string]any, translated cluster.Definition) error {
	// Before 5.0 no primary has a term, which tells a restart.
	if !f.options.Stream.AsyncTranslog || !f.target.Identity().AtLeast(5, 0) {
		return nil
	}
	own, err := metadata.Setting(translated, durability)
	if err != nil {
		return err
	}
	putBack[durability] = own
	return nil
}

// standing guards an index of the target that may lose what it acknowledged, for
// its own setting or for ours: it knows the primary terms from before the first
// write.
type standing struct {
	target *cluster.Cluster
	index  string
	terms  []int64
}

// asynchronous reports whether an index acknowledges before it is durable.
func asynchronous(index cluster.Index) bool {
	return strings.EqualFold(index.Settings[durability], "async")
}

// stand gives the guard of an index whose positions were just read; nil where
// all is durable at once, and where the target does not tell its terms: one that
// is guessed from documents does not tell a restart.
func (f *Ferry) stand(there cluster.Index, positions []shard.Position) *standing {
	terms := termsOf(positions)
	if !asynchronous(there) || slices.Contains(terms, 0) || f.target.TermsHinted() {
		return nil
	}
	return &standing{target: f.target, index: there.Name, terms: terms}
}

func termsOf(positions []shard.Position) []int64 {
	terms := make([]int64, len(positions))
	for i, p := range positions {
		terms[i] = p.Term
	}
	return terms
}

// secure makes durable all that the target has acknowledged: marks must not move
// before. A flush alone proves nothing, since one after a restart covers only
// what the restart left; no primary was started anew when the terms are still
// those of before the first write. Otherwise it is ErrTermChanged, and all since
// the last marks is written again. nil has nothing to do.
func (s *standing) secure(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if err := s.target.Flush(ctx, s.index); err != nil {
		return err
	}
	now, err := s.target.Primaries(ctx, s.index)
	if err != nil {
		return err
	}
	if !slices.Equal(termsOf(now), s.terms) {
		return fmt.Errorf("the target's index %s was started anew while its translog was written asynchronously, and may have lost documents: %w", s.index, checkpoint.ErrTermChanged)
	}
	return nil
}

// watchTarget guards the index of the target from here on; where that cannot be
// done its durability is relaxed no longer.
func (ix *index) watchTarget(ctx context.Context, there cluster.Index, positions []shard.Position) error {
	ix.standing = ix.ferry.stand(there, positions)
	if ix.standing != nil || !asynchronous(there) || !relaxed(ix.snapshotRecord().PutBack) {
		return nil
	}
	ix.ferry.noteUnsafe(ix.id())
	return ix.harden(ctx)
}

func (f *Ferry) noteUnsafe(index string) {
	f.note(report.Event{Kind: report.Noted, Index: index, Message: "stream.target_durability: async is not used: the target does not tell its primary terms, so that a restart of it could go unseen"})
}

// harden gives an index of the target its own durability back, all written so
// far being durable first.
func (ix *index) harden(ctx context.Context) error {
	rec := ix.snapshotRecord()
	if !relaxed(rec.PutBack) {
		return nil
	}
	if err := ix.standing.secure(ctx); err != nil {
		return err
	}
	if err := ix.ferry.putDurability(ctx, rec.Target, rec.PutBack); err != nil {
		return err
	}
	ix.standing = nil
	return ix.change(ctx, func(r *IndexRecord) { r.PutBack = hardened(r.PutBack) })
}

func (f *Ferry) putDurability(ctx context.Context, target string, putBack map[string]any) error {
	return f.target.PutSettings(ctx, []string{target}, map[string]any{durability: putBack[durability]})
}

// hardened is what is put back without the durability; others may read the map.
func hardened(putBack map[string]any) map[string]any {
	rest := maps.Clone(putBack)
	delete(rest, durability)
	return rest
}
