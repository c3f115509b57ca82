package ferry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"esferry/checkpoint"
	"esferry/internal/preflight"
)

// backSuffix ends the name of the way back in the store. No ferry of a
// configuration has a slash in its name.
const backSuffix = "/reverse"

// BackName gives the name of a ferry's way back.
func BackName(name string) string { return name + backSuffix }

// anotherFerry is what is left to do where there is no way back.
const anotherFerry = "carry it by a ferry of another name, with source and target changed over, into an index of another name"

// everyOther stands for all indices of a cluster that are none of the ferry's.
const everyOther = "*"

func wayBack(name string) bool { return strings.HasSuffix(name, backSuffix) }

// otherWay gives the name under which the way in the other direction is kept.
func otherWay(name string) string {
	if there, back := strings.CutSuffix(name, backSuffix); back {
		return there
	}
	return BackName(name)
}

// NoWayBackError says why there is no way back.
type NoWayBackError struct {
	Why string
	// Next is what to do about it.
	Next string
}

// Error gives the reason.
func (e *NoWayBackError) Error() string { return "there is no way back: " + e.Why }

// NextStep is printed on a line of its own.
func (e *NoWayBackError) NextStep() string { return e.Next }

// WayBack gives the options of a ferry's way back: the same ferry, to be opened
// with source and target changed over, from what its last cutover has left in the
// store (protocol 4.1). Everything goes by stream, writers of the new cluster are
// held back by a block, no hook is run, and what is rejected is never set aside.
// Where nothing is switched, or an index cannot go back, it is a *NoWayBackError.
func WayBack(ctx context.Context, store checkpoint.Store, o Options) (Options, error) {
	_, switched, err := Load(ctx, store, o.Name)
	if err != nil {
		return o, err
	}
	state, records, err := Load(ctx, store, BackName(o.Name))
	if err != nil {
		return o, err
	}
	b := back{forward: o.Select, names: map[string]string{}, others: state.Others}
	b.take(switched, records)
	if err := b.whole(o.Name, switched); err != nil {
		return o, err
	}
	o.Name, o.Select, o.Snapshot, o.Reject = BackName(o.Name), &b, nil, nil
	// The aliases that the configuration adds to the new cluster are not the old one's.
	o.Cutover.Unwanted, o.Cutover.Aliases = o.Cutover.Aliases, nil
	o.Cutover.Freeze, o.Cutover.Hooks, o.Cutover.Hook = FreezeBlock, nil, nil
	return o, nil
}

// back is what a way back carries: what was switched, under the names that it had
// before, and what came up on the new cluster since.
type back struct {
	forward Selection
	// names that indices of the new cluster have on the old one.
	names map[string]string
	// others on the new cluster are none of the way back's.
	others []string
}

var _ Selection = (*back)(nil)

// take sorts the records of the way back: what is not switched at present is on its
// way to the new cluster, and stays out of it.
func (b *back) take(switched, records []IndexRecord) {
	for _, r := range records {
		at := slices.IndexFunc(switched, func(o IndexRecord) bool { return o.opposes(r) })
		over, under := false, false
		if at >= 0 {
			phase := switched[at].Phase
			over, under = phase == Switched, phase == Bound || phase == Current
		}
		if r.Phase == Recorded && !over && r.Path == AtSwitch || r.Phase == Switched && under {
			b.others = append(b.others, r.Index)
			continue
		}
		b.names[r.Index] = r.Target
	}
}

// opposes reports whether two records are of one index, in either direction.
func (r IndexRecord) opposes(o IndexRecord) bool {
	return r.Index == o.Target && r.Target == o.Index && r.SourceType == ""
}

// whole refuses a way back that would leave one of the switched indices behind.
func (b *back) whole(name string, switched []IndexRecord) error {
	for _, r := range switched {
		if r.Phase != Switched || b.names[r.Target] == r.Index && r.SourceType == "" {
			continue
		}
		if r.SourceType != "" {
			return &NoWayBackError{
				Why:  fmt.Sprintf("index %s was split by its types, which cannot be put together again", r.Index),
				Next: anotherFerry,
			}
		}
		return &NoWayBackError{
			Why:  fmt.Sprintf("index %s was switched by a version of esferry that kept no positions of the new cluster", r.Index),
			Next: anotherFerry,
		}
	}
	if len(b.names) == 0 {
		return &NoWayBackError{Why: fmt.Sprintf("ferry %s has switched nothing", name), Next: "it begins where a cutover has ended: esferry cutover"}
	}
	return nil
}

// Match implements Selection.
func (b *back) Match(index string) bool {
	if _, ours := b.names[index]; ours {
		return true
	}
	for _, old := range b.names {
		if old == index {
			// Another index of that name, which belongs to a renamed one there.
			return false
		}
	}
	return !slices.Contains(b.others, index) && !slices.Contains(b.others, everyOther) && b.forward.Match(index)
}

// PathFor implements Selection: there is no repository that goes this way.
func (*back) PathFor(string) string { return string(Stream) }

// TimeField implements Selection.
func (*back) TimeField(string) (string, time.Duration) { return "", 0 }

// SplitTypes implements Selection.
func (*back) SplitTypes() bool { return false }

// TargetName implements Selection.
func (b *back) TargetName(index string) string {
	if old, ours := b.names[index]; ours {
		return old
	}
	return index
}

// obstacle refuses to carry an index back, or says what stands in the way.
func obstacle(index, problem, remedy string) error {
	return &ObstacleError{Obstacles: []preflight.Obstacle{{Index: index, Problem: problem, Remedy: remedy}}}
}
