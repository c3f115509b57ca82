package ferry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
	"esferry/internal/preflight"
	"esferry/internal/report"
	"esferry/snapshotpath"
)

// RestoreRequest says what to restore.
type RestoreRequest struct {
	// Snapshot to restore from; the newest that this ferry has taken where it is
	// empty, after the one that an interrupted restore was about.
	Snapshot string
	// Indices are names or patterns, of those that the ferry carries; all of
	// these that the snapshot holds where it is empty.
	Indices []string
	// OnExisting overrides the configuration where it is not empty.
	OnExisting OnExisting
}

// RestoreStep is what is to happen with one index of the snapshot.
type RestoreStep struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	// Existing says what becomes of the index that the target has already.
	Existing string `json:"existing,omitempty"`
	// Phase of a restore from this snapshot that was begun before.
	Phase RestorePhase `json:"phase,omitempty"`

	record Restoring
}

// RestorePlan is what a restore is going to do; a value, like Plan.
type RestorePlan struct {
	Snapshot   string               `json:"snapshot"`
	Repository string               `json:"repository"`
	Indices    []RestoreStep        `json:"indices"`
	Obstacles  []preflight.Obstacle `json:"obstacles"`
	// State of the snapshot, by the engine.
	State string `json:"state"`
	// Unfinished: it ends a restore that was interrupted, of another snapshot than
	// the newest, which comes after it.
	Unfinished bool `json:"unfinished,omitempty"`
}

// NoSnapshotError says that the target cannot see a snapshot.
type NoSnapshotError struct{ Repository, Snapshot string }

// Error names it.
func (e *NoSnapshotError) Error() string {
	if e.Snapshot == "" {
		return "this ferry has taken no snapshot that is whole"
	}
	return fmt.Sprintf("the target's repository %s holds no snapshot %s", e.Repository, e.Snapshot)
}

// NextStep is printed on a line of its own.
func (e *NoSnapshotError) NextStep() string {
	if e.Snapshot == "" {
		return "take one with esferry snapshot create, or name another with --snapshot"
	}
	return "copy the repository with esferry repo copy where the buckets are two, or see esferry snapshot list"
}

// RegisterTarget makes the repository known to the target, read-only.
func (f *Ferry) RegisterTarget(ctx context.Context) error {
	if f.options.Snapshot == nil {
		return errNoRepository
	}
	return snapshotpath.Register(ctx, f.target, f.options.Snapshot.Target)
}

// restorePlanning is the making of a RestorePlan.
type restorePlanning struct {
	ferry  *Ferry
	way    OnExisting
	pieces Pieces
	// from is where the snapshot is read: the target, or the source while the
	// target does not know the repository yet.
	from     *cluster.Cluster
	snapshot cluster.Snapshot
	shards   map[string]int
	plan     RestorePlan
}

// PlanRestore asks both clusters and decides; it changes nothing.
func (f *Ferry) PlanRestore(ctx context.Context, q RestoreRequest) (RestorePlan, error) {
	if f.options.Snapshot == nil {
		return RestorePlan{}, errNoRepository
	}
	r := &restorePlanning{ferry: f, way: cmp.Or(q.OnExisting, f.options.Snapshot.OnExisting), from: f.source}
	r.plan = RestorePlan{Repository: f.options.Snapshot.Target.Name, Indices: []RestoreStep{}, Obstacles: []preflight.Obstacle{}}
	var err error
	if r.pieces, err = f.Pieces(ctx); err != nil {
		return r.plan, err
	}
	unfinished := r.pieces.unfinished(func(index string) bool { return f.chosen(q.Indices, index) })
	newest := r.pieces.newest(f.options.Snapshot.Partial)
	r.plan.Unfinished = q.Snapshot == "" && unfinished != "" && unfinished != newest && newest != ""
	if r.plan.Snapshot = cmp.Or(q.Snapshot, unfinished, newest); r.plan.Snapshot == "" {
		return r.plan, &NoSnapshotError{}
	}
	if _, known, err := f.target.Repository(ctx, r.plan.Repository); err != nil {
		return r.plan, err
	} else if known {
		r.from = f.target
	}
	if err := r.find(ctx); err != nil {
		return r.plan, err
	}
	var names []string
	for _, index := range slices.Sorted(slices.Values(r.snapshot.Indices)) {
		if f.chosen(q.Indices, index) {
			names = append(names, index)
		}
	}
	if err := missing(q.Indices, names); err != nil {
		return r.plan, err
	}
	for _, index := range names {
		if err := r.step(ctx, index); err != nil {
			return r.plan, fmt.Errorf("plan the restore of index %s: %w", index, err)
		}
	}
	return r.plan, nil
}

// unfinished gives the snapshot of a restore that was interrupted.
func (p Pieces) unfinished(chosen func(index string) bool) string {
	for _, r := range p.Restores {
		if r.Phase != RestoreDone && chosen(r.Index) {
			return r.From
		}
	}
	return ""
}

// newest gives the newest snapshot that can be restored from.
func (p Pieces) newest(partial bool) string {
	newest := Taken{}
	for _, t := range p.Snapshots {
		whole := t.State == cluster.SnapshotSuccess || partial && t.State == cluster.SnapshotPartial
		if whole && t.StartMillis >= newest.StartMillis {
			newest = t
		}
	}
	return newest.Name
}

func (r *restorePlanning) find(ctx context.Context) error {
	var found bool
	var err error
	if r.snapshot, found, err = r.from.Snapshot(ctx, r.plan.Repository, r.plan.Snapshot); err != nil {
		return err
	}
	if !found {
		return &NoSnapshotError{Repository: r.plan.Repository, Snapshot: r.plan.Snapshot}
	}
	r.plan.State = r.snapshot.State
	if state := r.snapshot.State; state != cluster.SnapshotSuccess && (state != cluster.SnapshotPartial || !r.ferry.options.Snapshot.Partial) {
		r.refuse("", fmt.Sprintf("snapshot %s is %s", r.plan.Snapshot, state), "wait for its end with esferry snapshot create, or take another; snapshot.partial: accept restores what is whole of a partial one")
	}
	return nil
}

func (r *restorePlanning) refuse(index, problem, remedy string) {
	r.plan.Obstacles = append(r.plan.Obstacles, preflight.Obstacle{Index: index, Problem: problem, Remedy: remedy})
}

// step decides about one index of the snapshot.
func (r *restorePlanning) step(ctx context.Context, index string) error {
	f := r.ferry
	step := RestoreStep{Index: index, Target: f.options.Select.TargetName(index)}
	if begun := r.begun(index); begun != nil {
		step.Target, step.Phase, step.record = begun.Target, begun.Phase, *begun
		r.plan.Indices = append(r.plan.Indices, step)
		return nil
	}
	if problem, remedy := r.unfit(index); problem != "" {
		r.refuse(index, problem, remedy)
		return nil
	}
	here, found, err := f.source.Index(ctx, index)
	if err != nil {
		return err
	}
	if found && here.UUID != "" {
		if ok, reason := snapshotpath.CanRestore(here.Created(), f.source.Identity(), f.target.Identity()); !ok {
			r.refuse(index, "it cannot be restored: "+reason, "carry it by stream (esferry backfill "+index+", or esferry run)")
			return nil
		}
	}
	if err := r.countShards(ctx); err != nil {
		return err
	}
	settings := f.options.Snapshot.restoreSettings()
	m, err := f.meet(ctx, arrival{
		index: index, target: step.Target, shards: r.shards[index], settings: settings,
		suffix: "-restored-" + time.UnixMilli(r.snapshot.StartMillis).UTC().Format("20060102t150405"),
	}, r.way)
	if err != nil {
		return err
	}
	if m.obstacle.Problem != "" {
		r.plan.Obstacles = append(r.plan.Obstacles, m.obstacle)
	}
	step.Target, step.Existing = m.target, m.Existing
	m.over.From = r.plan.Snapshot
	step.record = Restoring{Index: index, Target: m.target, Phase: RestoreRecorded, Over: m.over, PutBack: m.putBack}
	if step.record.PutBack == nil {
		if step.record.PutBack, err = f.sourceValues(ctx, index, found && here.UUID != "", settings); err != nil {
			return err
		}
	}
	r.plan.Indices = append(r.plan.Indices, step)
	return nil
}

// begun gives the record of a restore of the index from this very snapshot.
func (r *restorePlanning) begun(index string) *Restoring {
	for i, one := range r.pieces.Restores {
		if one.Index == index && one.From == r.plan.Snapshot {
			return &r.pieces.Restores[i]
		}
	}
	return nil
}

// unfit says why an index of the snapshot cannot be restored at all.
func (r *restorePlanning) unfit(index string) (problem, remedy string) {
	target := r.ferry.options.Select.TargetName(index)
	switch {
	case r.ferry.carries(index):
		return "this ferry carries it already, and a restore would take its target back", "carry what changed with esferry sync; or let go of it first (esferry checkpoint reset " + index + ")"
	case r.pieces.unfinished(func(one string) bool { return one == index }) != "":
		return "its restore from another snapshot was interrupted, and holds what is to be put back", "end that first: esferry restore " + index + ", without --snapshot"
	case slices.ContainsFunc(r.snapshot.Failures, func(s cluster.SnapshotFailure) bool { return s.Index == index }):
		return "the snapshot lacks a shard of it: " + strings.Join(snapshotpath.Failures(r.snapshot), "; "), "take another snapshot once its primaries are started"
	case slices.ContainsFunc(r.plan.Indices, func(s RestoreStep) bool { return s.Target == target }):
		return "another index is to be restored under the name " + target, "give each a name of its own under indices.rename"
	default:
		return "", ""
	}
}

// countShards asks once how many shards each index has in the snapshot.
func (r *restorePlanning) countShards(ctx context.Context) (err error) {
	if r.shards == nil {
		r.shards, err = r.from.SnapshotShards(ctx, r.plan.Repository, r.plan.Snapshot)
	}
	return err
}

// sourceValues are what a new index is given back at the end: what the source's
// has; the engine's defaults where the source has it no more.
func (f *Ferry) sourceValues(ctx context.Context, index string, found bool, settings map[string]any) (map[string]any, error) {
	if !found {
		return snapshotpath.Own(nil, settings), nil
	}
	definition, err := f.source.Definition(ctx, index)
	if err != nil {
		return nil, err
	}
	return metadata.Ours(definition, f.target.Identity())
}

// Restored is what became of one index.
type Restored struct {
	Index    string `json:"index"`
	Target   string `json:"target"`
	Existing string `json:"existing,omitempty"`
	// Before: an earlier run had restored it from this snapshot.
	Before bool `json:"before,omitempty"`
	// Counts of both sides; nil where the source has no such index any more.
	Counts *Counts `json:"counts,omitempty"`
}

// Restore executes a plan: it asks for all indices, and then sees each to its
// end. ErrDifference comes last, where counts differ although the source has
// not moved since the snapshot.
func (f *Ferry) Restore(ctx context.Context, p RestorePlan) ([]Restored, error) {
	if err := Obstructed(p.Obstacles); err != nil {
		return nil, err
	}
	for i := range p.Indices {
		if err := f.ask(ctx, &p.Indices[i].record); err != nil {
			return nil, fmt.Errorf("restore index %s: %w", p.Indices[i].Index, err)
		}
	}
	done := make([]Restored, len(p.Indices))
	var differ []error
	for i, s := range p.Indices {
		rec := s.record
		done[i] = Restored{Index: s.Index, Target: rec.Target, Existing: s.Existing, Before: s.Phase == RestoreDone}
		if err := f.finish(ctx, &rec); err != nil {
			return nil, fmt.Errorf("restore index %s: %w", s.Index, err)
		}
		done[i].Counts = rec.Counts
		if c := rec.Counts; c != nil && !c.Equal && !c.Moving && !done[i].Before {
			differ = append(differ, fmt.Errorf("index %s: %w: %d documents on the source, %d on the target", s.Index, ErrDifference, c.Source, c.Target))
		}
	}
	return done, errors.Join(differ...)
}

// ask makes a restore durable and asks the engine for it.
func (f *Ferry) ask(ctx context.Context, rec *Restoring) error {
	if rec.Phase != RestoreRecorded {
		return nil
	}
	if err := f.keepRestore(ctx, *rec); err != nil {
		return err
	}
	return f.phase(ctx, "restore", rec.Index, func(ctx context.Context) error {
		s := f.options.Snapshot
		err := snapshotpath.Restore(ctx, f.target, snapshotpath.RestoreOptions{
			Repository: s.Target.Name, Snapshot: rec.From, Index: rec.Index, As: rec.Target,
			Settings: s.restoreSettings(), Aliases: s.Aliases, Over: rec.Over,
		})
		if _, other := errors.AsType[*snapshotpath.OtherIndexError](err); other {
			// The next run decides anew.
			return errors.Join(err, f.drop(ctx, "restore/"+rec.Target))
		}
		if err != nil {
			return err
		}
		rec.Phase = RestoreAsked
		return f.keepRestore(ctx, *rec)
	})
}

// finish waits for the index, counts it, and puts its settings back.
func (f *Ferry) finish(ctx context.Context, rec *Restoring) error {
	if rec.Phase == RestoreDone {
		f.note(report.Event{Kind: report.Noted, Index: rec.Index, Message: "an earlier run has restored it from snapshot " + rec.From + " as " + rec.Target + ": nothing is done"})
		return nil
	}
	return f.phase(ctx, "await restore", rec.Index, func(ctx context.Context) error {
		if err := snapshotpath.WaitStarted(ctx, f.target, rec.Target, f.observe("await restore", rec.Index)); err != nil {
			return err
		}
		counts, err := f.countRestored(ctx, *rec)
		if err != nil {
			return err
		}
		if err := f.target.PutSettings(ctx, []string{rec.Target}, rec.PutBack); err != nil {
			return err
		}
		rec.Counts, rec.Phase = counts, RestoreDone
		return f.keepRestore(ctx, *rec)
	})
}

// countRestored counts both sides. A source that has moved since the snapshot
// says nothing about it.
func (f *Ferry) countRestored(ctx context.Context, rec Restoring) (*Counts, error) {
	c := &Counts{At: time.Now().UTC()}
	var err error
	if err = f.target.Refresh(ctx, rec.Target); err != nil {
		return nil, err
	}
	if c.Target, err = f.target.Count(ctx, rec.Target, nil); err != nil {
		return nil, err
	}
	if _, found, err := f.source.Index(ctx, rec.Index); err != nil || !found {
		return nil, err
	}
	if err = f.source.Refresh(ctx, rec.Index); err != nil {
		return nil, err
	}
	if c.Source, err = f.source.Count(ctx, rec.Index, nil); err != nil {
		return nil, err
	}
	now, err := f.source.Activity(ctx, rec.Index)
	if err != nil {
		return nil, err
	}
	p, err := f.Pieces(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(p.Snapshots, func(t Taken) bool { return t.Name == rec.From })
	c.Equal = c.Source == c.Target
	c.Moving = at < 0 || now != p.Snapshots[at].Activity[rec.Index]
	return c, nil
}
