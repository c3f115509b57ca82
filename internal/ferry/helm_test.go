package ferry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"esferry/internal/batch"
	"esferry/internal/ferry"
	"esferry/internal/preflight"
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
	f(ferry.Rejections([]ferry.IndexRecord{{Written: sink.Result{Rejected: 2}}, {Written: sink.Result{Rejected: 1}}}), false, "3 documents")
	f(ferry.Rejections(nil), true, "took all")

	f(ferry.Reading(&ferry.Pace{}), true, "neither")
	f(ferry.Reading(&ferry.Pace{PaceState: batch.PaceState{Paused: true}}), false, "paused")
	f(ferry.Reading(&ferry.Pace{Braked: "99 searches"}), false, "99 searches")

	one := func(found preflight.Finding, unchecked error) ferry.Check {
		list := ferry.Checks([]preflight.Finding{found}, unchecked)
		if len(list) != 1 {
			t.Fatalf("got %+v, want one line", list)
		}
		return list[0]
	}
	f(one(preflight.Finding{Check: "lag", State: preflight.Note, Detail: "much"}, nil), true, "much")
	f(one(preflight.Finding{Check: "nothing new", State: preflight.Refused, Detail: "index a is new", Remedy: "carry it"}, nil), false, "index a is new; carry it")
	f(one(preflight.Finding{}, errors.New("no answer")), false, "no answer")
	if list := ferry.Checks(nil, &ferry.NothingCarriedError{}); len(list) != 0 {
		t.Errorf("without an index: got %+v", list)
	}
}
