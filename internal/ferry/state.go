package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/snapshotpath"
)

// Path is how an index's baseline travels.
type Path string

// The paths.
const (
	Snapshot Path = "snapshot"
	Stream   Path = "stream"
	// AtSwitch travels not at all: both sides held the same when the other way
	// was switched (protocol 4.1).
	AtSwitch Path = "switch"
)

// Delta is how what changed on an index is found.
type Delta string

// The ways.
const (
	// ByWindows reads ranges of sequence numbers; its cost follows the change
	// (protocol 1 and 2).
	ByWindows Delta = "windows"
	// ByReconcile compares all documents of both sides; its cost follows the
	// index (protocol 3).
	ByReconcile Delta = "reconcile"
	// ByTime reads what is new by a time field: blind to updates of old documents
	// and to deletes.
	ByTime Delta = "time"
)

// Phase is where an index stands on its journey.
type Phase string

// The phases of an index, in their order; next tells which may follow which.
const (
	// Planned: nothing is done yet.
	Planned Phase = "planned"
	// Recorded: W0 is durable, and the target index is being made, by restore
	// or by create: what is found there under its name is ours.
	Recorded Phase = "recorded"
	// Bound: the target index is there and bound; writes to it may begin.
	Bound Phase = "bound"
	// Current: the baseline is on the target and rounds keep it up.
	Current Phase = "current"
	// Switched: settings are put back and aliases point to the target.
	Switched Phase = "switched"
)

func next(p Phase) Phase {
	switch p {
	case Planned:
		return Recorded
	case Recorded:
		return Bound
	case Bound:
		return Current
	case Current, Switched:
		return Switched
	default:
		return Planned
	}
}

// Counts is one comparison of both sides' live root documents (_count).
type Counts struct {
	Source int64 `json:"source_docs"`
	Target int64 `json:"target_docs"`
	// Equal: the counts agree.
	Equal bool `json:"equal"`
	// Moving: the source took writes while it was counted, so that a
	// difference means nothing yet.
	Moving bool      `json:"moving"`
	At     time.Time `json:"at"`
}

// Binding says which indices an index's marks speak of.
type Binding struct {
	SourceUUID string `json:"source_uuid"`
	TargetUUID string `json:"target_uuid"`
	// TargetHistory is the history_uuid of each of the target's shards.
	TargetHistory []string `json:"target_history"`
	// TargetMax is the highest sequence number of each of them at the switch that a
	// way back begins with; nil otherwise.
	TargetMax []int64 `json:"target_max,omitempty"`
	// Reconciled: the binding broke once, so that source and target share no
	// sequence numbers any more.
	Reconciled bool `json:"reconciled,omitempty"`
}

// Typing is how documents are written to targets that have types.
type Typing struct {
	// Type that all are written under; empty for none.
	Type string `json:"type,omitempty"`
	// Types: each is written under its own, of which the index has several.
	Types bool `json:"types,omitempty"`
	// SourceType is the one type of the source's index that is carried, where its
	// types are split.
	SourceType string `json:"source_type,omitempty"`
}

// writeAs takes the types from a definition that was translated for the target.
func (t *Typing) writeAs(translated cluster.Definition, target cluster.Identity) {
	if target.Typed() {
		t.Type, t.Types = translated.Type, translated.Type == ""
	}
}

// Whole is how far an index is carried that has no watermarks.
type Whole struct {
	// Poured tells the shards whose documents were carried once.
	Poured []bool `json:"poured,omitempty"`
	// Since is when the last round by time began.
	Since *time.Time `json:"since,omitempty"`
	// Activity of the source when the last round began: another one means that
	// it has taken writes since, or that a node was started anew.
	Activity *cluster.Activity `json:"activity,omitempty"`
}

// IndexRecord is what the store keeps of an index.
type IndexRecord struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	Path   Path   `json:"path"`
	Phase  Phase  `json:"phase"`
	Delta  Delta  `json:"delta"`
	Binding
	Typing
	Marks []checkpoint.Watermark `json:"watermarks"`
	Whole
	// PutBack holds the settings to put back at the end, with the source's values.
	PutBack map[string]any `json:"put_back"`
	// Over is the index of the target that a restored one took the place of.
	snapshotpath.Over
	Written sink.Result `json:"written"`
	Deleted int64       `json:"deleted"`
	// Lag is the count of operations outstanding after the last round.
	Lag    int64   `json:"lag"`
	Counts *Counts `json:"counts,omitempty"`
}

// Record is what the store keeps of the ferry as a whole.
type Record struct {
	Name          string    `json:"name"`
	SourceCluster string    `json:"source_cluster"`
	TargetCluster string    `json:"target_cluster"`
	Started       time.Time `json:"started"`
	// Snapshot is the name given to the snapshot before it was asked for.
	Snapshot string `json:"snapshot,omitempty"`
	// Copied: the repository is whole on the target's side.
	Copied bool `json:"copied,omitempty"`
	// Blocked lists source indices that carry our write block, or may.
	Blocked []string `json:"blocked,omitempty"`
	// Switching lists indices that were verified under the block, and whose
	// aliases may have been switched: for them the only way is forward.
	Switching []string `json:"switching,omitempty"`
	Freeze    *Freeze  `json:"freeze,omitempty"`
	// Others are indices of the source that were there at the switch which a way
	// back begins with, and are none of this ferry's.
	Others []string `json:"others,omitempty"`
}

// name tells the record apart: the index, and its type where types are split.
func (r IndexRecord) name() string { return nameOf(r.Index, r.SourceType) }

func nameOf(index, sourceType string) string {
	if sourceType == "" {
		return index
	}
	return index + "/" + sourceType
}

// numbered reports whether the index's operations are told apart by sequence
// numbers.
func (r IndexRecord) numbered() bool { return r.Delta != ByReconcile && r.Delta != ByTime }

// keys of the store.
func (f *Ferry) ferryKey() string             { return f.options.Name + "/ferry" }
func (f *Ferry) indexKey(name string) string  { return f.options.Name + "/index/" + name }
func (f *Ferry) record() Record               { f.mu.Lock(); defer f.mu.Unlock(); return f.state }
func (ix *index) snapshotRecord() IndexRecord { ix.mu.Lock(); defer ix.mu.Unlock(); return ix.rec }

// index is one index on its journey. One goroutine at a time walks it; others
// may read its record.
type index struct {
	ferry *Ferry
	mu    sync.Mutex
	rec   IndexRecord
	// fencing guards alias, which this process writes through, once it has one.
	fencing sync.Mutex
	alias   string
	// lent to workers.
	lent loans
	// strict: what the translog holds counts only once a commit has it (S2.3.4).
	strict bool
	// counted are both sides where the look for deletes found as many documents
	// on either; nil where something was done since.
	counted *sides
	// quiet is where the freeze found that nothing moves any more: the last round
	// begins with it. Else nil.
	quiet []shard.Position
	// bound are the target's primaries as of when it was last found to be the one
	// that was bound.
	bound []shard.Position
	// survey is kept up from the preparation of a cutover to its end; else nil.
	survey *survey
	// standing guards what the target may lose; nil where it may not.
	standing *standing
	// docs of the index when it was planned, for progress.
	docs int64
	// differed is how many documents the last comparison of all found to differ.
	differed int64
	// verified is what this process found when it compared all documents.
	verified *Verification
}

// id is the index's name on the source. Others than whoever walks the index ask
// for it too.
func (ix *index) id() string { ix.mu.Lock(); defer ix.mu.Unlock(); return ix.rec.Index }

// name is the key of the index's record.
func (ix *index) name() string { return ix.rec.name() }

// source is where the index's documents are read.
func (ix *index) source() *cluster.Cluster {
	if t := ix.sourceType(); t != "" {
		return ix.ferry.source.OfType(t)
	}
	return ix.ferry.source
}

func (ix *index) sourceType() string { ix.mu.Lock(); defer ix.mu.Unlock(); return ix.rec.SourceType }

// keep makes a record durable; what names it in an error.
func (f *Ferry) keep(ctx context.Context, what, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", what, err)
	}
	return f.commit(ctx, what, checkpoint.Record{Key: key, Value: value})
}

func (f *Ferry) commit(ctx context.Context, what string, r checkpoint.Record) error {
	if _, err := f.commits.Do(ctx, r); err != nil {
		return fmt.Errorf("commit %s: %w", what, err)
	}
	return nil
}

// change applies fn to a copy of the record, makes the copy durable, after what
// the target has of the index, and only then lets it be seen. An error leaves the
// record as it was.
func (ix *index) change(ctx context.Context, fn func(r *IndexRecord)) error {
	if err := ix.standing.secure(ctx); err != nil {
		return err
	}
	before := ix.snapshotRecord()
	changed := before
	fn(&changed)
	ix.ferry.wrote(before, changed)
	if err := ix.ferry.keep(ctx, "the checkpoint of index "+changed.Index, ix.ferry.indexKey(changed.name()), changed); err != nil {
		return err
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.rec = changed
	return nil
}

// enter moves the record to the phase that follows from, and changes it.
func (ix *index) enter(ctx context.Context, from Phase, fn func(r *IndexRecord)) error {
	return ix.change(ctx, func(r *IndexRecord) {
		r.Phase = next(from)
		fn(r)
	})
}

// change is index.change for the ferry's own record; others become durable along
// with it, all or none.
func (f *Ferry) change(ctx context.Context, fn func(r *Record), along ...checkpoint.Record) error {
	changed := f.record()
	fn(&changed)
	value, err := json.Marshal(changed)
	if err != nil {
		return fmt.Errorf("encode the checkpoint of ferry %s: %w", changed.Name, err)
	}
	if err := f.put(ctx, append(slices.Clip(along), checkpoint.Record{Key: f.ferryKey(), Value: value})...); err != nil {
		return fmt.Errorf("commit the checkpoint of ferry %s: %w", changed.Name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = changed
	return nil
}

// load reads the ferry's state; a ferry that never ran has an empty one.
func (f *Ferry) load(ctx context.Context) error {
	state, records, err := Load(ctx, f.store, f.options.Name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = state
	f.indices = map[string]*index{}
	for _, rec := range records {
		f.indices[rec.name()] = &index{ferry: f, rec: rec}
	}
	return nil
}

// Load reads a ferry's state from a store, for whoever shows it. A ferry that
// never ran gives a Record without a start.
func Load(ctx context.Context, store checkpoint.Store, name string) (Record, []IndexRecord, error) {
	state := Record{Name: name}
	value, err := store.Load(ctx, name+"/ferry")
	if err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
		return state, nil, fmt.Errorf("load ferry %s: %w", name, err)
	}
	if err == nil {
		if err := json.Unmarshal(value, &state); err != nil {
			return state, nil, fmt.Errorf("decode ferry %s: %w", name, err)
		}
	}
	entries, err := store.List(ctx, name+"/index/")
	if err != nil {
		return state, nil, fmt.Errorf("list the indices of ferry %s: %w", name, err)
	}
	records := make([]IndexRecord, 0, len(entries))
	for _, e := range entries {
		var rec IndexRecord
		if err := json.Unmarshal(e.Value, &rec); err != nil {
			return state, nil, fmt.Errorf("decode %s: %w", e.Key, err)
		}
		records = append(records, rec)
	}
	return state, records, nil
}

// histories gives the history_uuid of each shard.
func histories(positions []shard.Position) []string {
	out := make([]string, len(positions))
	for i, p := range positions {
		out[i] = p.History
	}
	return out
}
