package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"esferry/checkpoint"
	"esferry/internal/report"
)

// How much is kept. An index's record is rewritten with each of its commits, and
// with each export of the store, so that it stays within a few KiB; a run's is
// rewritten far less often.
const (
	firstRuns, lastRuns         = 10, 90
	firstRunSpans, lastRunSpans = 30, 70
	firstSpans, lastSpans       = 6, 8
	firstRounds, lastRounds     = 1, 11
	lastLaps                    = 24
	firstNotes                  = 300
	// longest is how many bytes of an error or a remark are kept.
	longest = 600
	// seenEvery is how often a run's sign of life is renewed.
	seenEvery = 10 * time.Second
)

// Log is the history of a ferry while a process adds to it. Safe for concurrent
// use.
type Log struct {
	name string

	mu sync.Mutex
	// before are the runs of earlier processes, run is this one's.
	before []Run
	run    Run
	// told: something has happened in it.
	told    bool
	indices map[string]*Index
	// dirty are the indices, and "" for the run, that are not committed yet.
	dirty map[string]bool
	// gone are the runs that are kept no longer; committing guards it.
	gone []int
	// work of all indices since the lap began.
	work Work
	// lapping counts the laps that are under way.
	lapping int
	// committing keeps commits in the order in which their records were made.
	committing sync.Mutex
}

var _ report.Observer = (*Log)(nil)

// History is all that is kept of a ferry.
type History struct {
	// Runs, oldest first.
	Runs []Run `json:"runs"`
	// Left is how many runs are not kept.
	Left int `json:"left_out,omitempty"`
	// Indices by their names.
	Indices map[string]Index `json:"indices"`
}

func runsKey(name string) string       { return name + "/history/run/" }
func runKey(name string, n int) string { return fmt.Sprintf("%s%06d", runsKey(name), n) }
func indicesKey(name string) string    { return name + "/history/index/" }

// Load reads what the store holds of a ferry's history.
func Load(ctx context.Context, store checkpoint.Store, name string) (History, error) {
	h := History{Runs: []Run{}, Indices: map[string]Index{}}
	runs, err := store.List(ctx, runsKey(name))
	if err != nil {
		return h, fmt.Errorf("list the runs of ferry %s: %w", name, err)
	}
	for _, r := range runs {
		var run Run
		if err := json.Unmarshal(r.Value, &run); err != nil {
			return h, fmt.Errorf("decode %s: %w", r.Key, err)
		}
		h.Runs = append(h.Runs, run)
	}
	indices, err := store.List(ctx, indicesKey(name))
	if err != nil {
		return h, fmt.Errorf("list the history of the indices of ferry %s: %w", name, err)
	}
	for _, r := range indices {
		var index Index
		if err := json.Unmarshal(r.Value, &index); err != nil {
			return h, fmt.Errorf("decode %s: %w", r.Key, err)
		}
		h.Indices[index.Index] = index
	}
	return h.counted(), nil
}

// counted tells how many runs are missing.
func (h History) counted() History {
	if n := len(h.Runs); n > 0 {
		h.Left = h.Runs[n-1].Number - n
	}
	return h
}

// NewLog goes on with a ferry's history; run is what this process does.
func NewLog(name string, before History, run Run) *Log {
	l := &Log{name: name, before: before.Runs, run: run, indices: map[string]*Index{}, dirty: map[string]bool{}}
	l.run.Number = 1
	if n := len(before.Runs); n > 0 {
		l.run.Number = before.Runs[n-1].Number + 1
	}
	if excess := len(before.Runs) + 1 - firstRuns - lastRuns; excess > 0 {
		for _, r := range l.before[firstRuns : firstRuns+excess] {
			l.gone = append(l.gone, r.Number)
		}
		l.before = slices.Concat(l.before[:firstRuns], l.before[firstRuns+excess:])
	}
	for name, index := range before.Indices {
		l.indices[name] = &index
	}
	return l
}

// Observe implements report.Observer: it keeps what is to be known later, and
// passes over all else.
func (l *Log) Observe(e report.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case report.PhaseBegun:
		l.begun(e)
	case report.PhaseEnded:
		l.ended(e)
	case report.RoundEnded:
		l.round(e)
	case report.Noted, report.Checked:
		l.note(e)
	case report.Planned, report.Progress, report.Committed, report.Retried, report.Adapted:
	}
}

// Wrote tells what an index's record has gained.
func (l *Log) Wrote(index string, w Work) {
	if w == (Work{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ix := l.index(index)
	ix.Work, l.work = ix.Work.Plus(w), l.work.Plus(w)
	if w.Documents == 0 && w.Requests == 0 && len(ix.Rounds.Entries) > 0 && ix.open == (Work{}) {
		// What was deleted belongs to the round before, which did not see it.
		last := &ix.Rounds.Entries[len(ix.Rounds.Entries)-1]
		last.Work, last.Idle = last.Work.Plus(w), 0
		return
	}
	ix.open = ix.open.Plus(w)
}

// Verified keeps what a comparison of an index found.
func (l *Log) Verified(index string, v Verified) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index(index).Verified = &v
}

// Lap does a pass over all indices, and keeps what it took where it succeeds. A
// lap within a lap belongs to the outer one.
func (l *Log) Lap(do func() error) error {
	began := time.Now()
	l.mu.Lock()
	before := l.work
	l.lapping++
	l.mu.Unlock()
	err := do()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lapping--; err != nil || l.lapping > 0 {
		return err
	}
	w := l.work
	w = Work{Documents: w.Documents - before.Documents, Rejected: w.Rejected - before.Rejected, Deleted: w.Deleted - before.Deleted, Requests: w.Requests - before.Requests}
	l.run.Laps.add(Lap{Began: began.UTC(), Seconds: time.Since(began).Seconds(), Work: w}, 0, lastLaps)
	l.touch("")
	return nil
}

// End closes the run with the error that it ended with, nil for none.
func (l *Log) End(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.Ended = time.Now().UTC()
	switch {
	case errors.Is(err, context.Canceled):
		l.run.Failed = Interrupted
	case err != nil:
		l.run.Failed = short(err.Error())
	}
	if l.told {
		l.dirty[""] = true
	}
}

// Along commits records, and along with them what has changed of the history.
// What could not be committed stays to be.
func (l *Log) Along(records []checkpoint.Record, commit func(records []checkpoint.Record) error) error {
	l.committing.Lock()
	defer l.committing.Unlock()
	more, dirty, err := l.pending()
	if err != nil {
		return err
	}
	if len(records)+len(more) == 0 {
		return nil
	}
	if err := commit(slices.Concat(records, more)); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		maps.Copy(l.dirty, dirty)
		return err
	}
	if dirty[""] {
		l.gone = nil
	}
	return nil
}

// pending gives the records that have changed, and whose they are. The caller
// holds committing.
func (l *Log) pending() ([]checkpoint.Record, map[string]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().UTC(); l.told && now.Sub(l.run.Seen) >= seenEvery {
		l.run.Seen, l.dirty[""] = now, true
	}
	var out []checkpoint.Record
	for _, name := range slices.Sorted(maps.Keys(l.dirty)) {
		key, v := runKey(l.name, l.run.Number), any(l.run)
		if name != "" {
			key, v = indicesKey(l.name)+name, l.indices[name]
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, nil, fmt.Errorf("encode %s: %w", key, err)
		}
		out = append(out, checkpoint.Record{Key: key, Value: value})
	}
	if l.dirty[""] {
		for _, n := range l.gone {
			out = append(out, checkpoint.Record{Key: runKey(l.name, n)})
		}
	}
	dirty := l.dirty
	l.dirty = map[string]bool{}
	return out, dirty, nil
}

// Sign says what this run does, and by which version.
func (l *Log) Sign(command, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.Command, l.run.Version = command, version
}

// History gives all that is kept, as it is now.
func (l *Log) History() History {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := History{Runs: slices.Clone(l.before), Indices: make(map[string]Index, len(l.indices))}
	if l.told {
		run := l.run
		run.Spans.Entries, run.Laps.Entries = slices.Clone(run.Spans.Entries), slices.Clone(run.Laps.Entries)
		run.Notes.Entries = slices.Clone(run.Notes.Entries)
		h.Runs = append(h.Runs, run)
	}
	for name, ix := range l.indices {
		index := *ix
		index.Spans.Entries, index.Rounds.Entries = slices.Clone(index.Spans.Entries), slices.Clone(index.Rounds.Entries)
		h.Indices[name] = index
	}
	return h.counted()
}

// touch marks an index, or "" for the run, as changed.
func (l *Log) touch(index string) {
	l.dirty[index] = true
	if !l.told {
		l.told, l.dirty[""] = true, true
	}
}

func (l *Log) index(name string) *Index {
	if l.indices[name] == nil {
		l.indices[name] = &Index{Index: name}
	}
	l.touch(name)
	return l.indices[name]
}

func (l *Log) begun(e report.Event) {
	s := Span{Phase: e.Phase, Run: l.run.Number, Began: e.Time.UTC()}
	if e.Index == "" {
		l.run.Spans.add(s, firstRunSpans, lastRunSpans)
		l.touch("")
		return
	}
	l.index(e.Index).Spans.add(s, firstSpans, lastSpans)
}

func (l *Log) ended(e report.Event) {
	spans := l.run.Spans.Entries
	if e.Index != "" {
		spans = l.index(e.Index).Spans.Entries
	}
	l.touch(e.Index)
	for i := len(spans) - 1; i >= 0; i-- {
		if s := &spans[i]; s.Phase == e.Phase && s.Run == l.run.Number && !s.Ended {
			s.Seconds, s.Ended, s.Failed = e.Seconds, true, short(e.Message)
			return
		}
	}
}

func (l *Log) round(e report.Event) {
	ix := l.index(e.Index)
	r := Round{Run: l.run.Number, Ended: e.Time.UTC(), Seconds: e.Seconds, Work: ix.open, Lag: e.Lag}
	ix.open, ix.Count, ix.Seconds = Work{}, ix.Count+1, ix.Seconds+e.Seconds
	if r.Work == (Work{}) {
		r.Idle = 1
		if n := len(ix.Rounds.Entries); n > 0 && ix.Rounds.Entries[n-1].Idle > 0 {
			r.Idle += ix.Rounds.Entries[n-1].Idle
			ix.Rounds.Entries[n-1] = r
			return
		}
	}
	ix.Rounds.add(r, firstRounds, lastRounds)
}

func (l *Log) note(e report.Event) {
	n := Note{At: e.Time.UTC(), Index: e.Index, Message: short(e.Message)}
	for _, was := range l.run.Notes.Entries {
		if was.Index == n.Index && was.Message == n.Message {
			return
		}
	}
	l.run.Notes.add(n, firstNotes, 0)
	l.touch("")
}

// short cuts a text that is too long to be kept.
func short(text string) string {
	if len(text) <= longest {
		return text
	}
	cut := longest
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "..."
}
