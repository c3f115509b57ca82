package snapshotpath_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/snapshotpath"
)

// engine answers about one snapshot as its script says.
type engine struct {
	states  []string
	created int
	create  error
	// by is the ferry that the snapshot says it was taken by.
	by      string
	deleted int
}

func (e *engine) Identity() cluster.Identity {
	return cluster.Identity{Product: cluster.Elasticsearch, Version: cluster.Version{Major: 7, Minor: 10}}
}

func (e *engine) Snapshot(context.Context, string, string) (cluster.Snapshot, bool, error) {
	state := e.states[0]
	if len(e.states) > 1 {
		e.states = e.states[1:]
	}
	return cluster.Snapshot{
		Name: "s", State: state, Reason: "disk full", Indices: []string{"b", "a"}, Metadata: map[string]any{"esferry": e.by},
	}, state != "", nil
}

func (e *engine) SnapshotProgress(context.Context, string, string) (snapshotpath.Progress, error) {
	return snapshotpath.Progress{Done: 1, Total: 2}, nil
}

func (e *engine) CreateSnapshot(context.Context, string, string, cluster.SnapshotRequest) error {
	e.created++
	return e.create
}

func (e *engine) RunningSnapshots(context.Context) ([]string, error) {
	return []string{"nightly/one"}, nil
}

func (e *engine) Busy(context.Context, string) (string, error) { return "", nil }

func (e *engine) DeleteSnapshot(context.Context, string, string) error {
	e.deleted++
	return e.create
}

func busy() error {
	return &cluster.Error{Status: 503, Type: "concurrent_snapshot_execution_exception"}
}

// gone is an answer that was lost.
func gone() error { return &cluster.Error{Op: "create", Err: io.ErrUnexpectedEOF} }

func TestTake(t *testing.T) {
	faultcase.Shows(t, 28, "PARTIAL, FAILED, deleted by somebody, and one that is not waited for")
	f := func(name string, e *engine, created int, wrong string) {
		t.Helper()
		e.by = "f"
		synctest.Test(t, func(t *testing.T) {
			_, err := snapshotpath.Take(t.Context(), e, snapshotpath.TakeOptions{
				Snapshot: "s", Ferry: "f", Indices: []string{"a", "b"}, Observe: func(snapshotpath.Progress) {},
			})
			if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
				t.Errorf("%s: got %v, want %q", name, err, wrong)
			}
			if e.created != created {
				t.Errorf("%s: got %d requests for a snapshot, want %d", name, e.created, created)
			}
		})
	}
	f("new", &engine{states: []string{"", "IN_PROGRESS", "IN_PROGRESS", "SUCCESS"}}, 1, "")
	f("from an earlier run", &engine{states: []string{"IN_PROGRESS", "SUCCESS"}}, 0, "")
	f("done before", &engine{states: []string{"SUCCESS"}}, 0, "")
	f("answer lost, done all the same", &engine{states: []string{"", "IN_PROGRESS", "SUCCESS"}, create: gone()}, 1, "")
	f("a gateway's time-out", &engine{states: []string{"", "SUCCESS"}, create: &cluster.Error{Status: 504}}, 1, "")
	f("another one in the way", &engine{states: []string{"", "", "SUCCESS"}, create: busy()}, 2, "")
	f("partial", &engine{states: []string{"PARTIAL"}}, 0, "PARTIAL: disk full")
	f("failed", &engine{states: []string{"IN_PROGRESS", "FAILED"}}, 0, "FAILED")
	f("refused", &engine{states: []string{""}, create: &cluster.Error{Op: "create", Status: 403, Reason: "no privilege"}}, 1, "no privilege")
	f("not seen for a moment", &engine{states: []string{"", "IN_PROGRESS", "", "", "SUCCESS"}}, 1, "")
	f("deleted by somebody", &engine{states: []string{"", "IN_PROGRESS", ""}}, 1, "ABORTED")
	_, err := snapshotpath.Take(t.Context(), &engine{states: []string{"PARTIAL"}, by: "f"}, snapshotpath.TakeOptions{Ferry: "f", Indices: []string{"a", "b"}})
	if !snapshotpath.IsFailed(err) || snapshotpath.IsFailed(errors.New("other")) {
		t.Errorf("got %v, want only it to be failed", err)
	}
}

func TestTakeIsOursOnly(t *testing.T) {
	f := func(by string, indices []string, wrong string) {
		t.Helper()
		_, err := snapshotpath.Take(t.Context(), &engine{states: []string{"SUCCESS"}, by: by}, snapshotpath.TakeOptions{Snapshot: "s", Ferry: "f", Indices: indices})
		if foreign, ok := errors.AsType[*snapshotpath.ForeignSnapshotError](err); ok != (wrong != "") || ok && !strings.Contains(foreign.Error(), wrong) {
			t.Errorf("taken by %s of %v: got %v, want %q", by, indices, err, wrong)
		}
	}
	f("f", []string{"a", "b"}, "")
	// A run that was killed while indices arrived asks for those that are left.
	f("f", []string{"a"}, "")
	f("f", []string{"a", "c"}, "does not hold index c")
	f("g", []string{"a", "b"}, "not taken by ferry f")
	f("", []string{"a", "b"}, "not taken by ferry f")
}

func TestTakePartialAndUnwaited(t *testing.T) {
	faultcase.Shows(t, 28, "PARTIAL, FAILED, deleted by somebody, and one that is not waited for")
	o := snapshotpath.TakeOptions{Snapshot: "s", Ferry: "f", Indices: []string{"a", "b"}, Partial: true, NoWait: true}
	s, err := snapshotpath.Take(t.Context(), &engine{states: []string{"PARTIAL"}, by: "f"}, o)
	if err != nil || s.State != cluster.SnapshotPartial {
		t.Errorf("accepted: got %v, %v", s.State, err)
	}
	if s, err = snapshotpath.Take(t.Context(), &engine{states: []string{"IN_PROGRESS"}, by: "f"}, o); err != nil || s.State != cluster.SnapshotInProgress {
		t.Errorf("not waited for: got %v, %v", s.State, err)
	}
}

func TestTakeSaysWhichOneIsInTheWay(t *testing.T) {
	faultcase.Shows(t, 28, "another one is in the way")
	synctest.Test(t, func(t *testing.T) {
		var told []string
		_, err := snapshotpath.Take(t.Context(), &engine{states: []string{"", "", "", "SUCCESS"}, create: busy(), by: "f"}, snapshotpath.TakeOptions{
			Snapshot: "s", Ferry: "f", Indices: []string{"a", "b"}, Waiting: func(others string) { told = append(told, others) },
		})
		if err != nil || !slices.Equal(told, []string{"nightly/one"}) {
			t.Errorf("got %v, %v, want to be told once", told, err)
		}
	})
}

func TestDelete(t *testing.T) {
	f := func(e *engine, deleted int, wrong string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			err := snapshotpath.Delete(t.Context(), e, "r", "s")
			if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) || e.deleted != deleted {
				t.Errorf("got %d requests and %v, want %d and %q", e.deleted, err, deleted, wrong)
			}
		})
	}
	f(&engine{states: []string{""}}, 0, "")
	f(&engine{states: []string{"SUCCESS", ""}}, 1, "")
	f(&engine{states: []string{"SUCCESS", "SUCCESS", ""}, create: gone()}, 2, "")
	f(&engine{states: []string{"SUCCESS", "SUCCESS", ""}, create: busy()}, 2, "")
	f(&engine{states: []string{"SUCCESS"}, create: &cluster.Error{Op: "delete", Status: 403, Reason: "no privilege"}}, 1, "no privilege")
}
