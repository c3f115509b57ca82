package history

import (
	"cmp"
	"math"
	"slices"
)

const (
	// fewest laps that a prediction is made from, most that it looks at.
	fewest, most = 3, 10
	// apart is how many times more work a lap may have had than the one that is
	// predicted, or less: beyond that it says nothing about it.
	apart = 10
	// little is the work that all laps up to it count as alike.
	little = 1000
)

// Downtime is how long writers would be held back if the cutover's freeze began
// now.
type Downtime struct {
	// Known: enough was measured. Else Why tells what is missing.
	Known bool   `json:"known"`
	Why   string `json:"why_not,omitempty"`
	// Seconds, give or take so many.
	Seconds    float64 `json:"seconds,omitempty"`
	GiveOrTake float64 `json:"give_or_take,omitempty"`
	// Laps is how many laps it is made from.
	Laps int `json:"from_laps,omitempty"`
	// NotMeasured are steps of the freeze that no attempt has reached yet: they are
	// not in Seconds.
	NotMeasured []string `json:"not_measured,omitempty"`
}

// Predict tells from the last laps, and from the freeze's fixed steps in all runs,
// how long a freeze would take with so many operations outstanding.
//
// A lap takes some time, and more for each document: the slope is the median of
// the slopes between any two laps (Theil and Sen), so that one odd lap moves
// nothing. The spread is the most that one of these laps was off, and that a step
// was off its median; of a step that was taken once it is half of it.
func Predict(runs []Run, outstanding int64, steps []string) Downtime {
	laps, why := alike(runs, outstanding)
	if why != "" {
		return Downtime{Why: why}
	}
	slope := slopeOf(laps)
	rest := make([]float64, len(laps))
	for i, l := range laps {
		rest[i] = max(0, l.Seconds-slope*l.size())
	}
	base := median(rest)
	d := Downtime{Known: true, Seconds: base + slope*float64(outstanding), Laps: len(laps), GiveOrTake: spread(rest, base)}
	for _, step := range steps {
		took := taken(runs, step)
		if len(took) == 0 {
			d.NotMeasured = append(d.NotMeasured, step)
			continue
		}
		m := median(took)
		d.Seconds += m
		if len(took) == 1 {
			d.GiveOrTake += m / 2
		} else {
			d.GiveOrTake += spread(took, m)
		}
	}
	return d
}

// size is what a lap's time depends on.
func (l Lap) size() float64 { return float64(l.Documents + l.Deleted) }

// alike gives the last laps whose work can be compared with what is outstanding,
// or why there are too few.
func alike(runs []Run, outstanding int64) (laps []Lap, why string) {
	for _, r := range runs {
		laps = append(laps, r.Laps.Entries...)
	}
	laps = laps[max(0, len(laps)-most):]
	if len(laps) < fewest {
		return nil, "fewer than three passes over all indices were made: run esferry sync, three times in a row"
	}
	limit := float64(apart * max(outstanding, little))
	laps = slices.DeleteFunc(slices.Clone(laps), func(l Lap) bool { return l.size() > limit })
	if len(laps) < fewest {
		return nil, "the last passes had far more to carry than a cutover would: run esferry sync, three times in a row"
	}
	largest := slices.MaxFunc(laps, func(a, b Lap) int { return cmp.Compare(a.size(), b.size()) }).size()
	if float64(outstanding) > apart*max(largest, little) {
		return nil, "far more is outstanding than any of the last passes carried: run esferry sync, three times in a row"
	}
	return laps, ""
}

// slopeOf gives the seconds that a document takes, the median over all pairs that
// are far enough apart to tell: what small laps differ in is noise.
func slopeOf(laps []Lap) float64 {
	var slopes []float64
	for i, a := range laps {
		for _, b := range laps[i+1:] {
			if math.Abs(a.size()-b.size()) >= little {
				slopes = append(slopes, (a.Seconds-b.Seconds)/(a.size()-b.size()))
			}
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	return max(0, median(slopes))
}

// taken gives what a step took whenever it succeeded, the last times.
func taken(runs []Run, step string) (seconds []float64) {
	for _, r := range runs {
		for _, s := range r.Spans.Entries {
			if s.Phase == step && s.Ended && s.Failed == "" {
				seconds = append(seconds, s.Seconds)
			}
		}
	}
	return seconds[max(0, len(seconds)-most):]
}

// median of at least one.
func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// spread is the most that one is off the middle.
func spread(of []float64, middle float64) (most float64) {
	for _, x := range of {
		most = max(most, math.Abs(x-middle))
	}
	return most
}
