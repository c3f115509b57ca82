package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"esferry/internal/history"
)

const (
	// width of a lane, in units of its drawing.
	width = 1000.0
	// gap is what a break without work takes of it.
	gap = 14.0
	// thin is the least that a bar is wide, so that it is seen.
	thin = 1.5
	// quiet is the share of all work up to which a pause is drawn to scale.
	quiet = 0.08
	// breaks bounds how many pauses are told.
	breaks = 24
	// mostLanes bounds the indices that are drawn one by one.
	mostLanes = 40
	// ticks that a timeline has about.
	ticks = 6
	// label is the room that a tick's label takes.
	label = 110.0
)

// Timeline is what happened when, laid out.
type Timeline struct {
	From, To time.Time
	Lanes    []Lane
	Ticks    []Tick
	Breaks   []Bar
	// More is how many indices are not drawn one by one.
	More int
	// Kinds are those that occur, for the legend.
	Kinds []string
}

// Lane is one row of it.
type Lane struct {
	Name string
	// Index: it is one index's, not the ferry's.
	Index bool
	Bars  []Bar
}

// Bar is one thing that took time.
type Bar struct {
	// X and W are where it is drawn, of 1000.
	X, W float64
	// Y and H are smaller for what is a part of something else.
	Y, H int
	// Kind chooses its colour.
	Kind   string
	Title  string
	Failed bool
}

// Tick is a time on the axis.
type Tick struct {
	X     float64
	Label string
	// Left: it is so far to the right that its label stands to its left.
	Left bool
}

// Percent is X as a share of the width.
func (t Tick) Percent() float64 { return round(100 * t.X / width) }

// piece is a bar before it is laid out.
type piece struct {
	began, ended time.Time
	bar          Bar
}

type lane struct {
	name   string
	index  bool
	pieces []piece
}

// lay lays a report's history out.
func lay(r Report) Timeline {
	lanes, more := lanes(r)
	var t Timeline
	scale := scaleOf(lanes)
	if len(scale) == 0 {
		return t
	}
	kinds := map[string]bool{}
	for _, l := range lanes {
		out := Lane{Name: l.name, Index: l.index}
		for _, p := range l.pieces {
			x, end := scale.at(p.began), scale.at(p.ended)
			if p.bar.H == 0 {
				p.bar.Y, p.bar.H = 2, 12
			}
			p.bar.X, p.bar.W = round(min(x, width-thin)), round(max(thin, end-x))
			kinds[p.bar.Kind] = true
			out.Bars = append(out.Bars, p.bar)
		}
		t.Lanes = append(t.Lanes, out)
	}
	t.From, t.To, t.More = scale[0].from, scale[len(scale)-1].to, more
	t.Ticks, t.Breaks = scale.ticks(), scale.breaks()
	for _, kind := range order() {
		if kinds[kind] {
			t.Kinds = append(t.Kinds, kind)
		}
	}
	return t
}

// order of kinds in the legend.
func order() []string {
	return []string{"run", "snapshot", "copy", "restore", "stream", "round", "reconcile", "verify", "freeze", "other"}
}

// kindOf chooses the colour of a phase.
func kindOf(phase string) string {
	switch phase {
	case "snapshot", "copy", "restore", "reconcile", "verify":
		return phase
	case "await restore":
		return "restore"
	case "stream", "backfill", "catch up":
		return "stream"
	case "sync":
		return "round"
	default:
		return "other"
	}
}

// laneOf is the row of a phase of the ferry as a whole, whose colour it has. The
// steps of a last lap are the freeze's where writers were held back for them, and
// a rehearsal else.
func laneOf(phase string, blocked bool) (name, kind string) {
	switch phase {
	case "block writes", "look for new indices", "wait for quiet", "keep the way back", "put settings back", "switch aliases":
		return "freeze", "freeze"
	case "last round", "deletes", "count", "reconcile", "verify counts":
		if blocked {
			return "freeze", "freeze"
		}
		return "rehearsal", "round"
	default:
		return phase, kindOf(phase)
	}
}

// lanes gives the ferry's rows, then those of the indices that took longest.
func lanes(r Report) (out []lane, more int) {
	runs := lane{name: "runs"}
	ends := map[int]time.Time{}
	var phases []lane
	for _, run := range r.History.Runs {
		end := endOf(run, r)
		ends[run.Number] = end
		runs.pieces = append(runs.pieces, piece{run.Began, end, Bar{
			Kind: "run", Failed: slices.Contains([]string{"failed", "killed"}, outcome(run, r)), Title: fmt.Sprintf("run %d: %s, %s, %s", run.Number, run.Command, outcome(run, r), took(end.Sub(run.Began).Seconds())),
		}})
		blocked := false
		for _, s := range run.Spans.Entries {
			blocked = blocked || s.Phase == "block writes"
			name, kind := laneOf(s.Phase, blocked)
			p := pieceOf(s, end)
			p.bar.Kind = kind
			at := slices.IndexFunc(phases, func(l lane) bool { return l.name == name })
			if at < 0 {
				at, phases = len(phases), append(phases, lane{name: name})
			}
			phases[at].pieces = append(phases[at].pieces, p)
		}
	}
	if len(runs.pieces) == 0 {
		return nil, 0
	}
	slices.SortStableFunc(phases, func(a, b lane) int { return a.pieces[0].began.Compare(b.pieces[0].began) })
	out = append(append(out, runs), phases...)
	indices := indexLanes(r.History, ends)
	more = max(0, len(indices)-mostLanes)
	return append(out, indices[:len(indices)-more]...), more
}

// indexLanes gives a row an index, those that took longest first.
func indexLanes(h history.History, ends map[int]time.Time) []lane {
	var out []lane
	for name, ix := range h.Indices {
		l := lane{name: name, index: true}
		for _, s := range ix.Spans.Entries {
			end, kept := ends[s.Run]
			if s.Phase != "sync" && (kept || s.Ended) {
				l.pieces = append(l.pieces, pieceOf(s, end))
			}
		}
		for _, d := range ix.Rounds.Entries {
			l.pieces = append(l.pieces, piece{d.Ended.Add(-duration(d.Seconds)), d.Ended, Bar{
				Kind: "round", Y: 5, H: 6, Title: fmt.Sprintf("round: %s documents, %s deletes in %s, lag %s", number(d.Documents), number(d.Deleted), took(d.Seconds), number(d.Lag)),
			}})
		}
		if len(l.pieces) > 0 {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b lane) int { return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.name, b.name)) })
	return out
}

func (l lane) total() (sum time.Duration) {
	for _, p := range l.pieces {
		sum += p.ended.Sub(p.began)
	}
	return sum
}

func pieceOf(s history.Span, runEnd time.Time) piece {
	p := piece{began: s.Began, ended: runEnd, bar: Bar{Kind: kindOf(s.Phase), Failed: s.Failed != "" || !s.Ended}}
	how := "not ended"
	if s.Ended {
		p.ended, how = s.Began.Add(duration(s.Seconds)), took(s.Seconds)
	}
	if p.ended.Before(p.began) {
		p.ended = p.began
	}
	p.bar.Title = s.Phase + ": " + how
	if s.Failed != "" {
		p.bar.Title += ", " + s.Failed
	}
	return p
}

// endOf is when a run ended; of one that was killed, when it last told.
func endOf(run history.Run, r Report) time.Time {
	end := run.Ended
	if end.IsZero() && outcome(run, r) == "running" {
		end = r.Made
	}
	if end.IsZero() {
		end = run.Seen
	}
	if end.Before(run.Began) {
		end = run.Began
	}
	return end
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// stretch is a time with work in it, and where it is drawn.
type stretch struct {
	from, to time.Time
	x, w     float64
}

// scale maps times to places, leaving out what lies between stretches.
type scale []stretch

// scaleOf finds the stretches of all pieces, and shares the width out.
func scaleOf(lanes []lane) scale {
	var all []piece
	for _, l := range lanes {
		all = append(all, l.pieces...)
	}
	slices.SortFunc(all, func(a, b piece) int { return a.began.Compare(b.began) })
	merged := merge(all, 0)
	var work time.Duration
	for _, s := range merged {
		work += s.to.Sub(s.from)
	}
	near := max(2*time.Second, time.Duration(quiet*float64(work)))
	out := merge(all, near)
	for len(out) > breaks {
		near *= 2
		out = merge(all, near)
	}
	return out.spread()
}

// merge joins pieces that are not further apart.
func merge(sorted []piece, near time.Duration) scale {
	var out scale
	for _, p := range sorted {
		if n := len(out); n > 0 && p.began.Sub(out[n-1].to) <= near {
			if p.ended.After(out[n-1].to) {
				out[n-1].to = p.ended
			}
			continue
		}
		out = append(out, stretch{from: p.began, to: p.ended})
	}
	return out
}

func (s scale) spread() scale {
	var total time.Duration
	for _, one := range s {
		total += one.to.Sub(one.from)
	}
	room, x := width-gap*float64(len(s)-1), 0.0
	for i := range s {
		share := 1 / float64(len(s))
		if total > 0 {
			share = float64(s[i].to.Sub(s[i].from)) / float64(total)
		}
		s[i].x, s[i].w = x, room*share
		x += s[i].w + gap
	}
	return s
}

// at gives a time's place.
func (s scale) at(t time.Time) float64 {
	for _, one := range s {
		if t.After(one.to) {
			continue
		}
		length := one.to.Sub(one.from)
		if length == 0 {
			return one.x
		}
		return one.x + one.w*max(0, float64(t.Sub(one.from))/float64(length))
	}
	last := s[len(s)-1]
	return last.x + last.w
}

// ticks are round times within the stretches, and where each begins.
func (s scale) ticks() (out []Tick) {
	var total time.Duration
	for _, one := range s {
		total += one.to.Sub(one.from)
	}
	step := stepOf(total / ticks)
	last, day := math.Inf(-1), ""
	for _, one := range s {
		for t := one.from; !t.After(one.to); t = t.Truncate(step).Add(step) {
			x := s.at(t)
			left := x > width-label
			if x-last < label || left && x-last < 2*label {
				continue
			}
			format := "15:04"
			if step < time.Minute {
				format = "15:04:05"
			}
			last = x
			if date := t.UTC().Format("01-02 "); date != day {
				// Such a label is longer.
				format, day, last = "01-02 "+format, date, x+label/2
			}
			out = append(out, Tick{X: round(x), Label: t.UTC().Format(format), Left: left})
		}
	}
	return out
}

func stepOf(d time.Duration) time.Duration {
	for _, seconds := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
		if step := duration(seconds); d <= step {
			return step
		}
	}
	return 7 * 24 * time.Hour
}

// breaks are the pauses that are left out.
func (s scale) breaks() (out []Bar) {
	for i := 1; i < len(s); i++ {
		out = append(out, Bar{
			X: round(s[i-1].x + s[i-1].w), W: gap,
			Title: "nothing for " + took(s[i].from.Sub(s[i-1].to).Seconds()),
		})
	}
	return out
}

// round gives no more digits than a drawing needs.
func round(x float64) float64 { return math.Round(x*10) / 10 }
