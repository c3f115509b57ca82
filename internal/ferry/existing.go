package ferry

import (
	"context"
	"fmt"

	"esferry/internal/preflight"
	"esferry/snapshotpath"
)

// OnExisting is what is done with an index that the target has already, under
// the name that a restored one is to get.
type OnExisting string

// The ways to treat it.
const (
	// RefuseExisting restores nothing.
	RefuseExisting OnExisting = "error"
	// CloseExisting closes it, restores over it and so opens it: its uuid and its
	// aliases stay.
	CloseExisting OnExisting = "close"
	// DeleteExisting deletes it first, with its aliases.
	DeleteExisting OnExisting = "delete"
	// RenameRestored leaves it alone: the restored index gets its name with a
	// time behind it.
	RenameRestored OnExisting = "rename"
)

// meeting is how a restore and an index that the target has already get along.
type meeting struct {
	// target is the name that the restored index gets.
	target string
	over   snapshotpath.Over
	// putBack are the own values of the index that is restored over.
	putBack map[string]any
	// Existing says what becomes of it; empty where the name is free.
	Existing string `json:"existing,omitempty"`
	obstacle preflight.Obstacle
}

// settled reports whether the meeting knows what to do with an index in the way.
func (m meeting) settled() bool { return m.Existing != "" && m.obstacle.Problem == "" }

// arrival is an index that is to be restored.
type arrival struct {
	// index on the source, target its name on the target.
	index, target string
	// shards it has, where that is known; suffix goes behind a name in use.
	shards int
	suffix string
	// settings that it has from the start.
	settings map[string]any
}

// meet asks the target what has the name, and decides as way says.
func (f *Ferry) meet(ctx context.Context, r arrival, way OnExisting) (meeting, error) {
	m := meeting{target: r.target}
	there, found, err := f.target.Standing(ctx, r.target)
	if err != nil || !found {
		return m, err
	}
	if there.UUID == "" {
		m.obstacle = inTheWay(r, "an alias named "+r.target, fmt.Sprintf("take the alias off, or give another name under indices.rename: {%s: NEW-NAME}", r.index))
		return m, nil
	}
	if way == CloseExisting {
		if way, err = f.canClose(ctx, r, &m, there.Shards); err != nil || m.obstacle.Problem != "" {
			return m, err
		}
	}
	switch way {
	case CloseExisting:
		m.over, m.Existing = snapshotpath.Over{UUID: there.UUID, Way: snapshotpath.CloseWay, WasOpen: there.Open}, "closed and restored over"
	case DeleteExisting:
		m.over, m.Existing = snapshotpath.Over{UUID: there.UUID, Way: snapshotpath.DeleteWay, WasOpen: there.Open}, "deleted and restored"
	case RenameRestored:
		return f.meetBeside(ctx, r, m)
	case RefuseExisting:
		m.obstacle = inTheWay(r, "an index named "+r.target, fmt.Sprintf("set snapshot.on_existing (close, delete or rename), or give another name under indices.rename: {%s: NEW-NAME}", r.index))
		return m, nil
	}
	m.putBack = snapshotpath.Own(there.Settings, r.settings)
	m.over.LastRecovery, err = f.target.LastRecovery(ctx, r.target)
	return m, err
}

func inTheWay(r arrival, what, remedy string) preflight.Obstacle {
	return preflight.Obstacle{Index: r.index, Problem: "the target has " + what + " already", Remedy: remedy}
}

// meetBeside gives the restored index a name of its own.
func (f *Ferry) meetBeside(ctx context.Context, r arrival, m meeting) (meeting, error) {
	m.target, m.Existing = r.target+r.suffix, "left alone; the restored one is named "+r.target+r.suffix
	_, found, err := f.target.Index(ctx, m.target)
	if found {
		m.obstacle = inTheWay(r, "an index named "+m.target, "delete it on the target where it is of no use any more")
	}
	return m, err
}

// canClose notices, before anything is closed, what would stand in the way of a
// restore over it, and gives what is done instead.
func (f *Ferry) canClose(ctx context.Context, r arrival, m *meeting, shards int) (OnExisting, error) {
	if r.shards > 0 && shards != r.shards {
		m.obstacle = inTheWay(r, fmt.Sprintf("an index named %s of %d shards, and one of %d cannot be restored over it", r.target, shards, r.shards),
			"set snapshot.on_existing: delete or rename")
		return CloseExisting, nil
	}
	can, err := f.target.CanClose(ctx, r.target)
	if err != nil || can {
		return CloseExisting, err
	}
	if f.options.Snapshot.Fallback == RefuseExisting {
		m.obstacle = inTheWay(r, "an index named "+r.target+", and its service does not let indices be closed",
			"set snapshot.on_existing_fallback: delete, or rename, which keeps it")
	}
	return f.options.Snapshot.Fallback, nil
}

// restoreSettings are what restored indices have from the start. What engines
// refuse to leave out of a snapshot is overridden.
func (s *SnapshotOptions) restoreSettings() map[string]any {
	return map[string]any{
		"index.number_of_replicas": s.Replicas, "index.refresh_interval": s.Refresh, "index.auto_expand_replicas": "false",
	}
}
