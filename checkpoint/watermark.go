package checkpoint

import (
	"errors"
	"fmt"
	"strconv"

	"esferry/internal/shard"
)

// Unsettled is the settled mark of a restored baseline whose snapshot may
// still hold writes that a failover of the source would take back.
const Unsettled = -2

var (
	// ErrTermChanged is returned by Advance when the primary term rose during
	// the round: the round moves nothing, and the next one starts at S.
	ErrTermChanged = errors.New("the primary term changed during the round")
	// ErrBehind is returned by Begin when the primary's global checkpoint is
	// below the watermark but will catch up: a new primary may say so for a
	// moment. Ask again.
	ErrBehind = errors.New("the primary's global checkpoint is behind the watermark")
)

// BindingError says that a watermark no longer speaks of the shard it was
// taken from: the delta would be wrong, and the index must be reconciled, or
// carried anew (protocol 1.7).
type BindingError struct {
	// Shard whose watermark broke.
	Shard shard.ID
	// What broke, such as "history_uuid".
	What string
	// Was and Is are the recorded and the present value.
	Was, Is string
	// Final says that the index has to be carried anew; otherwise a reconcile
	// finds what the watermark can no longer tell (protocol 3).
	Final bool
}

// Error names both values.
func (e *BindingError) Error() string {
	return fmt.Sprintf("%s: the %s was %s at the last checkpoint and is %s now, so that the delta cannot be trusted", e.Shard, e.What, e.Was, e.Is)
}

// NextStep is printed on a line of its own.
func (e *BindingError) NextStep() string {
	if !e.Final {
		return "run esferry sync (with --reverse on the way back), which compares every document of index " + e.Shard.Index
	}
	return fmt.Sprintf("carry the index anew: esferry checkpoint reset %s, delete it on the target, then run again", e.Shard.Index)
}

// Watermark is how far one shard is carried, with all that is needed to know
// whether that still holds (protocol 1.3). A value: methods return a new one.
type Watermark struct {
	Shard shard.ID `json:"shard"`
	// Term and History of the source's primary at the last checkpoint.
	Term    int64  `json:"term"`
	History string `json:"history_uuid"`
	// W: every operation at or below it that will survive is on the target.
	W int64 `json:"w"`
	// S: like W, and no failover can bring anything back below it.
	S int64 `json:"s"`
	// M: the highest max_seq_no that may have hidden a document from a scan.
	M int64 `json:"m"`
	// W0 is W before the snapshot started; -1 on the stream path.
	W0 int64 `json:"w0"`
	// SMax is the restored shard's max_seq_no before the first write; -1 on
	// the stream path, and until the restore is done.
	SMax int64 `json:"s_max"`
	// RepeatTo ends the stretch that is carried again after a failover: up to
	// it, equal versions may carry other content. -1 before the first failover.
	RepeatTo int64 `json:"repeat_to"`
}

// Start gives the watermark of a shard that is carried by stream from its first
// operation on.
func Start(p shard.Position) Watermark {
	return Watermark{Shard: p.Shard, Term: p.Term, History: p.History, W: -1, S: -1, M: -1, W0: -1, SMax: -1, RepeatTo: -1}
}

// BeforeSnapshot gives the watermark to record before a snapshot starts: all
// at or below p's global checkpoint will be in it. A global checkpoint that is
// not assigned yet (-2) counts as none.
func BeforeSnapshot(p shard.Position) Watermark {
	w0 := max(p.Global, -1)
	return Watermark{Shard: p.Shard, Term: p.Term, History: p.History, W: w0, S: Unsettled, M: p.Max, W0: w0, SMax: -1, RepeatTo: -1}
}

// Restored records what the restored shard holds, before the first write to
// it: the baseline settles only over all of that.
func (w Watermark) Restored(sMax int64) Watermark {
	w.SMax = sMax
	w.M = max(w.M, sMax)
	return w
}

// AtSwitch gives the watermark of a way back: both sides hold the same and nobody
// writes, so that all which p's primary has numbered is on the other side already
// (protocol 4). Unless that is durable on every copy, it is as with a snapshot: a
// failover may take back what the other side holds.
func AtSwitch(p shard.Position) Watermark {
	w := BeforeSnapshot(p).Restored(p.Max)
	if p.Quiet() {
		w.S = w.W
	}
	return w
}

// Settled reports whether the baseline can no longer hold a write that a
// failover takes back.
func (w Watermark) Settled() bool { return w.S >= w.W0 }

// Round is what one round has to carry of one shard.
type Round struct {
	// Mark is the watermark the round starts from.
	Mark Watermark
	// Window is (W, G].
	Window shard.Window
	// Repeat says that the term changed, in this round or in an earlier one
	// whose repeat is not through: equal versions may carry other content, so
	// that they are written too (protocol 1.4).
	Repeat bool
}

// Begin decides from the primary's position, read first of all in a round,
// what the round carries (protocol 1.3). Of engines and durabilities that number
// operations before they are safe on disk it must be the fsynced position, as in
// every other call (S2.3.4).
//
// The round's mark is not to be stored: only what Advance makes of it is, since
// a failover between the reads of p's parts shows at Advance at the earliest.
func (w Watermark) Begin(p shard.Position) (Round, error) {
	if err := w.bound(p); err != nil {
		return Round{}, err
	}
	repeat := p.Term != w.Term
	if repeat {
		// All above S is scanned again, so that nothing can have hidden
		// anything from a scan that still counts. A write that was lost with
		// the old primary must not hold M up: without new writes G would never
		// reach it, and S never follow.
		w.W, w.M, w.Term = w.S, -1, p.Term
		w.RepeatTo = max(w.RepeatTo, p.Max)
	} else if p.Global >= w.M {
		w.S = max(w.S, w.W)
	}
	if p.Global < w.W {
		return Round{}, fmt.Errorf("%s: %w: %d, below %d", w.Shard, ErrBehind, p.Global, w.W)
	}
	return Round{
		Mark:   w,
		Window: shard.Window{Shard: w.Shard, From: w.W, To: p.Global},
		Repeat: repeat || w.W < w.RepeatTo,
	}, nil
}

// bound returns a *BindingError where the watermark does not speak of the shard
// that p was read from (protocol 1.7), or never spoke of its baseline.
func (w Watermark) bound(p shard.Position) error {
	switch {
	case w.SMax < w.W0:
		// A snapshot holds all that was durable before it began.
		return &BindingError{Shard: w.Shard, What: "highest sequence number of the baseline", Was: "at least " + strconv.FormatInt(w.W0, 10), Is: strconv.FormatInt(w.SMax, 10)}
	case p.History != w.History:
		return &BindingError{Shard: w.Shard, What: "history_uuid", Was: w.History, Is: p.History}
	case p.Max < w.W:
		return &BindingError{Shard: w.Shard, What: "highest sequence number", Was: strconv.FormatInt(w.W, 10), Is: strconv.FormatInt(p.Max, 10)}
	case p.Term < w.Term:
		return &BindingError{Shard: w.Shard, What: "primary term", Was: strconv.FormatInt(w.Term, 10), Is: strconv.FormatInt(p.Term, 10)}
	case p.Term != w.Term && !w.Settled():
		return &BindingError{Shard: w.Shard, What: "primary term before the restored baseline had settled", Was: strconv.FormatInt(w.Term, 10), Is: strconv.FormatInt(p.Term, 10)}
	default:
		return nil
	}
}

// Rewrites reports whether a window must be written with external_gte: it
// holds versions that the snapshot may hold with other content, or it is a
// repeat after a failover (protocol 1.4).
func (r Round) Rewrites(w shard.Window) bool {
	return r.Repeat || w.Overlaps(r.Mark.W0, r.Mark.SMax)
}

// Advance gives the watermark after every window at or below to is
// acknowledged. now must have been read after the last of these windows'
// scans was open: no operation above its max_seq_no can have hidden anything
// from them. With an error nothing moved: what was stored before still holds,
// and w is to be dropped.
func (w Watermark) Advance(to int64, now shard.Position) (Watermark, error) {
	if now.Term != w.Term || now.History != w.History {
		return w, fmt.Errorf("%s: %w: %d, then %d", w.Shard, ErrTermChanged, w.Term, now.Term)
	}
	w.W = max(w.W, to)
	w.M = max(w.M, now.Max)
	return w, nil
}
