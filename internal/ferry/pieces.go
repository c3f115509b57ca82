package ferry

import (
	"context"
	"encoding/json"
	"fmt"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/snapshotpath"
)

// Taken is what the store keeps of a snapshot that this ferry asked for.
type Taken struct {
	Name       string   `json:"snapshot"`
	Repository string   `json:"repository"`
	Indices    []string `json:"indices"`
	// State is the engine's; empty until it has ended.
	State string `json:"state,omitempty"`
	// StartMillis and EndMillis are by the engine's clock.
	StartMillis int64 `json:"start_millis,omitempty"`
	EndMillis   int64 `json:"end_millis,omitempty"`
	// Failures name the shards that it lacks.
	Failures []string `json:"failures,omitempty"`
	// Activity of each index before it was asked for: another one later means
	// that the source has moved since.
	Activity map[string]cluster.Activity `json:"activity,omitempty"`
}

// ended reports whether nothing is to be waited for.
func (t Taken) ended() bool { return t.State != "" }

// RestorePhase is where one restore of an index stands.
type RestorePhase string

// The phases of a restore.
const (
	// RestoreRecorded: what is to be done is durable, and is being done.
	RestoreRecorded RestorePhase = "recorded"
	// RestoreAsked: the engine is at it.
	RestoreAsked RestorePhase = "asked"
	// RestoreDone: its settings are put back.
	RestoreDone RestorePhase = "done"
)

// Restoring is what the store keeps of an index that esferry restore restores.
type Restoring struct {
	Index  string       `json:"index"`
	Target string       `json:"target"`
	Phase  RestorePhase `json:"phase"`
	snapshotpath.Over
	PutBack map[string]any `json:"put_back"`
	// Counts of both sides; nil where the source has no such index any more.
	Counts *Counts `json:"counts,omitempty"`
}

// Pieces is what the store keeps of snapshots and restores that were asked for
// piece by piece.
type Pieces struct {
	Snapshots []Taken     `json:"snapshots,omitempty"`
	Restores  []Restoring `json:"restores,omitempty"`
}

// LoadPieces reads them from a store, sorted by name.
func LoadPieces(ctx context.Context, store checkpoint.Store, name string) (p Pieces, err error) {
	if p.Snapshots, err = loadAll[Taken](ctx, store, name+"/snapshot/"); err != nil {
		return p, err
	}
	p.Restores, err = loadAll[Restoring](ctx, store, name+"/restore/")
	return p, err
}

func loadAll[T any](ctx context.Context, store checkpoint.Store, prefix string) ([]T, error) {
	entries, err := store.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	out := make([]T, len(entries))
	for i, e := range entries {
		if err := json.Unmarshal(e.Value, &out[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", e.Key, err)
		}
	}
	return out, nil
}

// Pieces reads them from the ferry's store. Safe for concurrent use.
func (f *Ferry) Pieces(ctx context.Context) (Pieces, error) {
	return LoadPieces(ctx, f.store, f.options.Name)
}

// keepSnapshot makes a snapshot's record durable.
func (f *Ferry) keepSnapshot(ctx context.Context, t Taken) error {
	return f.keepPiece(ctx, "snapshot/"+t.Name, t)
}

// keepRestore makes a restore's record durable.
func (f *Ferry) keepRestore(ctx context.Context, r Restoring) error {
	return f.keepPiece(ctx, "restore/"+r.Target, r)
}

func (f *Ferry) keepPiece(ctx context.Context, name string, v any) error {
	key := f.options.Name + "/" + name
	return f.keep(ctx, "the checkpoint "+key, key, v)
}

// drop forgets a record.
func (f *Ferry) drop(ctx context.Context, name string) error {
	key := f.options.Name + "/" + name
	return f.commit(ctx, "the checkpoint "+key, checkpoint.Record{Key: key})
}
