package checkpoint_test

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"esferry/checkpoint"
	"esferry/internal/shard"
)

// drawMark draws a watermark that a ferry could have come to.
func drawMark(t *rapid.T) checkpoint.Watermark {
	p := at(rapid.Int64Range(1, 3).Draw(t, "term"), 0, 0)
	p.Max = rapid.Int64Range(-1, 40).Draw(t, "max")
	p.Global = rapid.Int64Range(-1, p.Max).Draw(t, "global")
	w := checkpoint.Start(p)
	if rapid.Bool().Draw(t, "by snapshot") {
		w = checkpoint.BeforeSnapshot(p).Restored(rapid.Int64Range(max(p.Global, -1), p.Max).Draw(t, "s_max"))
	}
	return w
}

// TestAlgebra walks a watermark through rounds over a primary that writes, fails
// over and loses what was not durable (protocol 1.3). Whatever happens: the mark
// names no operation that the primary does not hold, S never passes W and falls
// never, W falls to S only with a new term, a round is what lies between W and G,
// and what is stored and read again is the same.
func TestAlgebra(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawMark(t)
		p := at(w.Term, max(w.W, -1), max(w.W, w.M, w.SMax, -1))
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			p = moved(t, p)
			before := w
			round, err := w.Begin(p)
			if err != nil {
				mustBeTold(t, w, p, err)
				return
			}
			mustBeOneStep(t, before, round, p)
			to := rapid.Int64Range(round.Window.From, round.Window.To).Draw(t, "acknowledged")
			now := moved(t, p)
			next, err := round.Mark.Advance(to, now)
			if now.Term != round.Mark.Term {
				if !errors.Is(err, checkpoint.ErrTermChanged) {
					t.Fatalf("%+v advanced over a new term %d: %+v, %v", round.Mark, now.Term, next, err)
				}
				// Nothing is stored, and the next round begins from what was.
				p = now
				continue
			}
			if err != nil || next.W != max(round.Mark.W, to) || next.S != round.Mark.S || next.M < now.Max {
				t.Fatalf("advance %+v to %d at %+v: got %+v, %v", round.Mark, to, now, next, err)
			}
			if twice, err := next.Advance(to, now); err != nil || twice != next {
				t.Fatalf("advanced twice: got %+v, then %+v, %v", next, twice, err)
			}
			w, p = kept(t, next), now
		}
	})
}

// moved is the primary a while later: more operations, more of them durable, or
// another primary that has lost what was not.
func moved(t *rapid.T, p shard.Position) shard.Position {
	if rapid.IntRange(0, 4).Draw(t, "failover") == 0 {
		p.Term++
		p.Max = rapid.Int64Range(p.Global, p.Max).Draw(t, "what is left")
	}
	p.Max += rapid.Int64Range(0, 5).Draw(t, "writes")
	p.Global = rapid.Int64Range(p.Global, p.Max).Draw(t, "durable")
	return p
}

// mustBeTold: a round is refused only for what may not be trusted.
func mustBeTold(t *rapid.T, w checkpoint.Watermark, p shard.Position, err error) {
	var broken *checkpoint.BindingError
	switch {
	case errors.As(err, &broken) && (p.Max < w.W || p.Term < w.Term || p.Term != w.Term && !w.Settled() || w.SMax < w.W0):
	case errors.Is(err, checkpoint.ErrBehind) && p.Global < w.W:
	default:
		t.Fatalf("%+v refuses %+v: %v", w, p, err)
	}
}

func mustBeOneStep(t *rapid.T, before checkpoint.Watermark, round checkpoint.Round, p shard.Position) {
	m := round.Mark
	switch {
	case round.Window != (shard.Window{Shard: before.Shard, From: m.W, To: p.Global}):
		t.Fatalf("%+v at %+v: got the window %s", before, p, round.Window)
	case m.W > p.Global || m.S > m.W:
		t.Fatalf("%+v at %+v: got %+v", before, p, m)
	case m.S < before.S || m.W != before.W && (p.Term == before.Term || m.W != before.S):
		t.Fatalf("%+v at %+v: got %+v", before, p, m)
	case m.S > before.S && p.Global < before.M:
		t.Fatalf("%+v at %+v settled to %d below what may have hidden documents", before, p, m.S)
	case p.Term != before.Term && !round.Repeat:
		t.Fatalf("%+v at %+v: a new term is no repeat", before, p)
	}
}

// kept is what a store gives back.
func kept(t *rapid.T, w checkpoint.Watermark) (again checkpoint.Watermark) {
	text, err := json.Marshal(w)
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if err != nil || again != w {
		t.Fatalf("%+v was stored as %s and read as %+v, %v", w, text, again, err)
	}
	return again
}

// FuzzWatermark reads any record: what it says is used without a crash, and
// written as what reads the same.
func FuzzWatermark(f *testing.F) {
	f.Add([]byte(`{"shard":{"index":"i","shard":0},"term":3,"history_uuid":"h","w":7,"s":-2,"m":9,"w0":7,"s_max":12,"repeat_to":-1}`), int64(3), int64(9), int64(12))
	f.Add([]byte(`{"w":9223372036854775807,"s":-9223372036854775808}`), int64(0), int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, record []byte, term, global, highest int64) {
		var w checkpoint.Watermark
		if json.Unmarshal(record, &w) != nil {
			return
		}
		p := shard.Position{Shard: w.Shard, Term: term, History: w.History, Global: global, Max: highest}
		round, err := w.Begin(p)
		if err == nil {
			round.Rewrites(round.Window)
			round.Window.Cut([]shard.Bucket{{From: global, Docs: 5}, {From: highest, Docs: 5}}, 3)
			if next, err := round.Mark.Advance(round.Window.To, p); err == nil && next.W < round.Mark.W {
				t.Errorf("%s advanced from %d back to %d", record, round.Mark.W, next.W)
			}
		}
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var again checkpoint.Watermark
		if err := json.Unmarshal(text, &again); err != nil || again != w {
			t.Errorf("%s was written as %s and read as %+v, %v", record, text, again, err)
		}
	})
}
