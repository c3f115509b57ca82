package ferry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"esferry/checkpoint"
)

// How writers are held back during the freeze.
const (
	// FreezeBlock puts a write block on the source's indices.
	FreezeBlock = "block"
	// FreezeExternal trusts a hook or the operator to stop the writers.
	FreezeExternal = "external"
	// FreezeNone holds nobody back: for sources that are no longer written.
	FreezeNone = "none"
)

// CutoverOptions bound the cutover.
type CutoverOptions struct {
	// Freeze is FreezeBlock, FreezeExternal or FreezeNone.
	Freeze string
	// MaxLag is how many operations may be outstanding when the freeze begins.
	MaxLag int64
	// MaxFreeze lifts the freeze again when it takes longer.
	MaxFreeze time.Duration
	// Aliases to point to target indices besides those the source has.
	Aliases map[string]string
	// Unwanted aliases of the source are left behind.
	Unwanted map[string]string
	// Hooks are the programs that Hook runs, by event.
	Hooks map[string]string
	// Hook runs the operator's commands for an event: frozen, switched,
	// aborted. nil for none.
	Hook func(ctx context.Context, event string) error
}

// Step is a part of the freeze and what it took.
type Step struct {
	Name    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

// Freeze is how long writers were held back, and by what.
type Freeze struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Steps   []Step    `json:"steps"`
}

// cutOver is Cutover, whose context ends where the attempt is given up.
func (f *Ferry) cutOver(ctx context.Context) (Freeze, error) {
	state := f.record()
	if len(state.Switching) > 0 {
		// An earlier run verified these under a block that still stands.
		c := &cutover{ferry: f, indices: f.named(state.Switching), began: time.Now(), freeze: Freeze{At: time.Now().UTC()}}
		return c.finish(ctx)
	}
	indices := f.active()
	switch {
	case len(indices) == 0 && state.Freeze != nil:
		return *state.Freeze, nil
	case len(indices) == 0:
		return Freeze{}, &NothingCarriedError{Ferry: f.options.Name}
	}
	c := &cutover{ferry: f, indices: indices}
	if err := f.lift(ctx); err != nil {
		return Freeze{}, err
	}
	if err := f.checked(ctx); err != nil {
		return Freeze{}, err
	}
	defer c.forget()
	if err := c.prepare(ctx); err != nil {
		return Freeze{}, err
	}
	if err := c.putBack(ctx, early); err != nil {
		return Freeze{}, err
	}
	if err := c.approach(ctx); err != nil {
		return Freeze{}, err
	}
	restore, err := f.unbound(ctx)
	if err != nil {
		return Freeze{}, err
	}
	defer restore()
	if err := c.frozen(ctx); err != nil {
		return Freeze{}, c.abort(ctx, err)
	}
	return c.finish(ctx)
}

// NothingCarriedError says that a command needs a baseline first.
type NothingCarriedError struct{ Ferry string }

// Error names the ferry.
func (e *NothingCarriedError) Error() string {
	return fmt.Sprintf("ferry %s carries no index yet", e.Ferry)
}

// NextStep is printed on a line of its own.
func (e *NothingCarriedError) NextStep() string {
	if wayBack(e.Ferry) {
		return "run esferry run --reverse first"
	}
	return "run esferry baseline, or esferry run, first"
}

// cutover is one attempt.
type cutover struct {
	ferry   *Ferry
	indices []*index
	began   time.Time
	freeze  Freeze
	// back are the records of the way back.
	back []checkpoint.Record
}

// prepare does before the freeze what takes long: rounds until the lag is small, and
// a look for deletes that is kept up.
func (c *cutover) prepare(ctx context.Context) error {
	f := c.ferry
	return f.phase(ctx, "prepare cutover", "", func(ctx context.Context) error {
		if err := c.newIndices(ctx); err != nil {
			return err
		}
		return f.each(ctx, c.indices, func(ctx context.Context, ix *index) error {
			if err := ix.catchUp(ctx); err != nil {
				return err
			}
			if f.options.IgnoreDeletes || f.options.Cutover.Freeze == FreezeNone {
				// Of a source that is no longer written nothing leaves.
				return c.deletes(ctx, ix)
			}
			return ix.settled(ctx, ix.takeSurvey)
		})
	})
}

// forget drops what was found for the freeze alone.
func (c *cutover) forget() {
	for _, ix := range c.indices {
		ix.dropSurvey()
		ix.quiet = nil
	}
}

// approach is the last that is done while writers still go on.
func (c *cutover) approach(ctx context.Context) error {
	return c.ferry.phase(ctx, "approach the freeze", "", func(ctx context.Context) error { return c.ferry.each(ctx, c.indices, c.ready) })
}

// ready brings an index to where the freeze finds little to do.
func (c *cutover) ready(ctx context.Context, ix *index) error {
	// What came while others had their deletes looked up. Refreshed now, it does
	// not have to be under the freeze.
	if err := ix.catchUp(ctx); err != nil {
		return err
	}
	if err := ix.fence(ctx); err != nil {
		return err
	}
	if err := c.ferry.target.Refresh(ctx, ix.snapshotRecord().Target); err != nil {
		return err
	}
	if err := c.deletes(ctx, ix); err != nil {
		return err
	}
	return ix.catchUp(ctx)
}

// left removes what was deleted since the last look. All indices are looked at
// together first, so that they are refreshed and counted together after.
func (c *cutover) left(ctx context.Context, ix *index) error {
	return ix.settled(ctx, ix.sinceSurvey)
}

// deletes removes from the target what is gone on the source, where the ferry is
// to do that.
func (c *cutover) deletes(ctx context.Context, ix *index) error {
	if c.ferry.options.IgnoreDeletes {
		return nil
	}
	return ix.deletes(ctx)
}

// frozen holds writers back and brings both sides to equality.
func (c *cutover) frozen(ctx context.Context) error {
	f := c.ferry
	if limit := f.options.Cutover.MaxFreeze; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, &FreezeTooLongError{Limit: limit})
		defer cancel()
	}
	if err := f.change(ctx, func(r *Record) { r.Blocked = c.toBlock() }); err != nil {
		return err
	}
	c.began = time.Now()
	c.freeze.At = c.began.UTC()
	hold := []lapStep{{"block writes", c.block}, {"look for new indices", c.newIndices}, c.withEach("wait for quiet", c.quiet)}
	for _, s := range append(append(hold, c.lastLap(c.verify)...), lapStep{"keep the way back", c.keepWayBack}) {
		if err := c.step(ctx, s); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return fmt.Errorf("%s: %w", s.name, cause)
			}
			return err
		}
	}
	if err := f.forward(ctx); err != nil {
		return err
	}
	// That everything is verified and the switch begins, and the way back, in one:
	// there is none from a switch that was not made, nor a switch without one.
	return f.change(ctx, func(r *Record) { r.Switching = c.names() }, c.back...)
}

// lapStep is a part of the freeze.
type lapStep struct {
	name string
	do   func(ctx context.Context) error
}

// withEach is a step that does something with every index, with all at once.
func (c *cutover) withEach(name string, do func(ctx context.Context, ix *index) error) lapStep {
	return lapStep{name, func(ctx context.Context) error { return c.ferry.each(ctx, c.indices, do) }}
}

// lastLap is what brings both sides to equality between the block and the switch;
// agree says whether they are there.
func (c *cutover) lastLap(agree func(ctx context.Context, ix *index) error) []lapStep {
	return []lapStep{
		c.withEach("last round", c.lastRound),
		c.withEach("deletes", c.left),
		c.withEach("count", c.deletes),
		c.withEach("reconcile", c.closeWithReconcile),
		c.withEach("verify counts", agree),
	}
}

// lastRound carries what writers left behind, and looks meanwhile for what left the
// source, so that the deletes find it done.
func (c *cutover) lastRound(ctx context.Context, ix *index) error {
	ix.survey.want()
	_, err := ix.round(ctx)
	return err
}

// finish goes forward only: everything was verified under the freeze. Where it
// cannot, the block stands, and the error says so.
func (c *cutover) finish(ctx context.Context) (Freeze, error) {
	freeze, err := c.switchOver(ctx)
	if blocked := c.ferry.record().Blocked; err != nil && len(blocked) > 0 {
		err = &StandingError{Blocked: blocked, Err: err}
	}
	return freeze, err
}

func (c *cutover) switchOver(ctx context.Context) (Freeze, error) {
	f := c.ferry
	for _, s := range []lapStep{
		{"put settings back", func(ctx context.Context) error { return c.putBack(ctx, beforeSwitch) }},
		{"switch aliases", func(ctx context.Context) error { return f.switchAliases(ctx, c.indices) }},
	} {
		if err := c.step(ctx, s); err != nil {
			return c.freeze, err
		}
	}
	unfenced(c.indices)
	c.freeze.Seconds = time.Since(c.began).Seconds()
	if err := c.putBack(ctx, afterSwitch); err != nil {
		return c.freeze, err
	}
	for _, ix := range c.indices {
		if err := ix.enter(ctx, Current, func(*IndexRecord) {}); err != nil {
			return c.freeze, err
		}
	}
	// The source stays blocked: nobody shall write to what was left behind. The
	// blocks are no longer ours to lift.
	if err := f.change(ctx, func(r *Record) { r.Freeze, r.Blocked, r.Switching = &c.freeze, nil, nil }); err != nil {
		return c.freeze, err
	}
	return c.freeze, f.hook(ctx, "switched")
}

func (c *cutover) step(ctx context.Context, s lapStep) error {
	began := time.Now()
	err := c.ferry.phase(ctx, s.name, "", s.do)
	c.freeze.Steps = append(c.freeze.Steps, Step{Name: s.name, Seconds: time.Since(began).Seconds()})
	return err
}

func (c *cutover) names() []string {
	names := make([]string, len(c.indices))
	for i, ix := range c.indices {
		names[i] = ix.name()
	}
	return names
}

func (c *cutover) toBlock() []string {
	if c.ferry.options.Cutover.Freeze != FreezeBlock {
		return nil
	}
	names := make([]string, len(c.indices))
	for i, ix := range c.indices {
		names[i] = ix.id()
	}
	return slices.Compact(names)
}
