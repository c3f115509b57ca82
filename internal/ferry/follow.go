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
