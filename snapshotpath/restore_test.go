package snapshotpath_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/snapshotpath"
)

// target is an engine that holds one index, or none. The next faults happen to
// the next requests that change something.
type target struct {
	uuid   string
	open   bool
	origin cluster.Origin
	faults []fault
	// asked, closed and deleted count what was carried out.
	asked, closed, deleted, opened int
	refuse                         error
}

type fault struct {
	// applied: it is carried out all the same.
	applied bool
	err     error
}

// change carries a request out, unless a fault says otherwise.
func (e *target) change(do func()) error {
	if len(e.faults) == 0 {
		do()
		return nil
	}
	f := e.faults[0]
	e.faults = e.faults[1:]
	if f.applied || f.err == nil {
		do()
	}
	return f.err
}

func (e *target) Restore(context.Context, string, string, cluster.RestoreRequest) error {
	if e.uuid != "" && e.open {
		return &cluster.Error{Status: 500, Type: "snapshot_restore_exception", Reason: "an open index with same name already exists"}
	}
	if e.refuse != nil {
		return e.refuse
	}
	return e.change(func() {
		if e.uuid == "" {
			e.uuid = "new"
		}
		e.open, e.origin = true, cluster.FromSnapshot
		e.asked++
	})
}

func (e *target) Standing(context.Context, string) (cluster.Index, bool, error) {
	return cluster.Index{UUID: e.uuid, Open: e.open}, e.uuid != "", nil
}

func (e *target) OriginOf(context.Context, string, string, string, int64) (cluster.Origin, error) {
	return e.origin, nil
}

func (e *target) CloseIndex(context.Context, string) error {
	return e.change(func() { e.open = false; e.closed++ })
}

func (e *target) OpenIndex(context.Context, string) error {
	e.open = true
	e.opened++
	return nil
}

func (e *target) DeleteIndex(context.Context, string) error {
	return e.change(func() { e.uuid = ""; e.deleted++ })
}

// TestRestoreUnderFaults: whatever happens to requests and answers, and
// whenever the process dies and is started again, the engine restores once, and
// the index in the way is touched once.
func TestRestoreUnderFaults(t *testing.T) {
	faultcase.Shows(t, 33, "the answer is lost, or is a 504, again and again")
	rapid.Check(t, func(r *rapid.T) {
		way := rapid.SampledFrom([]snapshotpath.Way{"", snapshotpath.CloseWay, snapshotpath.DeleteWay}).Draw(r, "way")
		e := &target{origin: cluster.FromElsewhere}
		o := snapshotpath.RestoreOptions{Repository: "r", Snapshot: "s", Index: "i", As: "i"}
		if way != "" {
			e.uuid, e.open = "old", rapid.Bool().Draw(r, "open")
			o.Over = snapshotpath.Over{UUID: "old", Way: way, WasOpen: e.open}
		}
		e.faults = rapid.SliceOfN(rapid.Custom(func(r *rapid.T) fault {
			return fault{applied: rapid.Bool().Draw(r, "applied"), err: rapid.SampledFrom([]error{nil, gone(), &cluster.Error{Status: 504}}).Draw(r, "error")}
		}), 0, 6).Draw(r, "faults")
		wasOpen := e.open
		for range rapid.IntRange(1, 3).Draw(r, "runs") {
			var err error
			// Without the waits between tries.
			synctest.Test(t, func(t *testing.T) { err = snapshotpath.Restore(t.Context(), e, o) })
			if err != nil {
				r.Fatalf("got %v", err)
			}
		}
		if e.asked != 1 || !e.open || e.origin != cluster.FromSnapshot {
			r.Errorf("got %d restores and %+v, want one", e.asked, e)
		}
		if way == snapshotpath.CloseWay && wasOpen != (e.closed == 1) || way == snapshotpath.DeleteWay && e.deleted != 1 {
			r.Errorf("got it closed %d and deleted %d times", e.closed, e.deleted)
		}
	})
}

func TestRestoreTouchesNobodyElses(t *testing.T) {
	f := func(name string, e *target, over snapshotpath.Over) {
		t.Helper()
		err := snapshotpath.Restore(t.Context(), e, snapshotpath.RestoreOptions{Index: "i", As: "i", Over: over})
		if _, ok := errors.AsType[*snapshotpath.OtherIndexError](err); !ok || e.asked+e.closed+e.deleted > 0 {
			t.Errorf("%s: got %v and %+v, want a refusal", name, err, e)
		}
	}
	foreign := func() *target { return &target{uuid: "foreign", open: true, origin: cluster.FromElsewhere} }
	f("the name was free", foreign(), snapshotpath.Over{})
	f("made anew, to be closed", foreign(), snapshotpath.Over{UUID: "old", Way: snapshotpath.CloseWay})
	f("made anew, to be deleted", foreign(), snapshotpath.Over{UUID: "old", Way: snapshotpath.DeleteWay})
	f("closed by somebody", &target{uuid: "foreign"}, snapshotpath.Over{UUID: "old", Way: snapshotpath.CloseWay})
}

func TestARefusedRestoreOpensWhatItClosed(t *testing.T) {
	faultcase.Shows(t, 33, "a restore that is refused opens what it closed")
	f := func(open bool, want int) {
		t.Helper()
		e := &target{uuid: "old", open: open, origin: cluster.FromElsewhere, refuse: &cluster.Error{Status: 500, Type: "snapshot_restore_exception", Reason: "with [1] shards"}}
		err := snapshotpath.Restore(t.Context(), e, snapshotpath.RestoreOptions{Index: "i", As: "i", Over: snapshotpath.Over{UUID: "old", Way: snapshotpath.CloseWay, WasOpen: open}})
		if err == nil || !strings.Contains(err.Error(), "shards") || e.opened != want {
			t.Errorf("got %v, opened %d times, want the engine's refusal and %d", err, e.opened, want)
		}
	}
	f(true, 1)
	f(false, 0)
}

func TestOwn(t *testing.T) {
	got := snapshotpath.Own(map[string]string{
		"index.number_of_replicas": "2", "index.routing.allocation.include._tier_preference": "data_hot", "index.blocks.write": "true",
		"index.blocks.read_only_allow_delete": "true", "index.uuid": "u", "index.codec": "best_compression", "index.lifecycle.name": "p",
		"index.routing.allocation.initial_recovery._id": "n",
	}, map[string]any{"index.number_of_replicas": 0, "index.refresh_interval": "-1"})
	want := map[string]any{
		"index.number_of_replicas": "2", "index.refresh_interval": nil, "index.routing.allocation.include._tier_preference": "data_hot",
		"index.blocks.write": "true", "index.lifecycle.name": "p",
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: got %v, want %v", key, got[key], value)
		}
	}
}
