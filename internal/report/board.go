package report

import (
	"sync"
	"time"
)

// Board keeps what is going on in a ferry, for a screen: which indices are on
// their way, how far each is and how fast. Safe for concurrent use.
type Board struct {
	mu   sync.Mutex
	rows map[string]*row
	// indices that are to be carried, or were begun; true once one is done.
	indices map[string]bool
	// goals are the documents that a plan tells of.
	goals map[string]int64
	// lags are the operations outstanding after each index's last round.
	lags map[string]int64
	// meter of what was carried, once anything was: what is compared or looked at
	// besides goes into its row.
	meter   meter
	carried bool
	// began is when the first index of this lap did, latest when the last event was.
	began, latest time.Time
	writers, busy int64
}

// row is one index on its way, or one step of the ferry as a whole.
type row struct {
	name, phase string
	index       bool
	// open counts phases that have begun and not ended.
	open  int
	began time.Time
	meter meter
	// done of total are operations where they are numbered, and otherwise shards,
	// objects or bytes; a total of 0 is not known.
	done, total int64
	numbered    bool
	// docs of this round, by which an index without numbered operations is told.
	docs int64
}

var _ Observer = (*Board)(nil)

// NewBoard gives an empty one.
func NewBoard() *Board {
	return &Board{rows: map[string]*row{}, indices: map[string]bool{}, goals: map[string]int64{}, lags: map[string]int64{}}
}

// Observe implements Observer.
func (b *Board) Observe(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Time.After(b.latest) {
		b.latest = e.Time
	}
	switch e.Kind {
	case Planned:
		b.indices[e.Index], b.goals[e.Index] = false, e.Docs
	case PhaseBegun:
		b.begin(e)
	case PhaseEnded:
		b.end(e)
	case Progress:
		b.progress(e)
	case RoundEnded:
		b.round(e)
	case Committed:
		b.lags[e.Index] = e.Lag
	case Adapted:
		b.writers, b.busy = e.Done, e.Busy
	case Retried, Noted, Checked:
	}
}

// row gives the row that an event speaks of: its index's, or its phase's.
func (b *Board) row(e Event) *row {
	name, index := e.Index, true
	if name == "" {
		name, index = e.Phase, false
	}
	r := b.rows[name]
	if r == nil {
		r = &row{name: name, phase: e.Phase, index: index, began: e.Time}
		b.rows[name] = r
	}
	return r
}

func (b *Board) begin(e Event) {
	r := b.row(e)
	r.open++
	r.phase = e.Phase
	if !r.index {
		return
	}
	if b.over() {
		// All were done: this is another lap.
		clear(b.indices)
		clear(b.goals)
		b.began = e.Time
	}
	if b.began.IsZero() {
		b.began = e.Time
	}
	b.indices[e.Index] = false
}

// over reports whether every index is done.
func (b *Board) over() bool {
	for _, done := range b.indices {
		if !done {
			return false
		}
	}
	return len(b.indices) > 0
}

func (b *Board) end(e Event) {
	r := b.row(e)
	if r.open--; r.open <= 0 {
		delete(b.rows, r.name)
	}
	if r.index {
		b.indices[e.Index] = b.indices[e.Index] || r.open <= 0 && e.Message == ""
		return
	}
	// What a step of the ferry did with indices ends with it.
	for name, r := range b.rows {
		if r.index && r.open == 0 {
			delete(b.rows, name)
		}
	}
}

func (b *Board) progress(e Event) {
	r := b.row(e)
	switch {
	case e.TotalBytes > 0:
		r.meter.to(e.Time, 0, e.Bytes)
		r.done, r.total = e.Bytes, e.TotalBytes
	case e.Total > 0:
		r.meter.to(e.Time, 0, e.Bytes)
		r.done, r.total = e.Done, e.Total
	default:
		r.meter.add(e.Time, e.Docs, e.Bytes)
		b.meterAll(e)
		r.docs += e.Docs
		if e.Lag > 0 || r.total > 0 {
			r.numbered, r.total = true, max(r.total, e.Lag)
			r.done = max(r.total-e.Lag, min(r.docs, r.total))
		}
	}
}

// meterAll counts a document once: a look for deletes reads it again.
func (b *Board) meterAll(e Event) {
	carried := e.Phase == ""
	if carried && !b.carried {
		b.carried, b.meter = true, meter{}
	}
	if carried == b.carried {
		b.meter.add(e.Time, e.Docs, e.Bytes)
	}
}

// round closes a pass over an index: the next one has a length of its own.
func (b *Board) round(e Event) {
	b.lags[e.Index] = e.Lag
	r := b.rows[e.Index]
	switch {
	case r == nil:
	case r.open == 0:
		delete(b.rows, e.Index)
	default:
		r.docs, r.done, r.total, r.began = 0, 0, 0, e.Time
	}
}
