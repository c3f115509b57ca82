package checkpoint_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"esferry/checkpoint"
	"esferry/internal/lab/faultcase"
	"esferry/internal/shard"
)

// at is a primary's position in the tests' shard and history.
func at(term, global, highest int64) shard.Position {
	return shard.Position{Shard: shard.ID{Index: "i"}, Term: term, Global: global, Max: highest, Committed: -1, History: "h"}
}

// mark is a watermark of a stream ferry, under term 1.
func mark(w, s, m int64) checkpoint.Watermark {
	start := checkpoint.Start(at(1, -1, -1))
	start.W, start.S, start.M = w, s, m
	return start
}

// restored is a watermark of a snapshot ferry: W0 10, S_max 14, term 1.
func restored() checkpoint.Watermark {
	return checkpoint.BeforeSnapshot(at(1, 10, 12)).Restored(14)
}

func TestFirstMarks(t *testing.T) {
	t.Parallel()
	f := func(what string, got checkpoint.Watermark, want string) {
		t.Helper()
		raw, err := json.Marshal(got)
		if err != nil || string(raw) != want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", what, raw, err, want)
		}
	}
	f("stream", checkpoint.Start(at(3, 7, 9)), `{"shard":{"index":"i","shard":0},"term":3,"history_uuid":"h","w":-1,"s":-1,"m":-1,"w0":-1,"s_max":-1,"repeat_to":-1}`)
	f("before the snapshot", checkpoint.BeforeSnapshot(at(3, 7, 9)), `{"shard":{"index":"i","shard":0},"term":3,"history_uuid":"h","w":7,"s":-2,"m":9,"w0":7,"s_max":-1,"repeat_to":-1}`)
	f("restored", checkpoint.BeforeSnapshot(at(3, 7, 9)).Restored(12), `{"shard":{"index":"i","shard":0},"term":3,"history_uuid":"h","w":7,"s":-2,"m":12,"w0":7,"s_max":12,"repeat_to":-1}`)
	f("restored without more", checkpoint.BeforeSnapshot(at(3, 7, 9)).Restored(8), `{"shard":{"index":"i","shard":0},"term":3,"history_uuid":"h","w":7,"s":-2,"m":9,"w0":7,"s_max":8,"repeat_to":-1}`)
}

// A primary that has not been told its global checkpoint yet says -2: that
// must not make a baseline look settled.
func TestUnassignedGlobalIsNotSettled(t *testing.T) {
	t.Parallel()
	if w := checkpoint.BeforeSnapshot(at(1, -2, 3)); w.Settled() || w.W != -1 || w.W0 != -1 {
		t.Errorf("got %+v, settled %v, want W and W0 -1, unsettled", w, w.Settled())
	}
}

func TestBegin(t *testing.T) {
	faultcase.Shows(t, 14, "a primary says less than the last one did")
	t.Parallel()
	f := func(what string, w checkpoint.Watermark, p shard.Position, want checkpoint.Watermark, from, to int64, repeat bool) {
		t.Helper()
		got, err := w.Begin(p)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		round := checkpoint.Round{Mark: want, Window: window(from, to), Repeat: repeat}
		if diff := cmp.Diff(round, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	f("first round", mark(-1, -1, -1), at(1, 7, 9), mark(-1, -1, -1), -1, 7, false)
	f("empty shard", mark(-1, -1, -1), at(1, -1, -1), mark(-1, -1, -1), -1, -1, false)
	f("G reached M: settles", mark(7, -1, 9), at(1, 9, 12), mark(7, 7, 9), 7, 9, false)
	f("G below M: does not", mark(7, 3, 9), at(1, 8, 12), mark(7, 3, 9), 7, 8, false)
	f("nothing new", mark(7, 7, 7), at(1, 7, 7), mark(7, 7, 7), 7, 7, false)

	repeated := mark(3, 3, -1)
	repeated.Term, repeated.RepeatTo = 2, 12
	f("term changed: again from S", mark(7, 3, 9), at(2, 10, 12), repeated, 3, 10, true)
	f("term changed: G below the old W, not below S", mark(7, 3, 9), at(2, 5, 12), repeated, 3, 5, true)

	settled := restored()
	settled.S = 10
	f("baseline settles", restored(), at(1, 14, 20), settled, 10, 14, false)
	f("baseline not yet", restored(), at(1, 13, 20), restored(), 10, 13, false)
}

func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	f := func(what string, w checkpoint.Watermark, p shard.Position, broken, want string) {
		t.Helper()
		_, err := w.Begin(p)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", what, err, want)
			return
		}
		var binding *checkpoint.BindingError
		if errors.As(err, &binding) != (broken != "") || errors.Is(err, checkpoint.ErrBehind) != (broken == "") {
			t.Errorf("%s: wrong kind of error: %#v", what, err)
		}
		if binding != nil && binding.What != broken {
			t.Errorf("%s: broke %q, want %q", what, binding.What, broken)
		}
	}
	other := at(1, 9, 9)
	other.History = "x"
	f("another history", mark(7, 7, 9), other, "history_uuid", "i[0]: the history_uuid was h at the last checkpoint and is x now, so that the delta cannot be trusted")
	f("operations lost", mark(7, 7, 9), at(2, 6, 6), "highest sequence number", "i[0]: the highest sequence number was 7 at the last checkpoint and is 6 now, so that the delta cannot be trusted")
	f("a term of before", mark(7, 7, 9), at(0, 9, 9), "primary term", "i[0]: the primary term was 1 at the last checkpoint and is 0 now, so that the delta cannot be trusted")
	const unsettled = "primary term before the restored baseline had settled"
	f("a failover over an unsettled baseline", restored(), at(2, 20, 20), unsettled, "i[0]: the "+unsettled+" was 1 at the last checkpoint and is 2 now, so that the delta cannot be trusted")
	f("behind", mark(7, 7, 9), at(1, 6, 9), "", "i[0]: the primary's global checkpoint is behind the watermark: 6, below 7")
	f("behind after a failover", mark(7, 5, 9), at(2, 4, 9), "", "i[0]: the primary's global checkpoint is behind the watermark: 4, below 5")
	f("unassigned", mark(-1, -1, -1), at(1, -2, -1), "", "i[0]: the primary's global checkpoint is behind the watermark: -2, below -1")
}

func TestBindingErrorNamesTheNextStep(t *testing.T) {
	t.Parallel()
	for final, want := range map[bool]string{
		false: "run esferry sync (with --reverse on the way back), which compares every document of index users",
		true:  "carry the index anew: esferry checkpoint reset users, delete it on the target, then run again",
	} {
		err := &checkpoint.BindingError{Shard: shard.ID{Index: "users"}, Final: final}
		if got := err.NextStep(); got != want {
			t.Errorf("final %t: got %q, want %q", final, got, want)
		}
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	f := func(what string, w checkpoint.Watermark, to int64, now shard.Position, want checkpoint.Watermark) {
		t.Helper()
		got, err := w.Advance(to, now)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	f("W and M rise, S does not", mark(7, 3, 9), 9, at(1, 9, 15), mark(9, 3, 15))
	f("M never falls", mark(7, 3, 9), 8, at(1, 8, 8), mark(8, 3, 9))
	f("W never falls", mark(7, 3, 9), 5, at(1, 9, 9), mark(7, 3, 9))
	refuse := func(what string, now shard.Position) {
		t.Helper()
		if _, err := mark(7, 3, 9).Advance(9, now); !errors.Is(err, checkpoint.ErrTermChanged) {
			t.Errorf("%s: got %v, want ErrTermChanged", what, err)
		}
	}
	refuse("term rose", at(2, 9, 15))
	refuse("term fell", at(0, 9, 15))
	other := at(1, 9, 15)
	other.History = "x"
	refuse("history changed", other)
}

func TestRewrites(t *testing.T) {
	t.Parallel()
	f := func(what string, r checkpoint.Round, w shard.Window, want bool) {
		t.Helper()
		if got := r.Rewrites(w); got != want {
			t.Errorf("%s: %s: got %v, want %v", what, w, got, want)
		}
	}
	stream := checkpoint.Round{Mark: mark(7, 7, 7)}
	f("stream", stream, window(7, 20), false)
	baseline := checkpoint.Round{Mark: restored()}
	f("below S_max", baseline, window(10, 12), true)
	f("across S_max", baseline, window(13, 20), true)
	f("above S_max", baseline, window(14, 20), false)
	f("repeat", checkpoint.Round{Mark: mark(7, 7, 7), Repeat: true}, window(7, 20), true)
}

// A repeat that died half way is still a repeat when it is resumed: what is
// left of it may carry other content under equal versions (protocol 1.4).
func TestInterruptedRepeatIsStillARepeat(t *testing.T) {
	t.Parallel()
	r, err := mark(20, 5, 25).Begin(at(2, 22, 24))
	if err != nil || !r.Repeat {
		t.Fatalf("begin after a failover: got %+v, %v, want a repeat", r, err)
	}
	half, err := r.Mark.Advance(10, at(2, 30, 30))
	if err != nil {
		t.Fatal(err)
	}
	r, err = half.Begin(at(2, 40, 41))
	if err != nil || !r.Repeat || r.Window != window(10, 40) || !r.Rewrites(window(10, 24)) {
		t.Errorf("resumed: got %+v, %v, want a repeat of (10,40]", r, err)
	}
	whole, err := r.Mark.Advance(40, at(2, 41, 41))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = whole.Begin(at(2, 50, 50)); err != nil || r.Repeat {
		t.Errorf("after the repeat: got %+v, %v, want none", r, err)
	}
}

// A write that only the old primary held raised M and was lost with it. On an
// index that nobody writes to any more, and in a freeze nobody does, G never
// reaches that M: S must follow W all the same, or the round never settles.
func TestLostWriteDoesNotKeepSDown(t *testing.T) {
	t.Parallel()
	w, err := mark(-1, -1, -1).Advance(8, at(1, 8, 10))
	if err != nil {
		t.Fatal(err)
	}
	quiet := at(2, 8, 8)
	for range 2 {
		r, err := w.Begin(quiet)
		if err != nil {
			t.Fatal(err)
		}
		if w, err = r.Mark.Advance(r.Window.To, quiet); err != nil {
			t.Fatal(err)
		}
	}
	if w.W != 8 || w.S != 8 {
		t.Errorf("two quiet rounds after the failover: got W %d, S %d, want 8 and 8", w.W, w.S)
	}
}

// Without its restore recorded, nobody knows what a baseline holds: a round
// must not begin, and must not settle it.
func TestBaselineWithoutRestoreDoesNotBegin(t *testing.T) {
	t.Parallel()
	f := func(what string, w checkpoint.Watermark) {
		t.Helper()
		if r, err := w.Begin(at(1, 20, 20)); err == nil {
			t.Errorf("%s: got %+v, want an error", what, r)
		}
	}
	f("never recorded", checkpoint.BeforeSnapshot(at(1, 10, 12)))
	f("less than the snapshot must hold", checkpoint.BeforeSnapshot(at(1, 10, 12)).Restored(9))
}

// What both sides hold at a switch is settled where all of it is durable; else it
// settles with the first round, or is compared after a failover.
func TestAtSwitch(t *testing.T) {
	id := shard.ID{Index: "i"}
	f := func(p shard.Position, settled bool) {
		t.Helper()
		p.Shard, p.Term, p.History = id, 3, "h"
		w := checkpoint.AtSwitch(p)
		if w.W != max(p.Global, -1) || w.W0 != w.W || w.Settled() != settled {
			t.Errorf("%+v: got %+v, want W at the global checkpoint, settled %v", p, w, settled)
		}
		now := p
		now.Global, now.Max = p.Max+5, p.Max+5
		r, err := w.Begin(now)
		if err != nil || r.Window.From != w.W || r.Repeat || r.Mark.S != w.W {
			t.Errorf("%+v: got %+v, %v, want what came since, and all before it settled", p, r, err)
		}
		if !settled != r.Rewrites(shard.Window{Shard: id, From: w.W, To: p.Max}) && p.Max > w.W {
			t.Errorf("%+v: what the switch may hold is not written anew", p)
		}
		now.Term++
		_, err = w.Begin(now)
		var broken *checkpoint.BindingError
		if settled && err != nil || !settled && !errors.As(err, &broken) {
			t.Errorf("%+v, another term: got %v", p, err)
		}
	}
	f(shard.Position{Global: 10, Max: 10}, true)
	f(shard.Position{Global: -1, Max: -1}, true)
	f(shard.Position{Global: 7, Max: 10}, false)
	f(shard.Position{Global: -2, Max: -1}, false)
}
