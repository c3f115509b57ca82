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
