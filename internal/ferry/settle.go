package ferry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

// settled does something that belongs after a round. Where the primary term changes
// under it, both are done again.
func (ix *index) settled(ctx context.Context, do func(ctx context.Context) error) error {
	for range 10 {
		err := do(ctx)
		if _, ok := errors.AsType[*TooManyDeletesError](err); ok {
			return errors.Join(err, ix.doubt(ctx))
		}
		if !overtaken(err) {
			return err
		}
		ix.ferry.note(report.Event{Kind: report.Retried, Index: ix.id(), Message: err.Error()})
		if _, err := ix.round(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("index %s: %w, ten times over", ix.id(), checkpoint.ErrTermChanged)
}

// overtaken reports whether what was read of the source's primaries no longer holds:
// a failover came, or a primary has moved to another node. Nothing has been moved by
// what failed so, and it is to be begun again.
func overtaken(err error) bool {
	return errors.Is(err, checkpoint.ErrTermChanged) || cluster.Moved(err)
}

// settle waits until what the source just said can no longer be taken back: a
// delete that the primary applied but did not replicate would be undone by a
// failover, and nobody would bring the document again (protocol 1.3). The terms
// are read once more at the end: those of a position are older than its numbers.
func (s *sides) settle(ctx context.Context) error {
	var said []shard.Position
	hasten := s.index.hastened()
	err := retry.Poll(ctx, "index "+s.rec.Index+" to settle", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		hasten(ctx)
		now, err := s.index.positions(ctx)
		if err != nil {
			return false, err
		}
		if said == nil {
			said = now
		}
		if err := s.sameTerm(now); err != nil {
			return false, err
		}
		return !slices.ContainsFunc(now, func(p shard.Position) bool { return p.Global < said[p.Shard.Number].Max }), nil
	})
	if err != nil {
		return err
	}
	terms, err := s.index.ferry.source.Terms(ctx, s.rec.Index)
	if err != nil {
		return err
	}
	after := make([]shard.Position, len(terms))
	for number, term := range terms {
		after[number] = shard.Position{Shard: shard.ID{Index: s.rec.Index, Number: number}, Term: term}
	}
	return s.sameTerm(after)
}

// hastenAfter is how long operations of the source may be on their way to be
// durable before esferry has them committed: a replica takes milliseconds.
const hastenAfter = time.Second

// hastened gives what to call while the source's operations are waited for. What
// was acknowledged under durability async, and is not durable when that is taken
// back, nobody makes durable before the next write, or before the engine commits
// what lies idle, which is five minutes later. Where it cannot be done the wait is
// as long as before.
func (ix *index) hastened() func(ctx context.Context) {
	began, done := time.Now(), false
	return func(ctx context.Context) {
		if done || time.Since(began) < hastenAfter {
			return
		}
		done = true
		if err := ix.ferry.source.Flush(ctx, ix.id()); err != nil {
			ix.ferry.note(report.Event{Kind: report.Noted, Index: ix.id(), Message: "its operations are waited for, and could not be committed: " + err.Error()})
		}
	}
}

// sameTerm fails with ErrTermChanged where a failover came since the sides were
// looked at.
func (s *sides) sameTerm(now []shard.Position) error {
	if len(now) != len(s.source) {
		return fmt.Errorf("index %s has %d shards now and had %d", s.rec.Index, len(now), len(s.source))
	}
	for i := range now {
		if now[i].Term > s.source[i].Term {
			return fmt.Errorf("%s: %w: %d, then %d", now[i].Shard, checkpoint.ErrTermChanged, s.source[i].Term, now[i].Term)
		}
	}
	return nil
}
