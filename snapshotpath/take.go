package snapshotpath

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// pollEvery is how often a snapshot or a restore is asked about: each question
// costs the master a little, and a second matters to nobody but a test.
const pollEvery = 300 * time.Millisecond

// Progress of a snapshot or a restore, in shards and bytes.
type Progress = cluster.Progress

// Snapshotter is what Take asks of an engine.
type Snapshotter interface {
	Snapshot(ctx context.Context, repository, name string) (cluster.Snapshot, bool, error)
	SnapshotProgress(ctx context.Context, repository, name string) (Progress, error)
	CreateSnapshot(ctx context.Context, repository, name string, indices []string) error
}

// TakeOptions say what to take.
type TakeOptions struct {
	Repository, Snapshot string
	Indices              []string
	// Observe hears of progress; may be nil.
	Observe func(p Progress)
}

// FailedError says that a snapshot ended without being whole. Its name is spent.
type FailedError struct {
	Snapshot, State, Reason string
}

// Error names snapshot, state and the first shard that failed.
func (e *FailedError) Error() string {
	return fmt.Sprintf("snapshot %s ended as %s: %s", e.Snapshot, e.State, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *FailedError) NextStep() string {
	return "see that every primary shard of the indices is started on the source, then run again: it takes a new snapshot"
}

// IsFailed reports whether err says that a snapshot's name is spent.
func IsFailed(err error) bool {
	var failed *FailedError
	return errors.As(err, &failed)
}

// Take returns when the snapshot of that name is SUCCESS. It is asked for
// unless it is there already, from a run before this one; nothing that happens
// to an answer matters, since the snapshot is found by name again.
func Take(ctx context.Context, engine Snapshotter, o TakeOptions) (cluster.Snapshot, error) {
	var last cluster.Snapshot
	err := retry.Poll(ctx, "snapshot "+o.Snapshot, pollEvery, func(ctx context.Context) (bool, error) {
		s, found, err := engine.Snapshot(ctx, o.Repository, o.Snapshot)
		if err != nil {
			return false, err
		}
		last = s
		if !found {
			return false, create(ctx, engine, o)
		}
		switch s.State {
		case cluster.SnapshotSuccess:
			return true, nil
		case cluster.SnapshotInProgress:
			observe(ctx, engine, o)
			return false, nil
		default:
			return false, failed(s)
		}
	})
	return last, err
}

// create asks for the snapshot. A lost answer and another snapshot in the way
// are answered by asking what is there, again.
func create(ctx context.Context, engine Snapshotter, o TakeOptions) error {
	err := engine.CreateSnapshot(ctx, o.Repository, o.Snapshot, o.Indices)
	var e *cluster.Error
	if errors.As(err, &e) && (e.Ambiguous() || retry.Retryable(err) || e.Type == "concurrent_snapshot_execution_exception" || e.Type == "invalid_snapshot_name_exception") {
		return nil
	}
	return err
}

// observe tells how far the snapshot is. That is for show: where the question
// fails, the snapshot may have ended in between, and the next one tells.
func observe(ctx context.Context, engine Snapshotter, o TakeOptions) {
	if o.Observe == nil {
		return
	}
	if p, err := engine.SnapshotProgress(ctx, o.Repository, o.Snapshot); err == nil {
		o.Observe(p)
	}
}

func failed(s cluster.Snapshot) error {
	reasons := []string{}
	for _, f := range s.Failures {
		reasons = append(reasons, fmt.Sprintf("%s[%d]: %s", f.Index, f.Shard, f.Reason))
	}
	if len(reasons) == 0 {
		reasons = append(reasons, s.Reason)
	}
	return &FailedError{Snapshot: s.Name, State: s.State, Reason: strings.Join(reasons[:min(3, len(reasons))], "; ")}
}
