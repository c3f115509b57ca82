package ferry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"esferry/checkpoint"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

// liftPatience bounds the lifting of blocks after a failure: it must happen
// although the run's own context has ended.
const liftPatience = time.Minute

func (c *cutover) block(ctx context.Context) error {
	f := c.ferry
	if f.options.Cutover.Freeze == FreezeBlock {
		if err := f.source.BlockWrites(ctx, c.toBlock()); err != nil {
			return err
		}
	}
	return f.hook(ctx, "frozen")
}

// newIndices resolves the patterns again: a block does not stop tomorrow's
// daily index or a rollover.
func (c *cutover) newIndices(ctx context.Context) error {
	names, err := c.ferry.source.Names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !c.ferry.carries(name) && c.ferry.options.Select.Match(name) {
			return &NewIndexError{Index: name}
		}
	}
	return nil
}

// NewIndexError says that an index came up that this ferry does not carry yet.
type NewIndexError struct{ Index string }

// Error names it.
func (e *NewIndexError) Error() string {
	return fmt.Sprintf("index %s is new on the source and is not carried yet", e.Index)
}

// NextStep is printed on a line of its own.
func (e *NewIndexError) NextStep() string {
	return "run esferry run --cutover (with --reverse on the way back), which carries it first, or put it under indices.exclude"
}

// quiet waits until nothing is in flight on the index: all that its primaries
// numbered is durable on every copy, and stands still (protocol 4).
func (c *cutover) quiet(ctx context.Context, ix *index) error {
	f := c.ferry
	if f.options.Cutover.Freeze == FreezeNone {
		return nil
	}
	if !ix.snapshotRecord().numbered() {
		return ix.idle(ctx)
	}
	// The block API has waited for writes in flight; elsewhere standing still
	// must be seen twice.
	sure := f.options.Cutover.Freeze == FreezeBlock && f.source.Identity().BlocksByAPI()
	var before []shard.Position
	hasten := ix.hastened()
	return retry.Poll(ctx, "index "+ix.id()+" to be quiet", 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		hasten(ctx)
		now, err := ix.positions(ctx)
		if err != nil {
			return false, err
		}
		quiet := !slices.ContainsFunc(now, func(p shard.Position) bool { return !p.Quiet() })
		still := sure || slices.EqualFunc(before, now, func(a, b shard.Position) bool { return a.Max == b.Max })
		before = now
		if !quiet || !still {
			return false, nil
		}
		ix.quiet = now
		return true, nil
	})
}

// closeWithReconcile compares all documents of an index once more where the
// source's primary terms could only be guessed: a failover may have gone unseen.
func (c *cutover) closeWithReconcile(ctx context.Context, ix *index) error {
	if !c.ferry.source.TermsHinted() || !ix.snapshotRecord().numbered() {
		return nil
	}
	_, err := ix.reconcile(ctx, !c.ferry.options.Reconcile.VersionsOnly)
	return err
}

func (c *cutover) verify(ctx context.Context, ix *index) error {
	counts, err := ix.compare(ctx)
	if err != nil {
		return err
	}
	written := ix.snapshotRecord().Written
	if counts.Equal || counts.Source == counts.Target+written.Rejected || c.ferry.options.IgnoreDeletes && counts.Target > counts.Source {
		return nil
	}
	return &CountError{Index: ix.id(), Source: counts.Source, Target: counts.Target}
}

// due is when a setting is put back.
type due int

const (
	// early: what costs time only. Replicas are filled, and refreshes made, before
	// anybody waits for them.
	early due = iota
	// beforeSwitch: what writers must find, a final pipeline above all.
	beforeSwitch
	// afterSwitch: what the ferry's own writes need to the last (protocol 1.4), and
	// what makes no difference.
	afterSwitch
)

func dueFor(setting string, value any) due {
	switch setting {
	case "index.number_of_replicas", "index.auto_expand_replicas", "index.refresh_interval":
		return early
	case "index.gc_deletes", "index.merge_on_flush.enabled":
		return afterSwitch
	case "index.final_pipeline", "index.default_pipeline":
		if value == nil {
			// None is what it has as long as the ferry writes.
			return afterSwitch
		}
	}
	return beforeSwitch
}

// putBack gives the target's indices their settings, those that get the same in
// one request: writers wait for each change of the cluster's state.
func (c *cutover) putBack(ctx context.Context, when due) error {
	type group struct {
		settings map[string]any
		targets  []string
	}
	groups := map[string]*group{}
	for _, ix := range c.indices {
		rec := ix.snapshotRecord()
		settings := maps.Clone(rec.PutBack)
		maps.DeleteFunc(settings, func(setting string, value any) bool { return dueFor(setting, value) != when })
		if len(settings) == 0 {
			continue
		}
		key, err := json.Marshal(settings)
		if err != nil {
			return fmt.Errorf("encode the settings of index %s: %w", rec.Target, err)
		}
		if groups[string(key)] == nil {
			groups[string(key)] = &group{settings: settings}
		}
		groups[string(key)].targets = append(groups[string(key)].targets, rec.Target)
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if err := c.ferry.target.PutSettings(ctx, groups[key].targets, groups[key].settings); err != nil {
			return err
		}
	}
	return nil
}

// abort lifts the freeze after a failure, whatever has become of the context,
// and says so.
func (c *cutover) abort(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liftPatience)
	defer cancel()
	err := c.ferry.lift(ctx)
	if left, ok := errors.AsType[*BlockedError](err); ok {
		return errors.Join(cause, left)
	}
	if err != nil {
		return errors.Join(cause, fmt.Errorf("the write blocks on %s could NOT be lifted, lift them with esferry cutover abort: %w", strings.Join(c.toBlock(), ", "), err))
	}
	c.ferry.note(report.Event{Kind: report.Noted, Message: "the freeze is lifted, and the source serves writes again"})
	return errors.Join(cause, c.ferry.hook(ctx, "aborted"))
}

// lift takes off the write blocks that this ferry put on the source, or may
// have: the store knows.
func (f *Ferry) lift(ctx context.Context) error {
	state := f.record()
	if len(state.Blocked) == 0 {
		return nil
	}
	if errors.Is(f.store.Commit(ctx, f.lease), checkpoint.ErrLeaseLost) {
		return f.liftUnheld(ctx, state.Blocked)
	}
	if err := f.source.UnblockWrites(ctx, state.Blocked); err != nil {
		return err
	}
	return f.change(ctx, func(r *Record) { r.Blocked = nil })
}

// Abort lifts the freeze of a cutover that did not switch.
func (f *Ferry) Abort(ctx context.Context) error {
	if len(f.record().Switching) > 0 {
		return errors.New("the cutover has verified everything and may have switched already: run esferry cutover to finish it")
	}
	return f.lift(ctx)
}

func (f *Ferry) hook(ctx context.Context, event string) error {
	if f.options.Cutover.Hook == nil {
		return nil
	}
	return f.options.Cutover.Hook(ctx, event)
}

// each does something with every index, with all at once: what they ask of the
// clusters goes together. It gives the first error.
func (f *Ferry) each(ctx context.Context, indices []*index, do func(ctx context.Context, ix *index) error) error {
	g, _ := group.New(ctx)
	for _, ix := range indices {
		g.Go("index "+ix.id(), func(ctx context.Context) error { return do(ctx, ix) })
	}
	return g.Wait()
}

// largestFirst does something with a few indices at a time, those with the most
// outstanding first: a large one that begins last is waited for alone.
func (f *Ferry) largestFirst(ctx context.Context, indices []*index, do func(ctx context.Context, ix *index) error) error {
	busy := f.gate()
	g, inner := group.New(ctx)
	for _, ix := range slices.SortedStableFunc(slices.Values(indices), func(a, b *index) int { return cmp.Compare(b.outstanding(), a.outstanding()) }) {
		leave, err := busy.enter(inner)
		if err != nil {
			break
		}
		g.Go("index "+ix.id(), func(ctx context.Context) error {
			defer leave()
			return do(ctx, ix)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// outstanding is about how many operations are still to be carried.
func (ix *index) outstanding() int64 {
	rec := ix.snapshotRecord()
	if rec.Phase == Current {
		return rec.Lag
	}
	return max(rec.Lag, ix.docs)
}

// reading does what reads and writes an index's documents, of a few indices at a
// time. It must not be called from within itself.
func (f *Ferry) reading(ctx context.Context, do func(ctx context.Context) error) error {
	leave, err := f.busy.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return do(ctx)
}
