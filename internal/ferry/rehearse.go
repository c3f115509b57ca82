package ferry

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rehearse walks the last lap of a cutover while writers go on: the checks before
// it, and everything under the freeze but the block, the wait for quiet, the
// hooks and the switch. It tells how long that took, step by step. Rounds and
// deletes are carried as by Sync; bounds on reading hold, which the cutover lifts.
func (f *Ferry) Rehearse(ctx context.Context) (Freeze, error) {
	if len(f.record().Switching) > 0 || len(f.active()) == 0 && f.record().Freeze != nil {
		return Freeze{}, errors.New("there is nothing left to rehearse: an earlier cutover has verified everything")
	}
	c := &cutover{ferry: f, indices: f.active()}
	if len(c.indices) == 0 {
		return Freeze{}, &NothingCarriedError{Ferry: f.options.Name}
	}
	if err := f.checked(ctx); err != nil {
		return Freeze{}, err
	}
	defer c.forget()
	if err := c.prepare(ctx); err != nil {
		return Freeze{}, err
	}
	if err := c.approach(ctx); err != nil {
		return Freeze{}, err
	}
	c.began = time.Now()
	c.freeze.At = c.began.UTC()
	if err := f.commits.log.Lap(func() error { return c.rehearseLap(ctx) }); err != nil {
		return Freeze{}, fmt.Errorf("rehearse the cutover: %w", err)
	}
	c.freeze.Seconds = time.Since(c.began).Seconds()
	return c.freeze, nil
}

// rehearseLap walks the last lap; what it takes is kept for the prediction of one.
func (c *cutover) rehearseLap(ctx context.Context) error {
	for _, s := range c.lastLap(func(ctx context.Context, ix *index) error { return ix.mustAgree(ctx) }) {
		if err := c.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
