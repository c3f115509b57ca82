package shard

import (
	"fmt"
	"math"
)

// ID names one primary shard of an index.
type ID struct {
	Index  string `json:"index"`
	Number int    `json:"shard"`
}

// String gives the shard as "index[number]", the form engines use in their logs.
func (id ID) String() string { return fmt.Sprintf("%s[%d]", id.Index, id.Number) }

// Window is the range (From, To] of sequence numbers in one shard: the unit of
// work, of parallelism, of resume and of every error message (protocol 1.2).
// The zero Window holds nothing.
type Window struct {
	Shard ID    `json:"shard"`
	From  int64 `json:"from"`
	To    int64 `json:"to"`
}

// All gives the window that holds every document of a shard, numbered or not:
// what is read of shards that keep no sequence numbers (protocol 3).
func All(id ID) Window { return Window{Shard: id, From: math.MinInt64, To: math.MaxInt64} }

// All reports whether the window holds every document of its shard.
func (w Window) All() bool { return w.From == math.MinInt64 && w.To == math.MaxInt64 }

// String gives the window as "index[number](from,to]", or "index[number](all]".
func (w Window) String() string {
	if w.All() {
		return w.Shard.String() + "(all]"
	}
	return fmt.Sprintf("%s(%d,%d]", w.Shard, w.From, w.To)
}

// Span is the count of sequence numbers in the window, an upper bound on its
// documents.
func (w Window) Span() int64 {
	if w.All() {
		return math.MaxInt64
	}
	return max(0, w.To-w.From)
}

// Overlaps reports whether the window shares a sequence number with (from, to].
func (w Window) Overlaps(from, to int64) bool { return max(w.From, from) < min(w.To, to) }

// Position is what a primary says about itself at one moment (protocol 1.1).
type Position struct {
	Shard ID `json:"shard"`
	// Term is the primary term from the cluster state; it rises at every
	// failover, restart, close and open.
	Term int64 `json:"term"`
	// Global is G: every operation at or below it is durable on all in-sync
	// copies. -1 before the first operation.
	Global int64 `json:"global_checkpoint"`
	// Max is the highest sequence number the primary has given out.
	Max int64 `json:"max_seq_no"`
	// Committed is the lowest local checkpoint that a commit of any started
	// copy holds: what survives even the loss of every translog.
	Committed int64 `json:"committed"`
	// History is the history_uuid of the primary.
	History string `json:"history_uuid"`
	// Node is the id of the node that holds the primary.
	Node string `json:"node"`
	// DocBytes is what a document takes in the primary's store, about; 0 where that
	// is not known.
	DocBytes int64 `json:"-"`
}

// Fsynced gives the position as it is where all that is not in a commit may be
// lost: operations count as durable once every copy has committed them (S2.3.4).
func (p Position) Fsynced() Position {
	p.Global = min(p.Global, p.Committed)
	return p
}

// Quiet reports whether nothing is in flight: all that the primary has
// numbered is durable on all in-sync copies.
func (p Position) Quiet() bool { return p.Global == p.Max }
