package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"esferry/checkpoint"
	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/joint"
	"esferry/internal/report"
	"esferry/internal/workers"
	"esferry/sink"
	"esferry/snapshotpath"
)

// ErrDifference says that verification found the sides to differ.
var ErrDifference = errors.New("source and target differ")

// Selection says which indices go, how, and under which name.
type Selection interface {
	// Match reports whether the index is to go.
	Match(index string) bool
	// PathFor gives "stream", "snapshot", or "" for esferry's own choice.
	PathFor(index string) string
	// TimeField gives the field by which an append-only index without sequence
	// numbers is read, and how far each round goes back; "" for none.
	TimeField(index string) (field string, overlap time.Duration)
	// SplitTypes reports whether each type of an index goes into one of its own.
	SplitTypes() bool
	// TargetName is the index's name on the target.
	TargetName(index string) string
}

// SnapshotOptions say where snapshots live on either side.
type SnapshotOptions struct {
	Source, Target snapshotpath.Repository
	// Replicas and Refresh are what indices have on the target while they are
	// filled.
	Replicas int64
	Refresh  string
	// OnExisting is what is done with an index that the target has already, and
	// Fallback instead of closing it where a service does not allow that.
	OnExisting, Fallback OnExisting
	// Partial lets esferry snapshot create and restore live with snapshots that
	// lack shards: only whole indices are restored. A ferry's own are whole.
	Partial bool
	// Aliases lets esferry restore bring the snapshot's aliases along.
	Aliases bool
	// Copy carries a snapshot from the source's bucket to the target's; nil
	// where both clusters reach the same one. It resumes by itself. Workers copy
	// bundles for it; nil where there are none.
	Copy func(ctx context.Context, snapshot string, by *Copyists, observe func(done, total, bytes int64)) error
	// CopyBundle is a worker's part of it: it copies a bundle that the leader's Copy
	// has made.
	CopyBundle func(ctx context.Context, bundle json.RawMessage) error
}

// StreamOptions bound the stream path.
type StreamOptions struct {
	// Readers of one index; 0 for what suits its shards.
	Readers int
	// Writers to the target, over all indices; 0 adapts them to it.
	Writers int
	// Indices is how many are read and written at once.
	Indices int64
	// PageBytes and BulkBytes are what requests aim at; PageDocs fixes a page's
	// documents, 0 adapts.
	PageBytes, BulkBytes int64
	PageDocs             int
	// Memory bounds the bytes of pages in flight, over all indices.
	Memory int64
	// Rates bound what is read from the source, and Brake holds it back further.
	Rates batch.Rates
	Brake Brake
	// AsyncTranslog lets the target write its translog asynchronously while an
	// index that was made for it is filled.
	AsyncTranslog bool
}

// Options of a Ferry.
type Options struct {
	// Name is the key of the ferry's state.
	Name     string
	Select   Selection
	Snapshot *SnapshotOptions
	Stream   StreamOptions
	Cutover  CutoverOptions
	// IgnoreDeletes leaves deleted documents on the target.
	IgnoreDeletes bool
	// MaxDelete is the share of an index that one run may delete.
	MaxDelete float64
	// Reconcile says how indices are compared as a whole.
	Reconcile ReconcileOptions
	// Reject keeps rejected documents; nil stops at the first one.
	Reject   func(ctx context.Context, r sink.Rejection) error
	Observer report.Observer
}

// Ferry carries indices from one cluster to another. Its commands are called
// from one goroutine; Status may be called from any.
type Ferry struct {
	source, target *cluster.Cluster
	store          checkpoint.Store
	lease          checkpoint.Lease
	options        Options
	means
	// commits of records that are made durable at the same time, and the history.
	commits ledger

	mu      sync.Mutex
	state   Record
	indices map[string]*index
	helm
}

// means are what documents are carried with, for all indices together.
type means struct {
	// budget is shared by all pages on their way; contents by those that writers
	// look at to settle conflicts, which must not wait for the others.
	budget, contents *batch.Budget
	// controller paces all writers.
	controller *sink.Controller
	// busy bounds the indices that documents are read of.
	busy gate
	// places of this process's readers.
	places *semaphore.Weighted
	// pace of all readers of the source.
	pace *batch.Pace
	// pool of other processes that carry, too; nil for none.
	pool *workers.Pool
}

// newMeans gives what the options allow.
func newMeans(s StreamOptions, limits sink.Limits, paced func(p sink.Pace)) means {
	return means{
		budget: batch.NewBudget(s.Memory), contents: batch.NewBudget(4 * s.PageBytes), pace: batch.NewPace(s.Rates),
		controller: sink.NewController(limits, paced), places: semaphore.NewWeighted(max(1, s.Indices) * int64(max(s.Readers, mostReaders))),
	}
}

// Open gives a ferry between two probed clusters, with the state that the
// store holds of it. The lease must have been acquired from that store.
func Open(ctx context.Context, source, target *cluster.Cluster, store checkpoint.Store, lease checkpoint.Lease, o Options) (*Ferry, error) {
	f := &Ferry{
		source: source, target: target, store: store, lease: lease, options: o,
		helm: helm{asked: make(chan struct{}, 1), writers: o.Stream.Writers},
	}
	f.means = newMeans(o.Stream, f.limits(ctx), func(p sink.Pace) {
		f.note(report.Event{Kind: report.Adapted, Done: int64(p.Writers), Total: int64(p.Most), Bytes: int64(p.BulkBytes), Busy: p.Busy})
	})
	f.busy = f.gate()
	f.commits.Calls = joint.New(f.commitAll, f.commitOne)
	if err := errors.Join(f.load(ctx), f.recall(ctx)); err != nil {
		return nil, err
	}
	state := f.record()
	for _, side := range []struct {
		name, was, is string
	}{
		{"source", state.SourceCluster, source.Identity().UUID},
		{"target", state.TargetCluster, target.Identity().UUID},
	} {
		if side.was != "" && side.was != side.is {
			return nil, &OtherClusterError{Ferry: o.Name, Side: side.name, Was: side.was, Is: side.is}
		}
	}
	return f, nil
}

const (
	// writersPerNode is how many bulks a node of the target may come to get at
	// once, where it takes them: it has a thread for each of its cores.
	writersPerNode = 4
	// mostWriters bounds them for targets of any size.
	mostWriters = 32
)

// limits bound the pace of writers by the target's size.
func (f *Ferry) limits(ctx context.Context) sink.Limits {
	nodes, err := f.target.DataNodes(ctx)
	if err != nil {
		// Not told to everyone, nor by every service; one node is a safe guess.
		nodes = 1
	}
	s := f.options.Stream
	return sink.Limits{Writers: s.Writers, Most: min(writersPerNode*nodes, mostWriters), MaxBytes: int(s.BulkBytes)}
}

// SetWriters fixes the bulk requests at once, over all indices and all workers; 0
// adapts them to the target. Safe for concurrent use.
func (f *Ferry) SetWriters(n int) {
	f.mu.Lock()
	f.writers = n
	f.mu.Unlock()
	if f.pool == nil {
		f.controller.SetWriters(n)
	}
}

// OtherClusterError says that a URL leads to another cluster than the one this
// ferry's state was made with.
type OtherClusterError struct{ Ferry, Side, Was, Is string }

// Error names both clusters.
func (e *OtherClusterError) Error() string {
	return fmt.Sprintf("ferry %s: the %s is cluster %s, but its checkpoints were made with cluster %s", e.Ferry, e.Side, e.Is, e.Was)
}

// NextStep is printed on a line of its own.
func (e *OtherClusterError) NextStep() string {
	return fmt.Sprintf("correct %s.url, or give this ferry another name in the configuration", e.Side)
}

// start makes the ferry's own record durable, once.
func (f *Ferry) start(ctx context.Context) error {
	if !f.record().Started.IsZero() {
		return nil
	}
	return f.change(ctx, func(r *Record) {
		r.SourceCluster, r.TargetCluster, r.Started = f.source.Identity().UUID, f.target.Identity().UUID, time.Now().UTC()
	})
}

// note tells the observer of an event.
func (f *Ferry) note(e report.Event) {
	e.Time = time.Now()
	if f.commits.log != nil {
		f.commits.log.Observe(e)
	}
	if f.options.Observer != nil {
		f.options.Observer.Observe(e)
	}
}

// phase frames a step of the ferry, or of an index, by events.
func (f *Ferry) phase(ctx context.Context, name, index string, step func(ctx context.Context) error) error {
	began := time.Now()
	f.note(report.Event{Kind: report.PhaseBegun, Phase: name, Index: index})
	if index == "" {
		f.stepped(AttemptStep{Name: name, Began: began.UTC()})
		defer func() {
			f.stepped(AttemptStep{Name: name, Began: began.UTC(), Seconds: time.Since(began).Seconds(), Ended: true})
		}()
	}
	err := step(ctx)
	e := report.Event{Kind: report.PhaseEnded, Phase: name, Index: index, Seconds: time.Since(began).Seconds()}
	if err != nil {
		e.Message = err.Error()
	}
	f.note(e)
	return err
}

// active gives the indices that this ferry carries, that still match and are
// not switched yet, sorted by name.
func (f *Ferry) active() []*index {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*index
	for _, name := range slices.Sorted(maps.Keys(f.indices)) {
		phase := f.indices[name].snapshotRecord().Phase
		if f.options.Select.Match(f.indices[name].id()) && (phase == Bound || phase == Current) {
			out = append(out, f.indices[name])
		}
	}
	return out
}

func (f *Ferry) named(names []string) []*index {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*index
	for _, name := range names {
		if ix := f.indices[name]; ix != nil {
			out = append(out, ix)
		}
	}
	return out
}

// carries reports whether the index is on its way, or over.
func (f *Ferry) carries(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ix := range f.indices {
		if ix.id() == name && ix.snapshotRecord().Phase != Planned {
			return true
		}
	}
	return false
}
