package ferry

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
	"esferry/internal/preflight"
	"esferry/snapshotpath"
)

// Rates that the estimate of a plan stands on: what a two-core target takes
// over a stream, and what a restore moves. They are rough on purpose and said
// to be so; the rounds themselves tell better.
const (
	streamBytesPerSecond   = 10 << 20
	snapshotBytesPerSecond = 50 << 20
)

// IndexPlan is what is to happen with one index, and why.
type IndexPlan struct {
	Index string `json:"index"`
	// Type is the one type that goes into the target, where types are split.
	Type   string `json:"type,omitempty"`
	Target string `json:"target"`
	Path   Path   `json:"path"`
	Reason string `json:"reason"`
	// Delta is how changes will be found, and DeltaReason why, where it is not
	// by sequence numbers.
	Delta       Delta  `json:"delta"`
	DeltaReason string `json:"delta_reason,omitempty"`
	// Docs is the live root documents (_count); -1 where it was not counted.
	Docs int64 `json:"docs"`
	// Bytes of the primaries in the source's store.
	Bytes  int64 `json:"bytes"`
	Shards int   `json:"shards"`
	// EstimatedSeconds of the baseline, by rough rates.
	EstimatedSeconds float64 `json:"estimated_seconds"`
	// Phase the index is in already, where this ferry has carried it before.
	Phase Phase `json:"phase"`
	// Notes name what will be dropped or changed on the way.
	Notes []metadata.Note `json:"notes,omitempty"`

	// The target may have an index of the name already.
	meeting

	uuid string
}

// Plan is what a ferry is going to do. A value: plan prints it, run executes
// it unchanged.
type Plan struct {
	Source    cluster.Identity     `json:"source"`
	Target    cluster.Identity     `json:"target"`
	Indices   []IndexPlan          `json:"indices"`
	Obstacles []preflight.Obstacle `json:"obstacles"`

	// UnreadRoles are roles of the source's user that he may not read: whether they
	// mask fields is not known.
	UnreadRoles []string `json:"unread_roles,omitempty"`

	// restrictions of the source's user.
	restrictions []cluster.Restriction
}

// ObstacleError refuses a ferry before anything is changed.
type ObstacleError struct{ Obstacles []preflight.Obstacle }

// Obstructed gives an *ObstacleError; nil where nothing stands in the way.
func Obstructed(obstacles []preflight.Obstacle) error {
	if len(obstacles) == 0 {
		return nil
	}
	return &ObstacleError{Obstacles: obstacles}
}

// Error names the first obstacle, and how many more there are.
func (e *ObstacleError) Error() string {
	first := e.Obstacles[0]
	text := first.Problem
	if first.Index != "" {
		text = "index " + first.Index + ": " + text
	}
	if more := len(e.Obstacles) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more obstacles: esferry plan lists them)", more)
	}
	return text
}

// NextStep is the first obstacle's remedy.
func (e *ObstacleError) NextStep() string { return e.Obstacles[0].Remedy }

// Usage reports whether the first obstacle is a wrong configuration.
func (e *ObstacleError) Usage() bool { return e.Obstacles[0].Usage }

// Plan asks both clusters and decides; it changes nothing.
func (f *Ferry) Plan(ctx context.Context) (Plan, error) {
	p := Plan{Source: f.source.Identity(), Target: f.target.Identity(), Indices: []IndexPlan{}, Obstacles: []preflight.Obstacle{}}
	if p.Obstacles = append(p.Obstacles, preflight.Clusters(p.Source, p.Target)...); len(p.Obstacles) > 0 {
		return p, nil
	}
	all, err := f.source.Indices(ctx)
	if err != nil {
		return p, err
	}
	sight, err := f.source.Sight(ctx)
	if err != nil {
		return p, err
	}
	p.restrictions, p.UnreadRoles = sight.Restrictions, sight.Unread
	snapshots := false
	for _, index := range all {
		if !f.options.Select.Match(index.Name) {
			continue
		}
		if err := f.planInto(ctx, &p, index); err != nil {
			return p, fmt.Errorf("plan index %s: %w", index.Name, err)
		}
		snapshots = snapshots || p.Indices[len(p.Indices)-1].Path == Snapshot
	}
	if err := f.planStreams(ctx, &p); err != nil {
		return p, err
	}
	if len(p.Indices) == 0 && len(p.Obstacles) == 0 {
		p.Obstacles = append(p.Obstacles, preflight.Obstacle{
			Problem: "no index of the source matches indices.include", Remedy: "see GET _cat/indices on the source, and correct indices.include or exclude",
		})
	}
	if !snapshots {
		return p, nil
	}
	obstacles, err := f.checkRepositories(ctx)
	p.Obstacles = append(p.Obstacles, obstacles...)
	return p, err
}

// planStreams names the data streams that the selection asks for.
func (f *Ferry) planStreams(ctx context.Context, p *Plan) error {
	streams, err := f.source.DataStreams(ctx)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if f.options.Select.Match(s.Name) {
			p.Obstacles = append(p.Obstacles, preflight.DataStream(s.Name))
		}
	}
	return nil
}

// planInto plans an index, or each of its types where they are split.
func (f *Ferry) planInto(ctx context.Context, p *Plan, index cluster.Index) error {
	types, err := f.types(ctx, index)
	if err != nil {
		return err
	}
	for _, name := range types {
		one, obstacles, err := f.planIndex(ctx, p, index, name)
		if err != nil {
			return err
		}
		p.Indices, p.Obstacles = append(p.Indices, one), append(p.Obstacles, obstacles...)
	}
	return nil
}

// types gives the types that become indices of their own; one without a name
// where the index goes as it is.
func (f *Ferry) types(ctx context.Context, index cluster.Index) ([]string, error) {
	whole := []string{""}
	if !index.Open || !f.options.Select.SplitTypes() || f.source.Identity().AtLeast(6, 0) || !f.target.Identity().AtLeast(6, 0) {
		return whole, nil
	}
	definition, err := f.source.Definition(ctx, index.Name)
	if err != nil {
		return nil, err
	}
	if several, err := metadata.Types(definition); err != nil || len(several) > 1 {
		return several, err
	}
	return whole, nil
}

// name is the key of the index's record.
func (p *IndexPlan) name() string { return nameOf(p.Index, p.Type) }

// targetName is the index's name on the target; that of its type, in the letters
// that index names have, comes after it where types are split.
func (f *Ferry) targetName(index, sourceType string) string {
	name := f.options.Select.TargetName(index)
	if sourceType == "" {
		return name
	}
	return name + "-" + strings.Map(func(r rune) rune {
		if strings.ContainsRune(` "*\\<|>/?,#:`, r) {
			return '_'
		}
		return unicode.ToLower(r)
	}, sourceType)
}

func (f *Ferry) planIndex(ctx context.Context, p *Plan, index cluster.Index, sourceType string) (IndexPlan, []preflight.Obstacle, error) {
	ours := f.indices[nameOf(index.Name, sourceType)]
	one := IndexPlan{
		Index: index.Name, Type: sourceType, Target: f.targetName(index.Name, sourceType), Phase: Planned, Docs: -1,
		Bytes: index.Bytes, Shards: index.Shards, uuid: index.UUID,
	}
	var definition cluster.Definition
	if index.Open {
		var err error
		if definition, err = f.source.Definition(ctx, index.Name); err != nil {
			return one, nil, err
		}
		if definition, err = metadata.OnlyType(definition, sourceType); err != nil {
			return one, nil, err
		}
	}
	if err := f.route(ctx, &one, index, ours); err != nil {
		return one, nil, err
	}
	if one.obstacle.Problem != "" {
		return one, []preflight.Obstacle{one.obstacle}, nil
	}
	obstacles, err := preflight.Index(ctx, preflight.Subject{
		Source: f.source, Target: f.target, Index: index, Mappings: definition.Mappings, TargetName: one.Target, Ours: one.Phase != Planned || one.settled(),
		Restrictions: p.restrictions,
	})
	if err != nil {
		return one, nil, err
	}
	if len(obstacles) > 0 {
		return one, obstacles, nil
	}
	if err := f.planDelta(ctx, &one, index, ours); err != nil {
		return one, nil, err
	}
	if one.Docs, err = f.source.OfType(sourceType).Count(ctx, index.Name, nil); err != nil {
		return one, nil, err
	}
	switch one.Path {
	case Snapshot:
		one.EstimatedSeconds = float64(index.Bytes) / snapshotBytesPerSecond
	case Stream:
		one.EstimatedSeconds = float64(index.Bytes) / streamBytesPerSecond
		one.Notes, obstacles = f.translated(definition, index.Name)
	case AtSwitch:
	}
	return one, obstacles, nil
}

// route decides by which path an index goes, and what becomes of one that the
// target has already.
func (f *Ferry) route(ctx context.Context, one *IndexPlan, there cluster.Index, ours *index) error {
	if ours != nil {
		if rec := ours.snapshotRecord(); rec.Phase != Planned {
			one.Phase, one.Target, one.Path, one.Reason = rec.Phase, rec.Target, rec.Path, "this ferry carries it already"
			return nil
		}
	}
	if one.Path, one.Reason = f.choose(there); one.Type != "" {
		one.Path, one.Reason = Stream, "its types are split"
	}
	if one.Path == Stream || f.options.Snapshot.OnExisting == RefuseExisting {
		return nil
	}
	var err error
	one.meeting, err = f.meet(ctx, arrival{
		index: there.Name, target: one.Target, shards: there.Shards, settings: f.restoredOff(),
		suffix: "-restored-" + time.Now().UTC().Format("20060102t150405"),
	}, f.options.Snapshot.OnExisting)
	one.Target = one.meeting.target
	return err
}

// planDelta decides how the index's changes are to be found.
func (f *Ferry) planDelta(ctx context.Context, one *IndexPlan, there cluster.Index, ours *index) error {
	if ours != nil && one.Phase != Planned {
		one.Delta = ours.snapshotRecord().Delta
		return nil
	}
	numbered, why, err := preflight.Numbered(ctx, f.source, there)
	one.Delta, one.DeltaReason = ByWindows, why
	if numbered || err != nil {
		return err
	}
	one.Delta = ByReconcile
	if field, _ := f.options.Select.TimeField(there.Name); field != "" {
		one.Delta = ByTime
	}
	return nil
}

// translated tells what creating the index on the target would drop, and what
// makes it impossible.
func (f *Ferry) translated(d cluster.Definition, name string) ([]metadata.Note, []preflight.Obstacle) {
	var obstacles []preflight.Obstacle
	_, notes := metadata.Translate(d, f.source.Identity(), f.target.Identity())
	for _, n := range notes {
		if n.Level == metadata.Obstacle {
			obstacles = append(obstacles, preflight.Obstacle{
				Index: name, Problem: n.Path + ": " + n.Reason, Remedy: "make the index on the target by hand with a mapping of its own, or put it under indices.exclude",
			})
		}
	}
	return notes, obstacles
}

// choose decides an index's path and says why.
func (f *Ferry) choose(index cluster.Index) (Path, string) {
	switch wanted := f.options.Select.PathFor(index.Name); {
	case wanted == string(Stream):
		return Stream, "indices.paths says so"
	case f.options.Snapshot == nil:
		return Stream, "no snapshot repository is configured"
	default:
		ok, reason := snapshotpath.CanRestore(index.Created(), f.source.Identity(), f.target.Identity())
		if ok {
			return Snapshot, reason
		}
		return Stream, reason
	}
}
