package live

import (
	"slices"
	"strings"
	"sync"
	"time"

	"esferry/internal/report"
)

// kept is how many messages are held; older ones are counted only.
const kept = 40

// Message is something that an operator should read.
type Message struct {
	Time  time.Time `json:"time"`
	Kind  string    `json:"kind"`
	Where string    `json:"where,omitempty"`
	Text  string    `json:"text"`
}

// Doing is a phase that is under way.
type Doing struct {
	Phase string    `json:"phase"`
	Index string    `json:"index,omitempty"`
	Since time.Time `json:"since"`
	// Done and Total count its units, where they are known.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
}

// Totals is what this process has moved, and met, so far.
type Totals struct {
	// Documents and Bytes that were read and written; bytes include those of a
	// repository's copy.
	Documents int64 `json:"docs"`
	Bytes     int64 `json:"bytes"`
	// Retries of anything.
	Retries int64 `json:"retries"`
}

// Feed folds a ferry's events. Nobody waits for whoever looks at it: Observe
// takes a lock that is held for as long as a few assignments take. Safe for
// concurrent use.
type Feed struct {
	mu       sync.Mutex
	totals   Totals
	messages []Message
	// gone counts the messages that were dropped for newer ones.
	gone  int64
	doing map[string]*Doing
	// copied are the bytes that phases with a total have reported.
	copied map[string]int64
}

var _ report.Observer = (*Feed)(nil)

// NewFeed gives an empty one.
func NewFeed() *Feed { return &Feed{doing: map[string]*Doing{}, copied: map[string]int64{}} }

// Observe implements report.Observer.
func (f *Feed) Observe(e report.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := e.Phase + "/" + e.Index
	switch e.Kind {
	case report.PhaseBegun:
		f.doing[key] = &Doing{Phase: e.Phase, Index: e.Index, Since: e.Time}
	case report.PhaseEnded:
		delete(f.doing, key)
		delete(f.copied, key)
		if e.Message != "" {
			f.tell(e, "stopped")
		}
	case report.Progress:
		f.progress(e, key)
	case report.Retried:
		f.totals.Retries++
		f.tell(e, "tries again")
	case report.Noted:
		f.tell(e, "note")
	case report.RoundEnded, report.Committed, report.Adapted:
	}
}

// progress adds what was moved: documents of windows, which come by the page, and
// a copy's bytes, of which each event tells the sum.
func (f *Feed) progress(e report.Event, key string) {
	if d := f.doing[key]; d != nil && e.Total > 0 {
		d.Done, d.Total = e.Done, e.Total
	}
	switch {
	case e.Total > 0 && e.Phase == "copy":
		f.totals.Bytes += max(0, e.Bytes-f.copied[key])
		f.copied[key] = e.Bytes
	case e.Phase == "":
		f.totals.Documents += e.Docs
		f.totals.Bytes += e.Bytes
	}
}

func (f *Feed) tell(e report.Event, kind string) {
	where := strings.TrimSpace(e.Phase + " " + e.Index)
	m := Message{Time: e.Time, Kind: kind, Where: where, Text: e.Message}
	// One error ends a phase, the one around it, and the work.
	if n := len(f.messages); n > 0 && f.messages[n-1].Kind == kind && f.messages[n-1].Text == m.Text {
		return
	}
	if len(f.messages) == kept {
		f.messages = slices.Delete(f.messages, 0, 1)
		f.gone++
	}
	f.messages = append(f.messages, m)
}

// Totals gives what was moved so far.
func (f *Feed) Totals() Totals {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.totals
}

// now gives what is under way, longest first, and the messages, newest first.
func (f *Feed) now() (doing []Doing, messages []Message, gone int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	doing = make([]Doing, 0, len(f.doing))
	for _, d := range f.doing {
		doing = append(doing, *d)
	}
	slices.SortFunc(doing, func(a, b Doing) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Phase+a.Index, b.Phase+b.Index)
	})
	messages = append([]Message{}, f.messages...)
	slices.Reverse(messages)
	return doing, messages, f.gone
}
