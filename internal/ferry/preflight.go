package ferry

import (
	"context"
	"fmt"
	"slices"

	"esferry/internal/group"
	"esferry/internal/preflight"
	"esferry/internal/report"
)

// Preflight asks all that can be known before a cutover holds anybody back, and
// changes nothing. It may be called beside the ferry's work.
func (f *Ferry) Preflight(ctx context.Context) ([]preflight.Finding, error) {
	indices, state := f.active(), f.record()
	switch {
	case len(state.Switching) > 0:
		return []preflight.Finding{{
			Check: "switch", State: preflight.Note, Detail: "an earlier cutover has verified everything, and may have switched already", Remedy: "run esferry cutover, which finishes it",
		}}, nil
	case len(indices) == 0 && state.Freeze != nil:
		return []preflight.Finding{{Check: "switch", State: preflight.OK, Detail: "every index is switched already: there is nothing to do"}}, nil
	case len(indices) == 0:
		return nil, &NothingCarriedError{Ferry: f.options.Name}
	}
	o := f.options.Cutover
	c := preflight.Crossing{Source: f.source, Target: f.target, MaxLag: o.MaxLag, Aliases: o.Aliases, Hooks: o.Hooks}
	names, err := f.source.Names(ctx)
	if err != nil {
		return nil, err
	}
	c.New = slices.DeleteFunc(names, func(name string) bool { return f.carries(name) || !f.options.Select.Match(name) })
	c.Indices = make([]preflight.Carried, len(indices))
	g, _ := group.New(ctx)
	for i, ix := range indices {
		g.Go("index "+ix.id(), func(ctx context.Context) (err error) {
			c.Indices[i], err = ix.crossing(ctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return preflight.Cutover(ctx, c)
}

// crossing tells what checks want to know of an index.
func (ix *index) crossing(ctx context.Context) (preflight.Carried, error) {
	rec := ix.snapshotRecord()
	lag, err := ix.ahead(ctx)
	if err != nil {
		return preflight.Carried{}, fmt.Errorf("index %s: %w", rec.Index, err)
	}
	one := preflight.Carried{Index: rec.Index, Target: rec.Target, Lag: lag}
	if counts := rec.Counts; counts != nil {
		one.Compared = counts.At
		one.Differs = !counts.Equal && !counts.Moving && !ix.agreesButFor(*counts)
	}
	return one, nil
}

// Refusals gives what keeps a cutover from beginning; nil for nothing.
func Refusals(found []preflight.Finding) error {
	var obstacles []preflight.Obstacle
	for _, one := range found {
		if one.State == preflight.Refused {
			obstacles = append(obstacles, preflight.Obstacle{Problem: one.Detail, Remedy: one.Remedy})
		}
	}
	return Obstructed(obstacles)
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
