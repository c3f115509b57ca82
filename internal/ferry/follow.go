package ferry

import (
	"context"
	"time"

	"esferry/internal/report"
	"esferry/internal/retry"
)

// Follow makes a round of every index, as Sync does, and another one after each
// interval, until a cutover that was asked for has switched everything: then it
// returns nil. A cutover that fails or is given up ends nothing: the freeze is
// lifted, and the source is followed as before.
func (f *Ferry) Follow(ctx context.Context, interval time.Duration) error {
	if err := f.Aftermath(ctx); err != nil {
		return err
	}
	defer f.follows()()
	for !f.switched() {
		if err := f.Sync(ctx); err != nil {
			return err
		}
		asked, err := f.goOn(ctx)
		switch {
		case err != nil && (ctx.Err() != nil || f.switched()):
			return err
		case err != nil:
			f.note(report.Event{Kind: report.Noted, Message: "no cutover: " + err.Error() + "; the source is followed as before"})
		case !asked:
			if err := retry.Doze(ctx, interval, f.asked); err != nil {
				return err
			}
		}
	}
	return nil
}

// Aftermath settles what a process that died in a cutover has left, before the
// source is followed: it finishes a switch that had begun, and lifts a freeze
// otherwise, since nobody waits for its end any more.
func (f *Ferry) Aftermath(ctx context.Context) error {
	switch state := f.record(); {
	case len(state.Switching) > 0:
		f.note(report.Event{Kind: report.Noted, Message: "an earlier run has verified everything and begun to switch: that is finished now"})
		_, err := f.Cutover(ctx)
		return err
	case len(state.Blocked) > 0:
		if err := f.lift(ctx); err != nil {
			return err
		}
		f.note(report.Event{Kind: report.Noted, Message: "an earlier run had left its freeze: it is lifted, and the source serves writes again"})
		return nil
	default:
		return nil
	}
}

// Arrive is Sync, and then the cutover where one was asked for meanwhile.
func (f *Ferry) Arrive(ctx context.Context) error {
	defer f.follows()()
	if err := f.Sync(ctx); err != nil {
		return err
	}
	_, err := f.goOn(ctx)
	return err
}

// goOn does the cutover that was asked for, if one was.
func (f *Ferry) goOn(ctx context.Context) (asked bool, err error) {
	_, asked, err = f.cutoverAsked(ctx)
	return asked, err
}

// follows lets a cutover be asked for, until the function that it gives is called.
func (f *Ferry) follows() (ends func()) {
	set := func(following bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.following = following
	}
	set(true)
	return func() { set(false) }
}
