package ferry

import (
	"context"
	"fmt"

	"esferry/internal/preflight"
	"esferry/internal/report"
)

// Preflight asks all that can be known before a cutover holds anybody back, and
// changes nothing.
func (f *Ferry) Preflight(ctx context.Context) ([]preflight.Finding, error) {
	indices := f.active()
	if len(indices) == 0 {
		return nil, &NothingCarriedError{Ferry: f.options.Name}
	}
	o := f.options.Cutover
	c := preflight.Crossing{Source: f.source, Target: f.target, MaxLag: o.MaxLag, Aliases: o.Aliases, Hooks: o.Hooks}
	names, err := f.source.Names(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if o := f.options.Select; o.Match(name) && !f.carries(name) {
			c.New = append(c.New, name)
		}
	}
	for _, ix := range indices {
		d, err := ix.due(ctx)
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", ix.id(), err)
		}
		one := preflight.Carried{Index: d.Index, Target: d.Target, Lag: d.Operations}
		if counts := ix.snapshotRecord().Counts; counts != nil {
			one.Compared = counts.At
			one.Differs = !counts.Equal && !counts.Moving && !ix.agreesButFor(*counts)
		}
		c.Indices = append(c.Indices, one)
	}
	return preflight.Cutover(ctx, c)
}

// Refusals gives what keeps a cutover from beginning; nil for nothing.
func Refusals(found []preflight.Finding) error {
	var obstacles []preflight.Obstacle
	for _, one := range found {
		if one.State == preflight.Refused {
			obstacles = append(obstacles, preflight.Obstacle{Problem: one.Detail, Remedy: one.Remedy})
		}
	}
	if len(obstacles) == 0 {
		return nil
	}
	return &ObstacleError{Obstacles: obstacles}
}

// checked tells what every check found, and refuses a cutover that would fail
// under the freeze.
func (f *Ferry) checked(ctx context.Context) error {
	found, err := f.Preflight(ctx)
	if err != nil {
		return err
	}
	for _, one := range found {
		f.note(report.Event{Kind: report.Checked, Phase: "pre-flight", Message: one.String()})
	}
	return Refusals(found)
}
