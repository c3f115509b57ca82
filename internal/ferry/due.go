package ferry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"esferry/checkpoint"
	"esferry/internal/cluster"
)

// Due is what a round of an index would have to carry, as of now.
type Due struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	Delta  Delta  `json:"delta"`
	// Operations are those that the primaries have numbered above the watermarks:
	// writes and deletes. nil where the index's changes are not found by number.
	Operations *int64 `json:"operations"`
	// SourceDocs are the source's live root documents (_count).
	SourceDocs int64 `json:"source_docs"`
}

// Due asks the source, and changes nothing: neither side is refreshed.
func (f *Ferry) Due(ctx context.Context) ([]Due, error) {
	indices := f.active()
	if len(indices) == 0 && f.record().Freeze == nil {
		return nil, &NothingCarriedError{Ferry: f.options.Name}
	}
	due := make([]Due, len(indices))
	for i, ix := range indices {
		var err error
		if due[i], err = ix.due(ctx); err != nil {
			return nil, fmt.Errorf("index %s: %w", ix.id(), err)
		}
	}
	return due, nil
}

func (ix *index) due(ctx context.Context) (Due, error) {
	rec := ix.snapshotRecord()
	d := Due{Index: rec.Index, Target: rec.Target, Delta: rec.Delta}
	var err error
	if d.SourceDocs, err = ix.source().Count(ctx, rec.Index, nil); err != nil {
		return d, err
	}
	d.Operations, err = ix.ahead(ctx)
	return d, err
}

// ahead counts the operations that the source's primaries have numbered above the
// watermarks; nil where they number none. It may be called beside whoever walks the
// index.
func (ix *index) ahead(ctx context.Context) (*int64, error) {
	rec := ix.snapshotRecord()
	if !rec.numbered() {
		return nil, nil
	}
	positions, err := ix.ferry.source.Positions(ctx, rec.Index)
	if err != nil {
		return nil, err
	}
	operations := int64(0)
	for i, p := range positions {
		from := int64(-1)
		if i < len(rec.Marks) {
			from = rec.Marks[i].W
		}
		operations += max(p.Max-from, 0)
	}
	return &operations, nil
}

// BackfillPlan is what a backfill of an index would do, as of now.
type BackfillPlan struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	// Docs of the source that match (_count).
	Docs int64 `json:"docs"`
	// Exists: the target has the index, and it is written to as it is.
	Exists bool `json:"exists"`
	// Resumes: an earlier run of the same backfill has not ended.
	Resumes bool `json:"resumes"`
}

// PlanBackfill tells what Backfill would do, and changes nothing.
func (f *Ferry) PlanBackfill(ctx context.Context, name string, query json.RawMessage) (BackfillPlan, error) {
	p := BackfillPlan{Index: name, Target: f.options.Select.TargetName(name)}
	here, found, err := f.source.Index(ctx, name)
	if err != nil {
		return p, err
	}
	if !found || here.UUID == "" {
		return p, fmt.Errorf("the source has no index named %s", name)
	}
	if p.Docs, err = f.source.Count(ctx, name, query); err != nil {
		return p, err
	}
	if _, p.Exists, err = f.target.Index(ctx, p.Target); err != nil {
		return p, err
	}
	value, err := f.store.Load(ctx, f.backfillKey(name))
	if errors.Is(err, checkpoint.ErrNotFound) {
		return p, nil
	}
	var rec Backfill
	if err == nil {
		err = json.Unmarshal(value, &rec)
	}
	if err != nil {
		return p, fmt.Errorf("load the backfill of index %s: %w", name, err)
	}
	p.Resumes = rec.resumes(here, query)
	return p, nil
}

// resumes reports whether what was begun is to be gone on with.
func (b *Backfill) resumes(here cluster.Index, query json.RawMessage) bool {
	return !b.Done && b.SourceUUID == here.UUID && bytes.Equal(b.Query, query)
}

// PlanSnapshot tells which snapshot TakeSnapshot would take, and changes nothing.
func (f *Ferry) PlanSnapshot(ctx context.Context, q TakeRequest) (Taken, error) {
	if f.options.Snapshot == nil {
		return Taken{}, errNoRepository
	}
	t, _, err := f.chooseSnapshot(ctx, q)
	return t, err
}
