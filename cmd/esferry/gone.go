package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"esferry/checkpoint/etcdstore"
	"esferry/internal/config"
	"esferry/internal/report"
	"esferry/internal/retry"
)

// askAgain is the pause between two tries to reach a store that is gone; each takes
// some seconds itself.
const askAgain = 2 * time.Second

// goneBy gives what says that the store is gone, nil where err has no such thing.
func goneBy(err error) *etcdstore.UnreachableError {
	gone, _ := errors.AsType[*etcdstore.UnreachableError](err)
	return gone
}

// outlast takes part for as long as there is something to take part in, also where
// the store is gone meanwhile: then it waits until the store is back, however long
// that takes. A store that was never there is an error, since no return cures a
// wrong address.
func (iv *invocation) outlast(ctx context.Context, c *config.Config, takePart func(ctx context.Context) error) error {
	if err := askStore(ctx, c); err != nil {
		return err
	}
	for {
		err := takePart(ctx)
		gone := goneBy(err)
		if gone == nil || ctx.Err() != nil {
			return err
		}
		iv.tellBlocked(err)
		if err := iv.awaitStore(ctx, c, gone); err != nil {
			return err
		}
	}
}

func askStore(ctx context.Context, c *config.Config) error {
	store, err := openEtcdStore(ctx, c.Checkpoint, c.Name)
	if err != nil {
		return err
	}
	return store.Close()
}

// awaitStore says that the store is gone, waits until it is back, and says that.
func (iv *invocation) awaitStore(ctx context.Context, c *config.Config, gone *etcdstore.UnreachableError) error {
	next := "bring its members back, and the worker goes on by itself"
	if gone.TLS {
		next = gone.NextStep()
	}
	began := time.Now()
	iv.note("the checkpoint store is gone, and this worker carries nothing until it is back: %v; next: %s", gone, next)
	err := retry.Poll(ctx, "the checkpoint store to be back", askAgain, func(ctx context.Context) (bool, error) {
		switch err := askStore(ctx, c); {
		case err == nil:
			return true, nil
		case goneBy(err) == nil:
			return false, err
		default:
			return false, nil
		}
	})
	if err != nil {
		return err
	}
	iv.note("the checkpoint store is back after %s: this worker goes on", time.Since(began).Round(time.Second))
	return nil
}

// tellBlocked tells of writers who stay held back after a lead that was lost: the
// worker goes on, and nobody sees the error that it ended with.
func (iv *invocation) tellBlocked(err error) {
	if left := blockedBy(err); left != nil {
		iv.note("the source stays blocked until a worker leads again: %v", left)
	}
}

func (iv *invocation) note(format string, args ...any) {
	iv.observer().Observe(report.Event{Time: time.Now(), Kind: report.Noted, Message: plain(fmt.Sprintf(format, args...))})
}
