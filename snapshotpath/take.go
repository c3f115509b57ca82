package snapshotpath

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// pollEvery is how often a snapshot or a restore is asked about: each question
// costs the master a little, and a second matters to nobody but a test.
const pollEvery = 300 * time.Millisecond

// Progress of a snapshot or a restore, in shards, files and bytes.
type Progress = cluster.Progress

// Snapshotter is what Take asks of an engine.
type Snapshotter interface {
	Identity() cluster.Identity
	Snapshot(ctx context.Context, repository, name string) (cluster.Snapshot, bool, error)
	SnapshotProgress(ctx context.Context, repository, name string) (Progress, error)
	CreateSnapshot(ctx context.Context, repository, name string, q cluster.SnapshotRequest) error
	RunningSnapshots(ctx context.Context) ([]string, error)
	Writer
}

// TakeOptions say what to take.
type TakeOptions struct {
	Repository, Snapshot string
	Indices              []string
	// Ferry is kept with the snapshot, where the engine keeps such things, so
	// that it is known again.
	Ferry string
	// Partial accepts a snapshot without shards that are not started; it tells
	// which, and the indices they belong to cannot be restored from it.
	Partial bool
	// NoWait returns when the snapshot is under way.
	NoWait bool
	// Observe hears of progress, Waiting of another snapshot that has to end
	// first; either may be nil.
	Observe func(p Progress)
	Waiting func(others string)
}

// FailedError says that a snapshot ended without being whole. Its name is spent.
type FailedError struct {
	Snapshot, State, Reason string
}

// Error names snapshot, state and the first shards that failed.
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

// ForeignSnapshotError says that the name stands for a snapshot that is not the
// one asked for.
type ForeignSnapshotError struct{ Repository, Snapshot, Why string }

// Error names it, and how that is known.
func (e *ForeignSnapshotError) Error() string {
	return fmt.Sprintf("repository %s holds a snapshot %s already, which %s", e.Repository, e.Snapshot, e.Why)
}

// NextStep is printed on a line of its own.
func (e *ForeignSnapshotError) NextStep() string { return "take the snapshot under another name" }

// metadataKey is under what a snapshot keeps the name of its ferry.
const metadataKey = "esferry"

// TakenBy gives the name of the ferry that a snapshot says it was taken by;
// empty where it says none.
func TakenBy(s cluster.Snapshot) string {
	name, _ := s.Metadata[metadataKey].(string)
	return name
}

// Take returns when the snapshot of that name is SUCCESS. It is asked for
// unless it is there already, from a run before this one; nothing that happens
// to an answer matters, since the snapshot is found by name again. It is ours
// only if it holds what was asked for.
func Take(ctx context.Context, engine Snapshotter, o TakeOptions) (cluster.Snapshot, error) {
	t := &taking{engine: engine, TakeOptions: o}
	err := retry.Poll(ctx, "snapshot "+o.Snapshot, pollEvery, func(ctx context.Context) (bool, error) {
		s, found, err := engine.Snapshot(ctx, o.Repository, o.Snapshot)
		if err != nil {
			return false, err
		}
		if !found {
			return false, t.absent(ctx)
		}
		t.last, t.seen, t.missed = s, true, 0
		return t.judge(ctx, s)
	})
	return t.last, err
}

// taking is a snapshot on its way.
type taking struct {
	TakeOptions
	engine Snapshotter
	last   cluster.Snapshot
	// seen: it was there; missed counts the answers since in which it was not.
	seen   bool
	missed int
	told   string
}

func (t *taking) judge(ctx context.Context, s cluster.Snapshot) (done bool, err error) {
	if err := t.mustBeOurs(s); err != nil {
		return false, err
	}
	switch s.State {
	case cluster.SnapshotSuccess:
		return true, nil
	case cluster.SnapshotInProgress:
		t.observe(ctx)
		return t.NoWait, nil
	case cluster.SnapshotPartial:
		if t.Partial {
			return true, nil
		}
	}
	return false, failed(s)
}

// mustBeOurs refuses a snapshot that lacks an index, or names another ferry. It
// may hold more: those that a run before this one has restored already.
func (t *taking) mustBeOurs(s cluster.Snapshot) error {
	foreign := func(why string) error {
		return &ForeignSnapshotError{Repository: t.Repository, Snapshot: t.Snapshot, Why: why}
	}
	for _, index := range t.Indices {
		if !slices.Contains(s.Indices, index) {
			return foreign("does not hold index " + index)
		}
	}
	if by := TakenBy(s); t.engine.Identity().KeepsSnapshotMetadata() && by != t.Ferry {
		return foreign("was not taken by ferry " + t.Ferry)
	}
	return nil
}

// aborted is after how many answers without it a snapshot that was there counts
// as gone: while it is finalized an engine may know it in neither place.
const aborted = 10

// absent asks for the snapshot, once it is sure that nobody has deleted it.
func (t *taking) absent(ctx context.Context) error {
	if !t.seen {
		return t.create(ctx)
	}
	if t.missed++; t.missed < aborted {
		return nil
	}
	return &FailedError{Snapshot: t.Snapshot, State: "ABORTED", Reason: "somebody has deleted it while it was taken"}
}

// create asks for the snapshot. A lost answer and another snapshot in the way
// are answered by asking what is there, again.
func (t *taking) create(ctx context.Context) error {
	err := t.engine.CreateSnapshot(ctx, t.Repository, t.Snapshot, cluster.SnapshotRequest{
		Indices: t.Indices, Partial: t.Partial, Metadata: map[string]any{metadataKey: t.Ferry},
	})
	switch {
	case cluster.SnapshotInTheWay(err):
		t.tellOthers(ctx)
		return nil
	case cluster.Ambiguous(err), retry.Retryable(err), cluster.NameTaken(err):
		return nil
	default:
		return err
	}
}

// tellOthers says which snapshot has to end first, where the engine tells.
func (t *taking) tellOthers(ctx context.Context) {
	if t.Waiting == nil {
		return
	}
	running, err := t.engine.RunningSnapshots(ctx)
	others := strings.Join(running, ", ")
	if err == nil && others == "" {
		others, err = t.engine.Busy(ctx, t.Repository)
	}
	if err != nil || others == "" {
		others = "one that the engine does not name"
	}
	if others != t.told {
		t.told = others
		t.Waiting(others)
	}
}

// observe tells how far the snapshot is. That is for show: where the question
// fails, the snapshot may have ended in between, and the next one tells.
func (t *taking) observe(ctx context.Context) {
	if t.Observe == nil {
		return
	}
	if p, err := t.engine.SnapshotProgress(ctx, t.Repository, t.Snapshot); err == nil {
		t.Observe(p)
	}
}

// Failures names the shards that a snapshot lacks, each with its reason, as
// INDEX[SHARD]: REASON.
func Failures(s cluster.Snapshot) []string {
	reasons := []string{}
	for _, f := range s.Failures {
		reasons = append(reasons, fmt.Sprintf("%s[%d]: %s", f.Index, f.Shard, f.Reason))
	}
	return reasons
}

func failed(s cluster.Snapshot) error {
	reasons := Failures(s)
	if len(reasons) == 0 {
		reasons = append(reasons, s.Reason)
	}
	return &FailedError{Snapshot: s.Name, State: s.State, Reason: strings.Join(reasons[:min(3, len(reasons))], "; ")}
}

// Deleter is what Delete asks of an engine.
type Deleter interface {
	Snapshot(ctx context.Context, repository, name string) (cluster.Snapshot, bool, error)
	DeleteSnapshot(ctx context.Context, repository, name string) error
}

// Delete returns when a repository holds no snapshot of that name; one that is
// being taken is aborted. Lost answers and other snapshots in the way are
// answered by asking again.
func Delete(ctx context.Context, engine Deleter, repository, name string) error {
	return retry.Poll(ctx, "the deletion of snapshot "+name, pollEvery, func(ctx context.Context) (bool, error) {
		_, found, err := engine.Snapshot(ctx, repository, name)
		if err != nil || !found {
			return err == nil, err
		}
		err = engine.DeleteSnapshot(ctx, repository, name)
		if cluster.SnapshotInTheWay(err) || cluster.Ambiguous(err) || retry.Retryable(err) || cluster.NotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}
