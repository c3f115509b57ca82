package report

import (
	"time"

	"esferry/internal/shard"
)

// Kind of an event; a string, so that JSON lines stay readable.
type Kind string

// The kinds of events.
const (
	// Planned says that an index is to be carried; Docs of it, where they were
	// counted.
	Planned Kind = "planned"
	// PhaseBegun and PhaseEnded frame a phase of the ferry, or of an index.
	PhaseBegun Kind = "phase_begun"
	PhaseEnded Kind = "phase_ended"
	// Progress is some units of a phase done: documents, shards or objects.
	Progress Kind = "progress"
	// RoundEnded closes one pass over an index; Lag is what is outstanding.
	RoundEnded Kind = "round_ended"
	// Committed says that watermarks are durable.
	Committed Kind = "committed"
	// Retried says that something is tried again, and why.
	Retried Kind = "retried"
	// Adapted says how many bulk requests the target gets at once: Done, of Total
	// at most, each of Bytes at most; Busy counts those it had no room for so far.
	Adapted Kind = "adapted"
	// Checked is what one check before a cutover found.
	Checked Kind = "checked"
	// Noted is a remark for the operator: dropped settings, kept templates.
	Noted Kind = "noted"
)

// Event is one thing that happened. Only fields that apply are set.
type Event struct {
	Time   time.Time    `json:"time"`
	Kind   Kind         `json:"type"`
	Phase  string       `json:"phase,omitempty"`
	Index  string       `json:"index,omitempty"`
	Window shard.Window `json:"window,omitzero"`
	// Done and Total count the phase's units.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
	Docs  int64 `json:"docs,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	Amount
	// Lag is the count of operations outstanding: of the index, or with Progress of
	// the round.
	Lag     int64   `json:"lag,omitempty"`
	Busy    int64   `json:"busy,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Message string  `json:"message,omitempty"`
}

// Amount is how much a snapshot or a restore consists of; its bytes so far are
// the event's.
type Amount struct {
	Files      int64 `json:"files,omitempty"`
	TotalFiles int64 `json:"total_files,omitempty"`
	TotalBytes int64 `json:"total_bytes,omitempty"`
}

// Observer hears of events, from many goroutines. Observe must not block; a
// nil Observer in options is fine.
type Observer interface {
	Observe(e Event)
}
