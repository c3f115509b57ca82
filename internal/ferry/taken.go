package ferry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/preflight"
	"esferry/internal/report"
	"esferry/snapshotpath"
)

// errNoRepository refuses what needs a repository.
var errNoRepository = &ObstacleError{Obstacles: []preflight.Obstacle{{
	Problem: "no snapshot repository is configured", Remedy: "say under snapshot how each cluster reaches one", Usage: true,
}}}

// TakeRequest says which snapshot to take.
type TakeRequest struct {
	// Name of the snapshot; one with the time is made where it is empty.
	Name string
	// Indices are names or patterns, of those that the ferry carries; all of
	// these where it is empty.
	Indices []string
	// NoWait returns when the snapshot is under way.
	NoWait bool
}

// TakeSnapshot takes a snapshot into the source's repository, or goes on with
// one that an earlier run asked for.
func (f *Ferry) TakeSnapshot(ctx context.Context, q TakeRequest) (Taken, error) {
	if f.options.Snapshot == nil {
		return Taken{}, errNoRepository
	}
	if err := snapshotpath.Register(ctx, f.source, f.options.Snapshot.Source); err != nil {
		return Taken{}, err
	}
	t, err := f.toTake(ctx, q)
	if err != nil {
		return Taken{}, err
	}
	return t, f.phase(ctx, "snapshot", "", func(ctx context.Context) error {
		t, err = f.take(ctx, t, f.options.Snapshot.Partial, q.NoWait)
		return err
	})
}

// toTake gives the snapshot that an earlier run asked for, or a new one, whose
// name is durable before it is asked for.
func (f *Ferry) toTake(ctx context.Context, q TakeRequest) (Taken, error) {
	t, asked, err := f.chooseSnapshot(ctx, q)
	if err != nil {
		return t, err
	}
	if asked {
		f.note(report.Event{Kind: report.Noted, Message: "going on with snapshot " + t.Name + ", which an earlier run asked for"})
		return t, nil
	}
	return t, f.keepSnapshot(ctx, t)
}

// chooseSnapshot is toTake without a change; asked says that an earlier run has
// asked for it.
func (f *Ferry) chooseSnapshot(ctx context.Context, q TakeRequest) (t Taken, asked bool, err error) {
	indices, err := f.resolve(ctx, q.Indices)
	if err != nil {
		return Taken{}, false, err
	}
	p, err := f.Pieces(ctx)
	if err != nil {
		return Taken{}, false, err
	}
	for _, t := range slices.Backward(p.Snapshots) {
		switch {
		case q.Name == t.Name && t.ended():
			return t, false, &snapshotpath.ForeignSnapshotError{Repository: t.Repository, Snapshot: t.Name, Why: "this ferry has taken before; it ended as " + t.State}
		case !t.ended() && (q.Name == t.Name || q.Name == "" && slices.Equal(t.Indices, indices)):
			return t, true, nil
		}
	}
	t = Taken{Name: q.Name, Repository: f.options.Snapshot.Source.Name, Indices: indices, Activity: map[string]cluster.Activity{}}
	if t.Name == "" {
		t.Name = f.snapshotName()
	}
	for _, index := range indices {
		if err := f.noteBefore(ctx, t, index); err != nil {
			return t, false, err
		}
	}
	return t, false, nil
}

// noteBefore keeps how much an index had written before the snapshot, and
// notices primaries that are not started.
func (f *Ferry) noteBefore(ctx context.Context, t Taken, index string) error {
	h, err := f.source.IndexHealth(ctx, index)
	if err != nil {
		return err
	}
	if h.Started < h.Primaries {
		if f.options.Snapshot.Partial {
			return nil
		}
		return &ObstacleError{Obstacles: []preflight.Obstacle{{
			Index: index, Problem: fmt.Sprintf("%d of its %d primary shards are not started on the source", h.Primaries-h.Started, h.Primaries),
			Remedy: "see GET _cluster/allocation/explain on the source; snapshot.partial: accept takes what is whole",
		}}}
	}
	t.Activity[index], err = f.source.Activity(ctx, index)
	return err
}

// snapshotName makes a name of the ferry's and the time.
func (f *Ferry) snapshotName() string {
	return "esferry-" + strings.ToLower(f.options.Name) + "-" + time.Now().UTC().Format("20060102t150405.000")
}

// resolve gives the open indices of the source that are asked for, sorted.
func (f *Ferry) resolve(ctx context.Context, patterns []string) ([]string, error) {
	all, err := f.source.Indices(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, index := range all {
		if !f.chosen(patterns, index.Name) {
			continue
		}
		if !index.Open {
			return nil, &ObstacleError{Obstacles: []preflight.Obstacle{{
				Index: index.Name, Problem: "it is closed on the source", Remedy: "open it (POST " + index.Name + "/_open), or put it under indices.exclude",
			}}}
		}
		names = append(names, index.Name)
	}
	return names, missing(patterns, names)
}

// chosen reports whether an index that the ferry carries is asked for.
func (f *Ferry) chosen(patterns []string, index string) bool {
	return f.options.Select.Match(index) && (len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return matches(p, index) }))
}

func matches(pattern, index string) bool {
	ok, err := path.Match(pattern, index)
	return err == nil && ok || pattern == index
}

// missing refuses a pattern that fits none of the names, and no names at all.
func missing(patterns, names []string) error {
	for _, p := range patterns {
		if !slices.ContainsFunc(names, func(n string) bool { return matches(p, n) }) {
			return &ObstacleError{Obstacles: []preflight.Obstacle{{
				Problem: "there is no index " + p + " among those that this ferry carries", Remedy: "correct the name, or add it to indices.include", Usage: true,
			}}}
		}
	}
	if len(names) == 0 {
		return &ObstacleError{Obstacles: []preflight.Obstacle{{
			Problem: "no index matches indices.include", Remedy: "see GET _cat/indices, and correct indices.include or exclude",
		}}}
	}
	return nil
}

// take follows a snapshot to its end and keeps what became of it.
func (f *Ferry) take(ctx context.Context, t Taken, partial, noWait bool) (Taken, error) {
	s, err := snapshotpath.Take(ctx, f.source, snapshotpath.TakeOptions{
		Repository: t.Repository, Snapshot: t.Name, Indices: t.Indices, Ferry: f.options.Name, Partial: partial, NoWait: noWait,
		Observe: f.observe("snapshot", ""),
		Waiting: func(others string) {
			f.note(report.Event{Kind: report.Noted, Phase: "snapshot", Message: "waiting for another snapshot to end: " + others})
		},
	})
	failed, broken := errors.AsType[*snapshotpath.FailedError](err)
	switch {
	case broken:
		t.State = failed.State
	case err != nil:
		return t, err
	case s.State == cluster.SnapshotInProgress:
		t.StartMillis = s.StartMillis
		return t, nil
	default:
		t.State = s.State
	}
	t.StartMillis, t.EndMillis, t.Failures = s.StartMillis, s.EndMillis, snapshotpath.Failures(s)
	for _, lacking := range t.Failures {
		f.note(report.Event{Kind: report.Noted, Phase: "snapshot", Message: "snapshot " + t.Name + " lacks " + lacking})
	}
	return t, errors.Join(err, f.keepSnapshot(ctx, t))
}

// ListedSnapshot is one snapshot of the source's repository.
type ListedSnapshot struct {
	cluster.Snapshot
	// Ours: this ferry has taken it.
	Ours bool
	// Failures name the shards that it lacks.
	Failures []string
}

// ListSnapshots lists what the source's repository holds, oldest first. Known
// are those of this ferry's records, for engines that keep no metadata.
func ListSnapshots(ctx context.Context, source *cluster.Cluster, repository, ferry string, known []Taken) ([]ListedSnapshot, error) {
	all, err := source.Snapshots(ctx, repository)
	if err != nil {
		return nil, err
	}
	out := make([]ListedSnapshot, len(all))
	for i, s := range all {
		recorded := slices.ContainsFunc(known, func(t Taken) bool { return t.Name == s.Name && t.Repository == repository })
		out[i] = ListedSnapshot{Snapshot: s, Ours: recorded || snapshotpath.TakenBy(s) == ferry, Failures: snapshotpath.Failures(s)}
	}
	slices.SortFunc(out, func(a, b ListedSnapshot) int {
		if a.StartMillis != b.StartMillis {
			return int(min(max(a.StartMillis-b.StartMillis, -1), 1))
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// DeleteRequest says which snapshots to delete.
type DeleteRequest struct {
	Names []string
	// Keep, where it is not negative, names all of this ferry's but the last so
	// many that are whole.
	Keep int
	// Any allows those that this ferry has not taken.
	Any bool
}

// ToDelete gives what the request comes down to, and refuses what is not this
// ferry's to delete.
func (f *Ferry) ToDelete(ctx context.Context, q DeleteRequest) ([]string, error) {
	if f.options.Snapshot == nil {
		return nil, errNoRepository
	}
	p, err := f.Pieces(ctx)
	if err != nil {
		return nil, err
	}
	all, err := ListSnapshots(ctx, f.source, f.options.Snapshot.Source.Name, f.options.Name, p.Snapshots)
	if err != nil {
		return nil, err
	}
	needed := f.needed(p)
	if q.Keep >= 0 {
		return slices.DeleteFunc(beyond(all, q.Keep), func(name string) bool { return slices.Contains(needed, name) }), nil
	}
	for _, name := range q.Names {
		if slices.Contains(needed, name) {
			return nil, &ObstacleError{Obstacles: []preflight.Obstacle{{
				Problem: fmt.Sprintf("snapshot %s is still being restored from", name), Remedy: "end that first: run the command again that began it",
			}}}
		}
		at := slices.IndexFunc(all, func(s ListedSnapshot) bool { return s.Name == name })
		if at >= 0 && !all[at].Ours && !q.Any {
			return nil, &ObstacleError{Obstacles: []preflight.Obstacle{{
				Problem: fmt.Sprintf("snapshot %s was not taken by ferry %s", name, f.options.Name), Remedy: "give --any where it is to be deleted all the same", Usage: true,
			}}}
		}
		if at < 0 && !slices.ContainsFunc(p.Snapshots, func(t Taken) bool { return t.Name == name }) {
			return nil, fmt.Errorf("the repository %s holds no snapshot %s", f.options.Snapshot.Source.Name, name)
		}
	}
	return q.Names, nil
}

// needed gives the snapshots that indices are still to be restored from.
func (f *Ferry) needed(p Pieces) []string {
	var names []string
	for _, r := range p.Restores {
		if r.Phase != RestoreDone {
			names = append(names, r.From)
		}
	}
	for _, one := range f.Status().Indices {
		if one.Path == Snapshot && one.Phase == Recorded {
			names = append(names, f.record().Snapshot, one.From)
		}
	}
	return names
}

// beyond gives this ferry's ended snapshots before the last so many whole ones.
func beyond(all []ListedSnapshot, keep int) []string {
	names := []string{}
	for _, s := range slices.Backward(all) {
		switch {
		case !s.Ours || s.State == cluster.SnapshotInProgress:
		case keep > 0:
			if s.State == cluster.SnapshotSuccess {
				keep--
			}
		default:
			names = append(names, s.Name)
		}
	}
	slices.Reverse(names)
	return names
}

// DeleteSnapshots deletes them from the source's repository, one after another;
// what is gone already is no error.
func (f *Ferry) DeleteSnapshots(ctx context.Context, names []string) error {
	for _, name := range names {
		err := f.phase(ctx, "delete snapshot", name, func(ctx context.Context) error {
			return snapshotpath.Delete(ctx, f.source, f.options.Snapshot.Source.Name, name)
		})
		if err != nil {
			return err
		}
		if err := f.drop(ctx, "snapshot/"+name); err != nil {
			return err
		}
	}
	return nil
}
