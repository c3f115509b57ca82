package history

import "time"

// Engine is one side's cluster.
type Engine struct {
	// Product is elasticsearch or opensearch, Version that of the node that answered.
	Product string `json:"product"`
	Version string `json:"version"`
	Name    string `json:"cluster_name"`
	UUID    string `json:"cluster_uuid"`
}

// String gives product and version.
func (e Engine) String() string { return e.Product + " " + e.Version }

// Run is one process's work on a ferry.
type Run struct {
	// Number counts the runs of a ferry from 1.
	Number  int       `json:"run"`
	Command string    `json:"command"`
	Version string    `json:"version"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Began   time.Time `json:"began"`
	// Seen is when the process last left a sign of life, at most seenEvery before
	// its last commit.
	Seen time.Time `json:"seen"`
	Ending
	// Source and Target are the engines it met.
	Source Engine `json:"source"`
	Target Engine `json:"target"`
	// Spans are phases of the ferry as a whole, freeze steps among them.
	Spans Kept[Span] `json:"spans"`
	// Laps are passes over all indices at once.
	Laps Kept[Lap] `json:"laps"`
	// Notes are what operators were told: what was dropped, kept or refused.
	Notes Kept[Note] `json:"notes"`
}

// Interrupted is what a run failed with that somebody ended.
const Interrupted = "interrupted"

// Ending is how a run ended.
type Ending struct {
	// Ended is zero while it goes on, and for a process that was killed.
	Ended time.Time `json:"ended,omitzero"`
	// Failed is the error that it ended with; empty for none.
	Failed string `json:"failed,omitempty"`
}

// Span is one phase. It belongs to the run of its number.
type Span struct {
	Phase string    `json:"phase"`
	Run   int       `json:"run"`
	Began time.Time `json:"began"`
	// Seconds it took, once it has ended.
	Seconds float64 `json:"seconds"`
	Ended   bool    `json:"ended"`
	Failed  string  `json:"failed,omitempty"`
}

// Work is what was written to the target.
type Work struct {
	// Documents that were written, found there already or refused.
	Documents int64 `json:"documents"`
	Rejected  int64 `json:"rejected,omitempty"`
	Deleted   int64 `json:"deleted"`
	// Requests is the count of bulk requests.
	Requests int64 `json:"requests"`
}

// Plus gives both together.
func (w Work) Plus(o Work) Work {
	return Work{Documents: w.Documents + o.Documents, Rejected: w.Rejected + o.Rejected, Deleted: w.Deleted + o.Deleted, Requests: w.Requests + o.Requests}
}

// Round is one pass over an index.
type Round struct {
	Run   int       `json:"run"`
	Ended time.Time `json:"ended"`
	// Seconds it took, without the look for deletes.
	Seconds float64 `json:"seconds"`
	// Work of the round, and the deletes that were looked up after it.
	Work
	// Lag is the count of operations that were outstanding after it.
	Lag int64 `json:"lag"`
	// Idle counts the rounds in a row up to this one that found nothing to do: only
	// the last of them is kept.
	Idle int64 `json:"idle,omitempty"`
}

// Lap is one pass over all indices: their rounds, the look for deletes, and the
// counts. What it took is by the clock on the wall, all indices together.
type Lap struct {
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Work
}

// Note is one remark.
type Note struct {
	At time.Time `json:"at"`
	// Index that it is about; empty for the ferry as a whole.
	Index   string `json:"index,omitempty"`
	Message string `json:"message"`
}

// Index is the history of one index.
type Index struct {
	Index  string      `json:"index"`
	Spans  Kept[Span]  `json:"spans"`
	Rounds Kept[Round] `json:"rounds"`
	// Work of all rounds, those that are not kept included, and their seconds.
	Work
	Seconds float64 `json:"seconds"`
	// Count of all rounds.
	Count int64 `json:"count"`
	// Verified is the last comparison of all its documents; nil where none was made.
	Verified *Verified `json:"verified,omitempty"`
	// open is work that no round has been told of yet.
	open Work
}

// Verified is what a comparison by ids or contents found.
type Verified struct {
	At    time.Time `json:"at"`
	Level string    `json:"level"`
	// Sample is the share of documents that was compared.
	Sample float64 `json:"sample"`
	Source Sum     `json:"source"`
	Target Sum     `json:"target"`
	Equal  bool    `json:"equal"`
	// Moving: the source has taken writes that were not carried yet.
	Moving      bool  `json:"moving"`
	Differences int64 `json:"differences"`
}

// Sum is how many documents were compared, and their digest.
type Sum struct {
	Docs   int64  `json:"docs"`
	Digest string `json:"digest"`
}

// Kept is a list of which the first and the last entries are kept.
type Kept[T any] struct {
	Entries []T `json:"entries"`
	// Left is how many there were in between.
	Left int64 `json:"left_out,omitempty"`
}

// add keeps an entry, of at most so many first and last ones.
func (k *Kept[T]) add(entry T, first, last int) {
	if len(k.Entries) >= first+last {
		k.Left++
		if last == 0 {
			return
		}
		k.Entries = append(k.Entries[:first:first], k.Entries[first+1:]...)
	}
	k.Entries = append(k.Entries, entry)
}
