package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"esferry/internal/batch"
	"esferry/internal/digest"
	"esferry/internal/reconcile"
	"esferry/internal/shard"
	"esferry/internal/verify"
	"esferry/internal/workers"
	"esferry/sink"
)

// Errand is what another process does for the one that leads: just one of these.
type Errand struct {
	// SourceCluster and TargetCluster are the ferry's own.
	SourceCluster string       `json:"source_cluster"`
	TargetCluster string       `json:"target_cluster"`
	Carry         *CarryErrand `json:"carry,omitempty"`
	Copy          *CopyErrand  `json:"copy,omitempty"`
	Count         *CountErrand `json:"count,omitempty"`
	Look          *LookErrand  `json:"look,omitempty"`
}

// CarryErrand is a window to carry; Carried answers it.
type CarryErrand struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	// Alias of the target that this one worker writes through.
	Alias string `json:"alias"`
	Typing
	Query      json.RawMessage  `json:"query,omitempty"`
	Docs       int64            `json:"docs"`
	Window     shard.Window     `json:"window"`
	Position   shard.Position   `json:"position"`
	Versioning batch.Versioning `json:"versioning"`
}

// Carried is what became of a window: every document has its verdict.
type Carried struct {
	Written sink.Result `json:"written"`
	Bytes   int64       `json:"bytes"`
}

// CountErrand is a window of one side to take the digests of; Counted answers it.
type CountErrand struct {
	Side   reconcile.Side `json:"side"`
	Index  string         `json:"index"`
	Target string         `json:"target"`
	Typing
	Query   json.RawMessage `json:"query,omitempty"`
	Content bool            `json:"content"`
	Sample  float64         `json:"sample"`
	// Sketch is wanted, too.
	Sketch   bool           `json:"sketch,omitempty"`
	Window   shard.Window   `json:"window"`
	Position shard.Position `json:"position"`
}

// Counted is what a window of one side holds.
type Counted struct {
	Tally  *verify.Tally  `json:"tally"`
	Sketch *verify.Sketch `json:"sketch,omitempty"`
	// Docs and Bytes that were read, the sample among them.
	Docs  int64 `json:"docs"`
	Bytes int64 `json:"bytes"`
}

// add tells of one document, by the hash of its key and its own.
func (c Counted) add(key, document digest.Hash) {
	c.Tally.Add(key, document)
	if c.Sketch != nil {
		c.Sketch.Add(key, document)
	}
}

// merge tells of what another window holds.
func (c Counted) merge(o Counted) {
	c.Tally.Merge(o.Tally)
	if c.Sketch != nil {
		c.Sketch.Merge(o.Sketch)
	}
}

// send has a worker do an errand, and decodes its answer. Where refused is true the
// worker has not done it, as err says: others are to do it.
func (f *Ferry) send(ctx context.Context, hand *workers.Hand, e Errand, answer any) (refused bool, err error) {
	e.SourceCluster, e.TargetCluster = f.source.Identity().UUID, f.target.Identity().UUID
	text, err := json.Marshal(e)
	if err != nil {
		return false, fmt.Errorf("encode what a worker is asked: %w", err)
	}
	given, err := hand.Do(ctx, text)
	if err == nil {
		if err = json.Unmarshal(given, answer); err == nil {
			return false, nil
		}
		err = &workers.FailedError{Worker: hand.Worker(), Reason: err.Error()}
	}
	_, lost := errors.AsType[*workers.LostError](err)
	_, failed := errors.AsType[*workers.FailedError](err)
	return lost || failed, err
}
