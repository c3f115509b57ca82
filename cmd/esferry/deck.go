package main

import (
	"cmp"
	"context"
	"slices"

	"esferry/checkpoint"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/history"
	"esferry/internal/live"
	"esferry/internal/report"
	"esferry/sink"
)

// most bounds the indices that a page shows at once: those with the most to do.
const most = 300

// deck is the ferry as the live page shows and steers it.
type deck struct {
	steering
	config  *config.Config
	lookout *ferry.Lookout
	feed    *live.Feed
}

var _ live.Subject = (*deck)(nil)

// board gives the deck its ferry.
func (d *deck) board(f *ferry.Ferry, feed *live.Feed) {
	d.steering, d.lookout, d.feed = steering{ferry: f}, ferry.NewLookout(f), feed
}

// shown is what the page shows of a ferry.
type shown struct {
	Name  string       `json:"name"`
	Sides []ferry.Side `json:"sides"`
	// Indices with the most to do; Carried counts all, and Ahead those that are
	// kept up or switched.
	Indices []shownIndex `json:"indices"`
	Carried int          `json:"carried"`
	Ahead   int          `json:"ahead"`
	// Following: a cutover can be asked for. A ferry that was started again looks
	// around first, with everything carried.
	Following bool           `json:"following"`
	Checklist []ferry.Check  `json:"checklist"`
	Pace      *ferry.Pace    `json:"pace"`
	Writers   *sink.Pace     `json:"writers"`
	Cutover   *ferry.Attempt `json:"cutover"`
	Freeze    *ferry.Freeze  `json:"freeze"`
	Blocked   []string       `json:"blocked"`
	// Downtime is what a freeze would take now.
	Downtime *history.Downtime `json:"downtime,omitempty"`
}

// shownIndex is what the page shows of an index.
type shownIndex struct {
	Index    string        `json:"index"`
	Target   string        `json:"target"`
	Path     ferry.Path    `json:"path"`
	Phase    ferry.Phase   `json:"phase"`
	Shards   int           `json:"shards"`
	Lag      int64         `json:"lag"`
	Applied  int64         `json:"applied"`
	Deleted  int64         `json:"deleted"`
	Rejected int64         `json:"rejected"`
	Counts   *ferry.Counts `json:"counts"`
}

// View implements live.Subject.
func (d *deck) View(context.Context) live.View {
	s := d.ferry.Status()
	v := live.View{}
	out := shown{
		Name: s.Name, Sides: d.lookout.Sides(),
		Carried: len(s.Indices), Following: d.ferry.Following(), Checklist: d.lookout.Checklist(), Pace: s.Pace, Writers: s.Writers,
		Cutover: s.Cutover, Freeze: s.Freeze, Blocked: s.Blocked, Downtime: s.Downtime,
	}
	slices.SortStableFunc(s.Indices, func(a, b ferry.IndexRecord) int {
		return cmp.Or(cmp.Compare(ahead(a), ahead(b)), cmp.Compare(b.Lag, a.Lag))
	})
	out.Indices = make([]shownIndex, 0, min(most, len(s.Indices)))
	for i, r := range s.Indices {
		v.Lag += r.Lag
		out.Ahead += ahead(r)
		if i < most {
			out.Indices = append(out.Indices, shownIndex{
				Index: r.Index, Target: r.Target, Path: r.Path, Phase: r.Phase, Shards: len(r.Marks), Lag: r.Lag,
				Applied: r.Written.Applied + r.Written.Repaired, Deleted: r.Deleted, Rejected: r.Written.Rejected, Counts: r.Counts,
			})
		}
	}
	v.Ferry = out
	return v
}

// ahead is 1 for an index that needs nothing but to be kept up.
func ahead(r ferry.IndexRecord) int {
	if r.Phase == ferry.Current || r.Phase == ferry.Switched {
		return 1
	}
	return 0
}

// Shards implements live.Subject.
func (d *deck) Shards(index string) (any, bool) {
	for _, r := range d.ferry.Status().Indices {
		if r.Index == index {
			return append([]checkpoint.Watermark{}, r.Marks...), true
		}
	}
	return nil, false
}

// Ready implements live.Subject.
func (d *deck) Ready() error { return d.lookout.Ready() }

// running gives the figures for Prometheus.
func (d *deck) running() report.Running {
	s, totals := d.ferry.Status(), d.feed.Totals()
	r := report.Running{
		Ferry: s.Name, Documents: totals.Documents, Bytes: totals.Bytes, Retries: totals.Retries,
		Requests: s.Pace.Requests, Share: s.Pace.Share, Busy: s.Writers.Busy, Writers: s.Writers.Writers,
		Ready: d.lookout.Ready() == nil, Blocked: len(s.Blocked), Checks: map[string]bool{},
	}
	if s.Pace.Paused {
		r.Share = 0
	}
	if s.Freeze != nil {
		r.FreezeSeconds = &s.Freeze.Seconds
	}
	for _, c := range d.lookout.Checklist() {
		r.Checks[c.Name] = c.OK
	}
	for _, side := range d.lookout.Sides() {
		r.Sides = append(r.Sides, report.RunningSide{Side: side.Name, Answered: side.Answered, Well: side.Fault == "" && !side.Answered.IsZero()})
	}
	for _, i := range s.Indices {
		r.Indices = append(r.Indices, runningIndex(i))
	}
	return r
}

func runningIndex(i ferry.IndexRecord) report.RunningIndex {
	out := report.RunningIndex{Phase: string(i.Phase), JobIndex: report.JobIndex{
		Index: i.Index, Lag: i.Lag, Applied: i.Written.Applied + i.Written.Repaired, Deleted: i.Deleted, Rejected: i.Written.Rejected,
	}}
	for _, m := range i.Marks {
		out.Watermarks = append(out.Watermarks, m.W)
	}
	if c := i.Counts; c != nil {
		out.Counted, out.SourceDocs, out.TargetDocs, out.Equal, out.Moving = c.At, c.Source, c.Target, c.Equal, c.Moving
	}
	return out
}
