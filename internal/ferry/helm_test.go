package ferry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"esferry/internal/batch"
	"esferry/internal/ferry"
	"esferry/sink"
)

func TestAskCutover(t *testing.T) {
	f := func(want string, one *ferry.Ferry) {
		t.Helper()
		err := one.AskCutover()
		if want == "" && err == nil {
			if got := one.Attempt(); got.State != ferry.CutoverAsked || !got.Open() {
				t.Errorf("got %+v, want it asked", got)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	ready := func() *ferry.Ferry { return ferry.Bare(map[string]ferry.Phase{"a": ferry.Current}) }
	f("", ready())
	f("index b is not carried yet", ferry.Bare(map[string]ferry.Phase{"a": ferry.Current, "b": ferry.Bound}))
	alone := ready()
	alone.Unfollowed()
	f("does not follow the source", alone)
	twice := ready()
	f("", twice)
	f("under way already", twice)
}

// What was withdrawn before it began never begins.
func TestWithdrawn(t *testing.T) {
	f := ferry.Bare(map[string]ferry.Phase{"a": ferry.Current})
	if err := f.AbortCutover(); err == nil || !strings.Contains(err.Error(), "no cutover is under way") {
		t.Errorf("without one: got %v", err)
	}
	if err := f.AskCutover(); err != nil {
		t.Fatal(err)
	}
	if err := f.AbortCutover(); err != nil {
		t.Fatal(err)
	}
	if got := f.Attempt(); got.State != ferry.CutoverGivenUp || got.Open() {
		t.Errorf("got %+v", got)
	}
	if begun, err := f.Asked(t.Context()); begun || err != nil {
		t.Errorf("it began all the same (%v)", err)
	}
	if err := f.AskCutover(); err != nil {
		t.Errorf("after it was given up: got %v", err)
	}
}

// Whoever comes first, the gate before the switch or who gives up, decides.
func TestForwardOrGivenUp(t *testing.T) {
	begun := func() (*ferry.Ferry, context.Context) {
		t.Helper()
		f := ferry.Bare(map[string]ferry.Phase{"a": ferry.Current})
		if err := f.AskCutover(); err != nil {
			t.Fatal(err)
		}
		return f, f.Begin(t.Context())
	}
	f, ctx := begun()
	if err := f.AbortCutover(); err != nil {
		t.Fatal(err)
	}
	if err := f.Forward(ctx); !errors.Is(err, ferry.ErrGivenUp) {
		t.Errorf("given up first: got %v", err)
	}
	f, ctx = begun()
	if err := f.Forward(ctx); err != nil {
		t.Errorf("forward first: got %v", err)
	}
	if err := f.AbortCutover(); err == nil || !strings.Contains(err.Error(), "only way is forward") || ctx.Err() != nil {
		t.Errorf("too late: got %v, and the context %v", err, ctx.Err())
	}
}

func TestChecklist(t *testing.T) {
	f := func(got ferry.Check, ok bool, reason string) {
		t.Helper()
		if got.OK != ok || !strings.Contains(got.Reason, reason) {
			t.Errorf("got %+v, want %v because %q", got, ok, reason)
		}
	}
	counts := func(source, target int64, moving bool) *ferry.Counts {
		return &ferry.Counts{Source: source, Target: target, Equal: source == target, Moving: moving, At: time.Now()}
	}
	f(ferry.Counted(nil), false, "nothing was counted")
	f(ferry.Counted([]ferry.IndexRecord{{Index: "a", Counts: counts(3, 3, false)}}), true, "equal when last counted")
	f(ferry.Counted([]ferry.IndexRecord{{Index: "a", Counts: counts(3, 2, true)}}), true, "1 indices took writes")
	f(ferry.Counted([]ferry.IndexRecord{{Index: "a", Counts: counts(3, 3, false)}, {Index: "b", Counts: counts(3, 2, false)}}), false, "index b: 3 documents on the source, 2")
	f(ferry.Counted([]ferry.IndexRecord{{Index: "a"}}), false, "index a was not counted")

	bare := ferry.Bare(nil)
	f(bare.Lagging(10, []ferry.IndexRecord{{Index: "a", Lag: 10}}), true, "at most 10")
	f(bare.Lagging(10, []ferry.IndexRecord{{Index: "a", Lag: 1}, {Index: "b", Lag: 11}}), false, "index b: 11 operations")

	f(ferry.Rejections([]ferry.IndexRecord{{Written: sink.Result{Rejected: 2}}, {Written: sink.Result{Rejected: 1}}}), false, "3 documents")
	f(ferry.Rejections(nil), true, "took all")

	f(ferry.Reading(&ferry.Pace{}), true, "neither")
	f(ferry.Reading(&ferry.Pace{PaceState: batch.PaceState{Paused: true}}), false, "paused")
	f(ferry.Reading(&ferry.Pace{Braked: "99 searches"}), false, "99 searches")

	f(ferry.Well(ferry.Side{Name: "source"}), false, "not asked yet")
	f(ferry.Well(ferry.Side{Name: "source", Answered: time.Now()}), true, "it answers")
	f(ferry.Well(ferry.Side{Name: "source", Answered: time.Now(), Color: "yellow"}), true, "yellow")
	f(ferry.Well(ferry.Side{Name: "target", Answered: time.Now(), Color: "red"}), false, "no primary")
	f(ferry.Well(ferry.Side{Name: "target", Answered: time.Now(), Fault: "refused"}), false, "refused")
}
