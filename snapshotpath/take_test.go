package snapshotpath_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"esferry/internal/cluster"
	"esferry/snapshotpath"
)

// engine answers about one snapshot as its script says.
type engine struct {
	states  []string
	created int
	create  error
}

func (e *engine) Snapshot(context.Context, string, string) (cluster.Snapshot, bool, error) {
	state := e.states[0]
	if len(e.states) > 1 {
		e.states = e.states[1:]
	}
	return cluster.Snapshot{Name: "s", State: state, Reason: "disk full"}, state != "", nil
}

func (e *engine) SnapshotProgress(context.Context, string, string) (snapshotpath.Progress, error) {
	return snapshotpath.Progress{Done: 1, Total: 2}, nil
}

func (e *engine) CreateSnapshot(context.Context, string, string, []string) error {
	e.created++
	return e.create
}

func TestTake(t *testing.T) {
	f := func(name string, e *engine, created int, wrong string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			_, err := snapshotpath.Take(t.Context(), e, snapshotpath.TakeOptions{Snapshot: "s", Observe: func(snapshotpath.Progress) {}})
			if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
				t.Errorf("%s: got %v, want %q", name, err, wrong)
			}
			if e.created != created {
				t.Errorf("%s: got %d requests for a snapshot, want %d", name, e.created, created)
			}
		})
	}
	lost := &cluster.Error{Op: "create", Err: io.ErrUnexpectedEOF}
	f("new", &engine{states: []string{"", "IN_PROGRESS", "IN_PROGRESS", "SUCCESS"}}, 1, "")
	f("from an earlier run", &engine{states: []string{"IN_PROGRESS", "SUCCESS"}}, 0, "")
	f("done before", &engine{states: []string{"SUCCESS"}}, 0, "")
	f("answer lost, done all the same", &engine{states: []string{"", "IN_PROGRESS", "SUCCESS"}, create: lost}, 1, "")
	f("another one in the way", &engine{states: []string{"", "", "SUCCESS"}, create: &cluster.Error{Status: 503, Type: "concurrent_snapshot_execution_exception"}}, 2, "")
	f("partial", &engine{states: []string{"PARTIAL"}}, 0, "PARTIAL: disk full")
	f("failed", &engine{states: []string{"IN_PROGRESS", "FAILED"}}, 0, "FAILED")
	f("refused", &engine{states: []string{""}, create: &cluster.Error{Op: "create", Status: 403, Reason: "no privilege"}}, 1, "no privilege")
	_, err := snapshotpath.Take(t.Context(), &engine{states: []string{"PARTIAL"}}, snapshotpath.TakeOptions{})
	if !snapshotpath.IsFailed(err) || snapshotpath.IsFailed(errors.New("other")) {
		t.Errorf("IsFailed does not know %v", err)
	}
}

// registry keeps one repository.
type registry struct {
	there  cluster.Repository
	found  bool
	writes int
}

func (r *registry) Repository(context.Context, string) (cluster.Repository, bool, error) {
	return r.there, r.found, nil
}

func (r *registry) PutRepository(context.Context, string, string, map[string]any) error {
	r.writes++
	return nil
}

func TestRegister(t *testing.T) {
	f := func(name string, g *registry, r snapshotpath.Repository, writes int, wrong string) {
		t.Helper()
		err := snapshotpath.Register(t.Context(), g, r)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) || g.writes != writes {
			t.Errorf("%s: got %v and %d writes, want %q and %d", name, err, g.writes, wrong, writes)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret is in %v", name, err)
		}
	}
	mine := snapshotpath.Repository{Name: "ferry", Type: "fs", Settings: map[string]any{"location": "/a", "secret": "hunter2"}}
	f("new", &registry{}, mine, 1, "")
	f("the same", &registry{found: true, there: cluster.Repository{Type: "fs", Settings: map[string]string{"location": "/a"}}}, mine, 0, "")
	f("another place", &registry{found: true, there: cluster.Repository{Type: "fs", Settings: map[string]string{"location": "/b"}}}, mine, 0, "another location")
	f("another type", &registry{found: true, there: cluster.Repository{Type: "s3"}}, mine, 0, "another type")
	f("managed", &registry{}, snapshotpath.Repository{Name: "cs-automated", Type: "s3"}, 0, "managed service")
}
