package sink

import (
	"fmt"

	"esferry/internal/batch"
)

// Result counts the verdicts on a batch's documents.
type Result struct {
	// Applied documents are on the target now.
	Applied int64 `json:"applied"`
	// Replayed documents were there already under the same version.
	Replayed int64 `json:"replayed"`
	// Superseded documents have changed again on the source; a later window
	// brings what became of them.
	Superseded int64 `json:"superseded"`
	// Repaired documents had been deleted and made anew with a lower version.
	Repaired int64 `json:"repaired"`
	// Rejected documents were refused by the target for good.
	Rejected int64 `json:"rejected"`
	// Requests is the count of bulk requests sent.
	Requests int64 `json:"requests"`
	// Busy is the count of times the target was too busy for an item or a request.
	Busy int64 `json:"busy"`
}

// Documents is the sum of all verdicts.
func (r Result) Documents() int64 {
	return r.Applied + r.Replayed + r.Superseded + r.Repaired + r.Rejected
}

// Add gives the sum of two results.
func (r Result) Add(o Result) Result {
	return Result{
		Applied: r.Applied + o.Applied, Replayed: r.Replayed + o.Replayed, Superseded: r.Superseded + o.Superseded,
		Repaired: r.Repaired + o.Repaired, Rejected: r.Rejected + o.Rejected, Requests: r.Requests + o.Requests, Busy: r.Busy + o.Busy,
	}
}

// repaired adds what a repair applied.
func (r Result) repaired(o Result) Result {
	r.Repaired += o.Applied
	r.Requests += o.Requests
	r.Rejected += o.Rejected
	return r
}

// Rejection is a document that the target refuses for good, and why.
type Rejection struct {
	// SourceIndex is where the document comes from, Index where it was refused.
	SourceIndex, Index string
	Doc                batch.Doc
	Reason             string
}

// RejectedError stops a run at a document that the target refuses.
type RejectedError struct {
	Index, ID, Reason string
}

// Error names index, document and reason.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("index %s: the target rejects document %s: %s", e.Index, e.ID, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *RejectedError) NextStep() string {
	return "correct the target's mapping or the document on the source, or set stream.on_reject: dead_letter, then run again; it resumes"
}
