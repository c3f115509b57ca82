package snapshotpath

import (
	"context"
	"fmt"
	"strings"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// Restorer is what Restore asks of an engine.
type Restorer interface {
	Restore(ctx context.Context, repository, snapshot string, q cluster.RestoreRequest) error
	Standing(ctx context.Context, name string) (cluster.Index, bool, error)
	OriginOf(ctx context.Context, index, repository, snapshot string, since int64) (cluster.Origin, error)
	CloseIndex(ctx context.Context, index string) error
	OpenIndex(ctx context.Context, index string) error
	DeleteIndex(ctx context.Context, index string) error
}

// Way is what is done with an index that the target has already.
type Way string

// The ways. An index under a name of its own needs none.
const (
	// CloseWay closes it and restores over it: its uuid and aliases stay.
	CloseWay Way = "close"
	// DeleteWay deletes it first.
	DeleteWay Way = "delete"
)

// Over is an index that is to be restored over, as it was when that was decided;
// the zero value where the name was free.
type Over struct {
	UUID string `json:"over_uuid,omitempty"`
	Way  Way    `json:"over_way,omitempty"`
	// WasOpen: where the restore is refused, it is opened again.
	WasOpen bool `json:"over_was_open,omitempty"`
	// LastRecovery is when its newest one began, in milliseconds by the engine's clock.
	LastRecovery int64 `json:"over_last_recovery,omitempty"`
	// From is the snapshot that is restored, once that is asked for.
	From string `json:"restored_from,omitempty"`
}

// RestoreOptions say what becomes an index.
type RestoreOptions struct {
	Repository, Snapshot string
	// Index in the snapshot, and its name on the target.
	Index, As string
	// Settings the index has from the start.
	Settings map[string]any
	// Aliases of the snapshot come along; those that the target's index has stay
	// in any case.
	Aliases bool
	Over    Over
}

// OtherIndexError says that the index to be restored over is not the one that
// was there when that was decided.
type OtherIndexError struct{ Index, Was, Is string }

// Error names it.
func (e *OtherIndexError) Error() string {
	if e.Was == "" {
		return fmt.Sprintf("the target's index %s (uuid %s) was made by somebody else meanwhile, and is not restored over", e.Index, e.Is)
	}
	return fmt.Sprintf("the target's index %s was made anew by somebody else (uuid %s, now %s), and is not restored over", e.Index, e.Was, e.Is)
}

// NextStep is printed on a line of its own.
func (e *OtherIndexError) NextStep() string {
	return "see who made it, and delete it or let snapshot.on_existing decide; esferry restore then decides anew, run and baseline after esferry checkpoint reset"
}

// pendingError says that an index does not tell yet where it comes from.
type pendingError struct{ index string }

func (e *pendingError) Error() string {
	return fmt.Sprintf("the shards of index %s do not tell where they come from", e.index)
}

// Temporary implements retry.Temporary.
func (e *pendingError) Temporary() bool { return true }

// NextStep is printed on a line of its own.
func (e *pendingError) NextStep() string {
	return "see GET " + e.index + "/_recovery on the target; run again once its shards are started"
}

// Restore asks the engine to restore one index of a snapshot, and returns when
// it has begun. It looks before it asks, so that a request of an earlier run,
// or one whose answer was lost, is not repeated. Where the engine refuses, an
// index that was closed for it is opened again.
func Restore(ctx context.Context, engine Restorer, o RestoreOptions) error {
	q := cluster.RestoreRequest{Index: o.Index, As: o.As, Settings: o.Settings, Ignored: ignored(o.Settings), Aliases: o.Aliases}
	return retry.Do(ctx, retry.Policy{}, func(ctx context.Context) error {
		begun, err := o.makeWay(ctx, engine)
		if err != nil || begun {
			return err
		}
		err = engine.Restore(ctx, o.Repository, o.Snapshot, q)
		switch {
		case err == nil:
			return nil
		case cluster.AlreadyThere(err):
			// A request of an earlier run, which died before it was answered, has
			// been carried out since the look a moment ago; or it has not.
			return &pendingError{index: o.As}
		case cluster.SnapshotInTheWay(err):
			return &waitError{err: err}
		case retry.Retryable(err):
			return err
		default:
			return o.reopen(ctx, engine, err)
		}
	})
}

// waitError is a refusal that another try cures.
type waitError struct{ err error }

func (e *waitError) Error() string   { return e.err.Error() }
func (e *waitError) Unwrap() error   { return e.err }
func (e *waitError) Temporary() bool { return true }

// makeWay looks at what has the name on the target, and closes or deletes what
// is to be restored over; begun says that the restore is under way or over.
func (o RestoreOptions) makeWay(ctx context.Context, engine Restorer) (begun bool, err error) {
	there, found, err := engine.Standing(ctx, o.As)
	if err != nil || !found {
		return false, err
	}
	if there.UUID == o.Over.UUID && !there.Open && o.Over.Way == CloseWay {
		return false, nil
	}
	if there.Open {
		origin, err := engine.OriginOf(ctx, o.As, o.Repository, o.Snapshot, o.Over.LastRecovery)
		if err != nil || origin == cluster.FromSnapshot {
			return err == nil, err
		}
		if origin == cluster.FromUnknown {
			return false, &pendingError{index: o.As}
		}
	}
	if there.UUID == "" || there.UUID != o.Over.UUID {
		return false, &OtherIndexError{Index: o.As, Was: o.Over.UUID, Is: there.UUID}
	}
	if o.Over.Way == DeleteWay {
		err = engine.DeleteIndex(ctx, o.As)
	} else {
		err = engine.CloseIndex(ctx, o.As)
	}
	if cluster.SnapshotInTheWay(err) {
		err = &waitError{err: err}
	}
	return false, err
}

// reopen opens an index that was closed for a restore which is refused.
func (o RestoreOptions) reopen(ctx context.Context, engine Restorer, refusal error) error {
	if o.Over.Way != CloseWay || !o.Over.WasOpen {
		return refusal
	}
	if err := engine.OpenIndex(ctx, o.As); err != nil {
		return fmt.Errorf("%w; and index %s on the target stays closed: %w", refusal, o.As, err)
	}
	return refusal
}

// stuckAfter is how long a primary may be neither started nor moving before
// the engine is asked why.
const stuckAfter = 15 * time.Second

// Starter is what WaitStarted asks of an engine.
type Starter interface {
	IndexHealth(ctx context.Context, index string) (cluster.Health, error)
	RecoveryProgress(ctx context.Context, index string) (Progress, error)
	WhyUnassigned(ctx context.Context, index string, number int) (string, error)
}

// NotStartedError says that a restored index cannot start.
type NotStartedError struct{ Index, Reason string }

// Error names index and the engine's reason.
func (e *NotStartedError) Error() string {
	return fmt.Sprintf("the restored index %s does not start: %s", e.Index, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *NotStartedError) NextStep() string {
	if strings.Contains(e.Reason, "CorruptIndexException") {
		return "the repository holds damaged bytes, or the target's disk spoils them: esferry repo verify --contents names the objects that differ from the source's bucket; delete these from the target's, run esferry repo copy, delete index " + e.Index + " on the target, then run again"
	}
	return "mend the cause on the target (GET _cluster/allocation/explain tells it all), then run again; delete the index first where its restore failed"
}

// WaitStarted returns when all primaries of a restored index are started, and
// gives up with the engine's reason when one of them cannot be. Restored
// without replicas it is green then.
func WaitStarted(ctx context.Context, engine Starter, index string, observe func(p Progress)) error {
	moved, before := time.Now(), Progress{Done: -1}
	return retry.Poll(ctx, "index "+index+" to start", pollEvery, func(ctx context.Context) (bool, error) {
		h, err := engine.IndexHealth(ctx, index)
		if err != nil {
			return false, err
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
		if h.Primaries > 0 && h.Started == h.Primaries {
			return true, nil
		}
		if time.Since(moved) < stuckAfter {
			return false, nil
		}
		moved = time.Now()
		return false, stuck(ctx, engine, index, h)
	})
}

func stuck(ctx context.Context, engine Starter, index string, h cluster.Health) error {
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
