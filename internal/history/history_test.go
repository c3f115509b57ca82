package history_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/internal/history"
	"esferry/internal/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a store that a test reads, and that fails when it is to.
type shelf struct {
	records map[string][]byte
	commits int
	failing bool
}

func (s *shelf) commit(records []checkpoint.Record) error {
	if s.failing {
		return errors.New("the disk is full")
	}
	s.commits++
	for _, r := range records {
		if r.Value == nil {
			delete(s.records, r.Key)
		} else {
			s.records[r.Key] = r.Value
		}
	}
	return nil
}

// put commits something of the ferry's own, and the history with it.
func (s *shelf) put(t *testing.T, l *history.Log) {
	t.Helper()
	if err := l.Along([]checkpoint.Record{{Key: "f/ferry", Value: []byte("{}")}}, s.commit); err != nil && !s.failing {
		t.Fatal(err)
	}
}

// Store methods beside List are not asked for.
type reading struct {
	checkpoint.Store
	shelf *shelf
}

func (r reading) List(_ context.Context, prefix string) (out []checkpoint.Record, err error) {
	for key, value := range r.shelf.records {
		if strings.HasPrefix(key, prefix) {
			out = append(out, checkpoint.Record{Key: key, Value: value})
		}
	}
	slices.SortFunc(out, func(a, b checkpoint.Record) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func load(t *testing.T, s *shelf) history.History {
	t.Helper()
	h, err := history.Load(t.Context(), reading{shelf: s}, "f")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func begun(phase, index string) report.Event {
	return report.Event{Kind: report.PhaseBegun, Time: time.Now(), Phase: phase, Index: index}
}

func ended(phase, index string, err string) report.Event {
	return report.Event{Kind: report.PhaseEnded, Time: time.Now(), Phase: phase, Index: index, Seconds: 2, Message: err}
}

func round(index string, lag int64) report.Event {
	return report.Event{Kind: report.RoundEnded, Time: time.Now(), Index: index, Seconds: 1, Lag: lag}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	a, err := json.Marshal(got)
	b, other := json.Marshal(want)
	if err != nil || other != nil || string(a) != string(b) {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
}

func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{records: map[string][]byte{}}
		l := history.NewLog("f", load(t, s), history.Run{Host: "h", PID: 1, Began: time.Now().UTC()})
		l.Sign("esferry run", "v1")
		l.Observe(begun("snapshot", ""))
		l.Observe(begun("stream", "users"))
		s.put(t, l)
		l.Observe(ended("snapshot", "", ""))
		l.Observe(report.Event{Kind: report.Noted, Time: time.Now(), Index: "users", Message: "dropped"})
		l.Observe(report.Event{Kind: report.Noted, Time: time.Now(), Index: "users", Message: "dropped"})
		s.put(t, l)
		// Killed: what is told from here on is lost, and the run has no end.
		l.Observe(ended("stream", "users", ""))
		h := load(t, s)
		if r := h.Runs[0]; r.Command != "esferry run" || r.Version != "v1" || !r.Ended.IsZero() || r.Seen.IsZero() || len(r.Notes.Entries) != 1 || !r.Spans.Entries[0].Ended || h.Indices["users"].Spans.Entries[0].Ended {
			t.Errorf("got %+v", h)
		}

		time.Sleep(time.Hour)
		l = history.NewLog("f", h, history.Run{PID: 2, Began: time.Now().UTC()})
		if now := l.History(); len(now.Runs) != 1 {
			t.Errorf("a run in which nothing happened is told: %+v", now.Runs)
		}
		l.Observe(begun("stream", "users"))
		l.Observe(ended("stream", "users", "no room"))
		l.End(errors.New("stream users: no room"))
		s.put(t, l)
		h = load(t, s)
		if len(h.Runs) != 2 || h.Runs[1].Number != 2 || h.Runs[1].Ended.IsZero() || h.Runs[1].Failed == "" {
			t.Errorf("got %+v", h.Runs)
		}
		if spans := h.Indices["users"].Spans.Entries; len(spans) != 2 || spans[0].Ended || spans[0].Run != 1 || !spans[1].Ended || spans[1].Failed != "no room" || spans[1].Run != 2 {
			t.Errorf("got %+v", spans)
		}
		same(t, l.History(), h)
	})
}

// TestNothingHappened: asking leaves no trace.
func TestNothingHappened(t *testing.T) {
	s := &shelf{records: map[string][]byte{}}
	l := history.NewLog("f", load(t, s), history.Run{})
	l.Sign("esferry plan", "v1")
	l.Observe(report.Event{Kind: report.Progress, Index: "users", Docs: 1})
	l.Wrote("users", history.Work{})
	l.End(nil)
	if err := l.Along(nil, s.commit); err != nil || s.commits > 0 {
		t.Errorf("got %d commits (%v), want none", s.commits, err)
	}
}

func TestRounds(t *testing.T) {
	s := &shelf{records: map[string][]byte{}}
	l := history.NewLog("f", load(t, s), history.Run{})
	l.Wrote("users", history.Work{Documents: 5, Requests: 1})
	l.Wrote("users", history.Work{Documents: 2, Rejected: 1, Requests: 1})
	l.Observe(round("users", 9))
	// Deletes are looked up after the round that did not see them.
	l.Wrote("users", history.Work{Deleted: 3})
	for range 4 {
		l.Observe(round("users", 0))
	}
	l.Wrote("users", history.Work{Documents: 1, Requests: 1})
	l.Observe(round("users", 0))
	s.put(t, l)
	got := load(t, s).Indices["users"]
	if got.Count != 6 || got.Seconds != 6 || got.Work != (history.Work{Documents: 8, Rejected: 1, Deleted: 3, Requests: 3}) {
		t.Errorf("got %+v", got)
	}
	rounds := got.Rounds.Entries
	if len(rounds) != 3 || rounds[0].Work != (history.Work{Documents: 7, Rejected: 1, Deleted: 3, Requests: 2}) || rounds[0].Lag != 9 || rounds[1].Idle != 4 || rounds[2].Documents != 1 {
		t.Errorf("got %+v", rounds)
	}
}

// TestACommitThatFails keeps what it was to make durable for the next one.
func TestACommitThatFails(t *testing.T) {
	s := &shelf{records: map[string][]byte{}, failing: true}
	l := history.NewLog("f", load(t, s), history.Run{})
	l.Observe(begun("snapshot", ""))
	l.Observe(round("users", 1))
	s.put(t, l)
	s.failing = false
	s.put(t, l)
	same(t, load(t, s), l.History())
	before := s.commits
	if err := l.Along(nil, s.commit); err != nil || s.commits != before {
		t.Errorf("what is durable was committed again (%v)", err)
	}
}

// TestBounds lets a ferry run for years.
func TestBounds(t *testing.T) {
	s := &shelf{records: map[string][]byte{}}
	const nights = 130
	for night := range nights {
		l := history.NewLog("f", load(t, s), history.Run{})
		l.Sign(fmt.Sprint("night ", night), "v1")
		for i := range 30 {
			l.Observe(begun("reconcile", "users"))
			l.Wrote("users", history.Work{Documents: 1})
			l.Observe(round("users", int64(i)))
			l.Observe(ended("reconcile", "users", strings.Repeat("ü", 999)))
			l.Observe(report.Event{Kind: report.Noted, Message: fmt.Sprint("note ", i)})
		}
		l.End(nil)
		s.put(t, l)
	}
	h := load(t, s)
	if len(h.Runs) != 100 || h.Left != nights-100 || h.Runs[0].Command != "night 0" || h.Runs[99].Command != "night 129" || h.Runs[10].Number != 41 {
		t.Errorf("got %d runs, %d left out, the first %q, the last %q", len(h.Runs), h.Left, h.Runs[0].Command, h.Runs[len(h.Runs)-1].Command)
	}
	ix := h.Indices["users"]
	if ix.Count != 30*nights || ix.Documents != 30*nights || len(ix.Rounds.Entries) != 12 || ix.Rounds.Left != 30*nights-12 || ix.Rounds.Entries[0].Lag != 0 || ix.Rounds.Entries[11].Lag != 29 {
		t.Errorf("got %d rounds of %d, %d left out", len(ix.Rounds.Entries), ix.Count, ix.Rounds.Left)
	}
	if size := len(s.records["f/history/index/users"]); size > 16<<10 {
		t.Errorf("an index's history has %d bytes", size)
	}
}

func TestLaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := history.NewLog("f", history.History{}, history.Run{})
		l.Wrote("users", history.Work{Documents: 100})
		if err := l.Lap(func() error {
			l.Wrote("users", history.Work{Documents: 7})
			l.Wrote("logs", history.Work{Deleted: 2})
			time.Sleep(3 * time.Second)
			return l.Lap(func() error { return nil })
		}); err != nil {
			t.Fatal(err)
		}
		if err := l.Lap(func() error { return errors.New("no") }); err == nil {
			t.Error("got no error")
		}
		laps := l.History().Runs[0].Laps.Entries
		if len(laps) != 1 || laps[0].Seconds != 3 || laps[0].Work != (history.Work{Documents: 7, Deleted: 2}) {
			t.Errorf("got %+v", laps)
		}
	})
}

// TestOnTheRealStore writes from many goroutines and reads it all back.
func TestOnTheRealStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	store, err := boltstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := store.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := history.NewLog("f", history.History{}, history.Run{})
	commit := func(records []checkpoint.Record) error { return store.Commit(t.Context(), lease, records...) }
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				l.Wrote(fmt.Sprint("index-", i%4), history.Work{Documents: 1})
				l.Observe(round(fmt.Sprint("index-", i%4), 0))
				if err := l.Along(nil, commit); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	h, err := history.Load(t.Context(), store, "f")
	if err != nil {
		t.Fatal(err)
	}
	same(t, h, l.History())
	if h.Indices["index-3"].Count != 40 {
		t.Errorf("got %+v", h.Indices["index-3"])
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func laps(all ...history.Lap) []history.Run {
	var r history.Run
	r.Laps.Entries = all
	return []history.Run{r}
}

func lap(seconds float64, docs int64) history.Lap {
	return history.Lap{Seconds: seconds, Work: history.Work{Documents: docs}}
}

func TestPredict(t *testing.T) {
	f := func(runs []history.Run, outstanding int64, want history.Downtime) {
		t.Helper()
		got := history.Predict(runs, outstanding, []string{"block writes", "switch aliases"})
		got.Seconds, got.GiveOrTake = float64(int(got.Seconds*100+0.5))/100, float64(int(got.GiveOrTake*100+0.5))/100
		if got.Known != want.Known || (got.Why == "") != want.Known || got.Known && (got.Seconds != want.Seconds || got.GiveOrTake != want.GiveOrTake || got.Laps != want.Laps || !slices.Equal(got.NotMeasured, want.NotMeasured)) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	both := []string{"block writes", "switch aliases"}
	f(nil, 0, history.Downtime{})
	f(laps(lap(2, 0), lap(2, 0)), 0, history.Downtime{})
	// What always took as long will take as long.
	f(laps(lap(2, 10), lap(2, 10), lap(2, 10)), 500, history.Downtime{Known: true, Seconds: 2, Laps: 3, NotMeasured: both})
	// One odd lap widens the spread, and moves nothing.
	f(laps(lap(2, 0), lap(9, 0), lap(2, 0), lap(3, 0)), 0, history.Downtime{Known: true, Seconds: 2.5, GiveOrTake: 6.5, Laps: 4, NotMeasured: both})
	// A second, and a millisecond for each document.
	f(laps(lap(2, 1000), lap(3, 2000), lap(5, 4000)), 3000, history.Downtime{Known: true, Seconds: 4, Laps: 3, NotMeasured: both})
	// Laps that take less for more work have no slope.
	f(laps(lap(3, 100), lap(2, 200), lap(1, 300)), 900, history.Downtime{Known: true, Seconds: 2, GiveOrTake: 1, Laps: 3, NotMeasured: both})
	// Nights that carry a million documents say nothing about a freeze, and a
	// freeze with a million nothing that was seen.
	f(laps(lap(600, 1e6), lap(610, 1e6), lap(590, 1e6), lap(2, 0)), 100, history.Downtime{})
	f(laps(lap(2, 10), lap(2, 20), lap(2, 30)), 1e6, history.Downtime{})

	// Steps count where they succeeded; one that was taken once is half of it off.
	runs := laps(lap(2, 0), lap(2, 0), lap(2, 0))
	step := func(phase string, seconds float64, failed string) {
		runs[0].Spans.Entries = append(runs[0].Spans.Entries, history.Span{Phase: phase, Seconds: seconds, Ended: true, Failed: failed})
	}
	step("block writes", 4, "")
	step("block writes", 99, "timed out")
	f(runs, 0, history.Downtime{Known: true, Seconds: 6, GiveOrTake: 2, Laps: 3, NotMeasured: both[1:]})
	step("block writes", 2, "")
	step("switch aliases", 0.5, "")
	f(runs, 0, history.Downtime{Known: true, Seconds: 5.5, GiveOrTake: 1.25, Laps: 3})
}

// TestPredictNeverRaves holds any history against what a prediction must be.
func TestPredictNeverRaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []history.Lap
		longest := 0.0
		for range rapid.IntRange(0, 30).Draw(t, "laps") {
			l := lap(rapid.Float64Range(0, 1000).Draw(t, "seconds"), rapid.Int64Range(0, 20000).Draw(t, "docs"))
			all, longest = append(all, l), max(longest, l.Seconds)
		}
		got := history.Predict(laps(all...), rapid.Int64Range(0, 1000).Draw(t, "outstanding"), nil)
		if got.Known == (got.Why != "") || got.Seconds < 0 || got.GiveOrTake < 0 || got.Laps > 10 || got.Known && len(all) < 3 {
			t.Errorf("got %+v", got)
		}
		if got.Known && got.Seconds > 2*longest+1 {
			t.Errorf("got %g s, where no lap took more than %g s", got.Seconds, longest)
		}
	})
}
