package snapshotpath

import (
	"context"
	"time"

	"esferry/internal/retry"
)

// lookEvery is how often a busy repository is looked at; snapshots take minutes.
const lookEvery = 2 * time.Second

// Writer is what AwaitQuiet asks of an engine.
type Writer interface {
	Busy(ctx context.Context, repository string) (string, error)
}

// AwaitQuiet returns when the engine writes nothing to a repository. What it
// waits for is told once each; note may be nil. Writers that this engine does
// not know of show in the root only, which moves under the copy.
func AwaitQuiet(ctx context.Context, engine Writer, repository string, note func(what string)) error {
	told := ""
	return retry.Poll(ctx, "repository "+repository+" to be quiet", lookEvery, func(ctx context.Context) (bool, error) {
		what, err := engine.Busy(ctx, repository)
		if err != nil || what == "" {
			return err == nil, err
		}
		if what != told && note != nil {
			note(what)
		}
		told = what
		return false, nil
	})
}
