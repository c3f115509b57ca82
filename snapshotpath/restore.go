package snapshotpath

import (
	"context"
	"fmt"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// Restorer is what Restore and WaitStarted ask of an engine.
type Restorer interface {
	Restore(ctx context.Context, repository, snapshot string, q cluster.RestoreRequest) error
	Index(ctx context.Context, name string) (cluster.Index, bool, error)
	IndexHealth(ctx context.Context, index string) (cluster.Health, error)
	RecoveryProgress(ctx context.Context, index string) (Progress, error)
	WhyUnassigned(ctx context.Context, index string, number int) (string, error)
}

// RestoreOptions say what becomes an index.
type RestoreOptions struct {
	Repository, Snapshot string
	// Index in the snapshot, and its name on the target.
	Index, As string
	// Settings the index has from the start.
	Settings map[string]any
}

// ignored are settings that must not come along with a snapshot: blocks, what
// belongs to the old cluster's nodes and policies, and pipelines that would
// change documents on their way (S7).
func ignored() []string {
	return []string{
		"index.blocks.*", "index.lifecycle.*", "index.plugins.index_state_management.*", "index.opendistro.index_state_management.*",
		"index.routing.allocation.*", "index.gc_deletes", "index.default_pipeline", "index.final_pipeline",
		"index.refresh_interval",
	}
}

// Restore asks the engine to restore one index of a snapshot, and returns when
// it has begun. Where the answer is lost, the index is looked for before the
// request is repeated.
func Restore(ctx context.Context, engine Restorer, o RestoreOptions) error {
	q := cluster.RestoreRequest{Index: o.Index, As: o.As, Settings: o.Settings}
	for _, key := range ignored() {
		if _, set := o.Settings[key]; !set {
			q.Ignored = append(q.Ignored, key)
		}
	}
	return retry.Do(ctx, retry.Policy{}, func(ctx context.Context) error {
		err := engine.Restore(ctx, o.Repository, o.Snapshot, q)
		if cluster.AlreadyThere(err) {
			// The caller looked a moment ago: a request of an earlier run, which
			// died before it was answered, has been carried out since.
			return nil
		}
		if err == nil || !cluster.Ambiguous(err) {
			return err
		}
		_, begun, asked := engine.Index(ctx, o.As)
		if asked != nil {
			return asked
		}
		if begun {
			return nil
		}
		return err
	})
}

// stuckAfter is how long a primary may be neither started nor moving before
// the engine is asked why.
const stuckAfter = 15 * time.Second

// NotStartedError says that a restored index cannot start.
type NotStartedError struct{ Index, Reason string }

// Error names index and the engine's reason.
func (e *NotStartedError) Error() string {
	return fmt.Sprintf("the restored index %s does not start: %s", e.Index, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *NotStartedError) NextStep() string {
	return "mend the cause on the target (GET _cluster/allocation/explain tells it all), then run again; delete the index first where its restore failed"
}

// WaitStarted returns when all primaries of a restored index are started, and
// gives up with the engine's reason when one of them cannot be.
func WaitStarted(ctx context.Context, engine Restorer, index string, observe func(p Progress)) error {
	moved, before := time.Now(), Progress{Done: -1}
	return retry.Poll(ctx, "index "+index+" to start", pollEvery, func(ctx context.Context) (bool, error) {
		h, err := engine.IndexHealth(ctx, index)
		if err != nil {
			return false, err
		}
		if h.Primaries > 0 && h.Started == h.Primaries {
			return true, nil
		}
		p, err := engine.RecoveryProgress(ctx, index)
		if err != nil && !cluster.NotFound(err) {
			return false, err
		}
		if p != before {
			moved, before = time.Now(), p
			if observe != nil {
				observe(p)
			}
		}
		if time.Since(moved) < stuckAfter {
			return false, nil
		}
		moved = time.Now()
		return false, stuck(ctx, engine, index, h)
	})
}

func stuck(ctx context.Context, engine Restorer, index string, h cluster.Health) error {
	if h.Primaries == 0 {
		return &NotStartedError{Index: index, Reason: "the target does not know it"}
	}
	for number := range h.Primaries {
		why, err := engine.WhyUnassigned(ctx, index, int(number))
		if err == nil && why != "" {
			return &NotStartedError{Index: index, Reason: why}
		}
	}
	// Slow, or not told why: waiting is all there is.
	return nil
}
