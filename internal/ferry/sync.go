package ferry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"esferry/internal/report"
)

// IndexSummary is what a command did with an index, and how the sides stand.
type IndexSummary struct {
	Index      string `json:"index"`
	Target     string `json:"target"`
	Path       Path   `json:"path"`
	Phase      Phase  `json:"phase"`
	SourceDocs int64  `json:"source_docs"`
	TargetDocs int64  `json:"target_docs"`
	Equal      bool   `json:"equal"`
	// Moving: the source took writes during the count.
	Moving   bool  `json:"moving"`
	Lag      int64 `json:"lag"`
	Applied  int64 `json:"applied"`
	Deleted  int64 `json:"deleted"`
	Rejected int64 `json:"rejected"`
	// Verification by ids or contents, where this run has made one: Equal and
	// Moving are then what it found.
	Verification *Verification `json:"verification,omitempty"`
}

// Summary gives every index that was counted, sorted by name.
func (f *Ferry) Summary() []IndexSummary {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []IndexSummary{}
	for _, name := range slices.Sorted(maps.Keys(f.indices)) {
		r := f.indices[name].snapshotRecord()
		if r.Counts == nil {
			continue
		}
		out = append(out, f.indices[name].judged(IndexSummary{
			Index: r.Index, Target: r.Target, Path: r.Path, Phase: r.Phase,
			SourceDocs: r.Counts.Source, TargetDocs: r.Counts.Target, Equal: r.Counts.Equal, Moving: r.Counts.Moving,
			Lag: r.Lag, Applied: r.Written.Applied + r.Written.Repaired, Deleted: r.Deleted, Rejected: r.Written.Rejected,
		}))
	}
	return out
}

// Sync makes one round of every index that is carried, looks up its deletes,
// and counts both sides. It returns ErrDifference where the counts differ
// although the source stood still.
func (f *Ferry) Sync(ctx context.Context) error {
	indices := f.active()
	if len(indices) == 0 && f.record().Freeze != nil {
		// All is switched: the source takes no writes, and the target has its own.
		return nil
	}
	if len(indices) == 0 {
		return &NothingCarriedError{Ferry: f.options.Name}
	}
	f.noteBlocked()
	return f.commits.log.Lap(func() error { return f.lap(ctx, indices) })
}

// lap makes one round of each index, with its deletes and counts.
func (f *Ferry) lap(ctx context.Context, indices []*index) error {
	return f.each(ctx, indices, func(ctx context.Context, ix *index) error {
		return f.phase(ctx, "sync", ix.id(), func(ctx context.Context) error {
			if _, err := ix.round(ctx); err != nil {
				return err
			}
			if !f.options.IgnoreDeletes {
				if err := ix.deletes(ctx); err != nil {
					return err
				}
			}
			return ix.mustAgree(ctx)
		})
	})
}

// mustAgree counts both sides; a difference under a moving source means nothing.
func (ix *index) mustAgree(ctx context.Context) error {
	c, err := ix.compare(ctx)
	if err != nil {
		return err
	}
	if c.Equal || c.Moving || ix.agreesButFor(c) {
		return nil
	}
	return &CountError{Index: ix.id(), Source: c.Source, Target: c.Target}
}

// agreesButFor reports whether the counts differ by no more than what was
// rejected, or by deletes that are ignored on purpose.
func (ix *index) agreesButFor(c Counts) bool {
	rejected := ix.snapshotRecord().Written.Rejected
	return rejected > 0 && c.Target < c.Source && c.Source-c.Target <= rejected || ix.ferry.options.IgnoreDeletes && c.Target > c.Source
}

// noteBlocked tells of a freeze that nobody is at: a process that was killed in it
// has left it, and a command without a cutover does not end it.
func (f *Ferry) noteBlocked() {
	if blocked := f.record().Blocked; len(blocked) > 0 {
		f.note(report.Event{Kind: report.Noted, Message: "writers of " + strings.Join(blocked, ", ") +
			" are held back by an earlier cutover: esferry cutover goes on with it, and esferry cutover abort lets them write again"})
	}
}

// Forget drops what the store holds of an index, so that it is carried anew.
func (f *Ferry) Forget(ctx context.Context, name string) error {
	f.mu.Lock()
	ix := f.indices[name]
	f.mu.Unlock()
	if ix == nil {
		return fmt.Errorf("ferry %s holds no checkpoint of index %s", f.options.Name, name)
	}
	if err := f.unfence(ctx, []*index{ix}); err != nil {
		return err
	}
	if err := f.forget(ctx, name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.indices, name)
	return nil
}
