package ferry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/report"
	"esferry/internal/retry"
)

const (
	// heedEvery is how often the source is asked for its health while it is read:
	// the nodes work their statistics out for about as long.
	heedEvery = 3 * time.Second
	// leastShare is what a brake leaves to readers: a source that is busy for days
	// is still read, slowly.
	leastShare = 1.0 / 32
	// moreShare is what they get back after each look that finds nothing.
	moreShare = 1.0 / 8
)

// Brake says when the source has enough to do; 0 does not look.
type Brake struct {
	// SearchQueue is how many searches may wait on a node. Where it is set,
	// searches that a node turns away count too.
	SearchQueue int64
	// CPU of a node's machine, in percent.
	CPU float64
}

// Pace is how fast the source is read, and what holds it back.
type Pace struct {
	batch.PaceState
	// Braked tells what of the source's health holds the readers back.
	Braked string `json:"braked,omitempty"`
}

// Pace gives the present one. Safe for concurrent use.
func (f *Ferry) Pace() Pace {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Pace{PaceState: f.pace.State(), Braked: f.braked}
}

// Pause lets no document be read from the source any more until Resume; what
// was read is still written. It is refused during the freeze. Safe for
// concurrent use.
func (f *Ferry) Pause() error { return f.pace.Pause() }

// Resume lets readers go on. Safe for concurrent use.
func (f *Ferry) Resume() { f.pace.Resume() }

// SetRates changes the bounds of this process, from now on. Safe for concurrent
// use.
func (f *Ferry) SetRates(r batch.Rates) { f.pace.Set(r) }

// unbound lifts the bounds for the freeze, which begins when a paused ferry is
// resumed.
func (f *Ferry) unbound(ctx context.Context) (restore func(), err error) {
	if f.pace.State().Paused {
		f.note(report.Event{Kind: report.Noted, Message: "the ferry is paused: the freeze begins after esferry ctl resume"})
	}
	return f.pace.Lift(ctx)
}

// Heed holds readers back while the source has enough to do, until ctx ends,
// and then returns nil. It looks only while the source is being read.
func (f *Ferry) Heed(ctx context.Context) error {
	bounds := f.options.Stream.Brake
	if bounds == (Brake{}) {
		return nil
	}
	var seen int64
	var before []cluster.Load
	heard := false
	for retry.Sleep(ctx, heedEvery) == nil {
		now := f.pace.State()
		reading := now.Requests > seen && !now.Lifted
		seen = now.Requests
		if !reading && now.Share == 1 {
			before = nil
			continue
		}
		loads, err := f.loads(ctx)
		late := errors.Is(err, context.DeadlineExceeded)
		if err != nil && !late && !retry.Retryable(err) {
			if ctx.Err() == nil {
				f.hold(1, "")
				f.note(report.Event{Kind: report.Noted, Message: "the source's health cannot be heeded, stream.brake does nothing: " + err.Error()})
			}
			return nil
		}
		var why string
		switch {
		case err == nil:
			why = bounds.over(before, loads)
			before, heard = loads, true
		case heard:
			// Who told before and no longer does has too much to do.
			why = "its nodes do not tell how they are any more"
		}
		f.hold(shareAfter(now.Share, why != ""), why)
	}
	return nil
}

// loads asks for the source's load, and does not wait for long.
func (f *Ferry) loads(ctx context.Context) ([]cluster.Load, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*heedEvery)
	defer cancel()
	return f.source.Loads(ctx)
}

// hold sets the brake, and says so when it grips and when it lets go.
func (f *Ferry) hold(share float64, why string) {
	f.mu.Lock()
	gripped := f.braked != ""
	switch {
	case share == 1:
		f.braked = ""
	case why != "":
		f.braked = why
	}
	grips := f.braked != ""
	f.mu.Unlock()
	f.pace.Brake(share)
	switch {
	case grips && !gripped:
		f.note(report.Event{Kind: report.Noted, Message: "reading yields to the source's own work: " + why})
	case gripped && !grips:
		f.note(report.Event{Kind: report.Noted, Message: "reading no longer yields: the source has room"})
	}
}

// over tells what of the loads is over the bounds; "" for nothing. A node that
// was started anew counts its rejections from the beginning.
func (b Brake) over(before, now []cluster.Load) string {
	rejected := map[string]int64{}
	for _, l := range before {
		rejected[l.Node] = l.Rejected
	}
	for _, l := range now {
		was, known := rejected[l.Node]
		switch {
		case b.SearchQueue > 0 && l.Queued > b.SearchQueue:
			return fmt.Sprintf("node %s has %d searches waiting, over stream.brake.search_queue (%d)", l.Node, l.Queued, b.SearchQueue)
		case b.SearchQueue > 0 && known && l.Rejected > was:
			return fmt.Sprintf("node %s has turned %d searches away", l.Node, l.Rejected-was)
		case b.CPU > 0 && float64(l.CPU) > b.CPU:
			return fmt.Sprintf("the CPU of node %s is at %d%%, over stream.brake.cpu (%g%%)", l.Node, l.CPU, b.CPU)
		}
	}
	return ""
}

// shareAfter is how a brake moves: half at a time when the source is busy, back
// by small steps.
func shareAfter(share float64, over bool) float64 {
	if over {
		return max(share/2, leastShare)
	}
	return min(share+moreShare, 1)
}
