package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/report"
	"esferry/internal/shard"
	"esferry/internal/verify"
	"esferry/sink"
	"esferry/stream"
)

// Carrier does errands of a ferry that another process leads: it reads and writes,
// and decides nothing. It keeps no rejected documents: a window that has
// one is the leader's again. Safe for concurrent use.
type Carrier struct {
	ferry *Ferry
	// writers that were last asked for; 0 adapts them.
	writers atomic.Int64
}

// NewCarrier gives a carrier between two probed clusters.
func NewCarrier(ctx context.Context, source, target *cluster.Cluster, o Options) *Carrier {
	o.Reject = nil
	f := &Ferry{source: source, target: target, options: o}
	f.means = newMeans(o.Stream, f.limits(ctx), func(p sink.Pace) {
		f.note(report.Event{Kind: report.Adapted, Done: int64(p.Writers), Total: int64(p.Most), Bytes: int64(p.BulkBytes), Busy: p.Busy})
	})
	c := &Carrier{ferry: f}
	c.writers.Store(int64(o.Stream.Writers))
	return c
}

// Room is how many windows a carrier of these options reads at a time.
func Room(o StreamOptions) int {
	if o.Readers > 0 {
		return o.Readers
	}
	return mostReaders
}

// Heed takes over the bounds that all processes share.
func (c *Carrier) Heed(text []byte) error {
	var t Terms
	if err := json.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("decode the terms that all workers share: %w", err)
	}
	pace := c.ferry.pace
	pace.Divide(t.Parties)
	pace.Set(t.Rates)
	if t.Share > 0 {
		pace.Brake(t.Share)
	}
	if writers := part(t.Writers, t.Parties); c.writers.Swap(int64(writers)) != int64(writers) {
		c.ferry.controller.SetWriters(writers)
	}
	if !t.Paused {
		pace.Resume()
		return nil
	}
	return pace.Pause()
}

// Do does one Errand, and gives what answers it.
func (c *Carrier) Do(ctx context.Context, text []byte) (json.RawMessage, error) {
	var e Errand
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("decode what is asked: %w", err)
	}
	if err := c.mustBeOurs(e); err != nil {
		return nil, err
	}
	var answer any
	var err error
	switch {
	case e.Carry != nil:
		answer, err = c.carry(ctx, e.Carry)
	case e.Count != nil:
		answer, err = c.count(ctx, e.Count)
	case e.Look != nil:
		answer, err = c.look(ctx, e.Look)
	case e.Copy != nil:
		answer, err = struct{}{}, c.copyBundle(ctx, e.Copy)
	default:
		err = errors.New("it is asked what it does not know: the leader is of another version")
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// carry gives what became of a window once every document has its verdict.
func (c *Carrier) carry(ctx context.Context, e *CarryErrand) (done Carried, err error) {
	if e.Alias == "" {
		return done, errors.New("no alias was given to write through")
	}
	ix := &index{ferry: c.ferry, rec: IndexRecord{Index: e.Index, Target: e.Target, Typing: e.Typing}, docs: e.Docs, alias: e.Alias}
	p := ix.pipe(stream.Options{Query: e.Query})
	p.readers = 1
	p.landed = func(shard.Window) error { return nil }
	p.commit = func(context.Context) error { return nil }
	var bytes atomic.Int64
	p.seen = func(b *batch.Batch) { bytes.Add(b.Bytes()) }
	if err := p.run(ctx, []task{{window: e.Window, position: e.Position, versioning: e.Versioning}}); err != nil {
		return done, err
	}
	return Carried{Written: p.result(), Bytes: bytes.Load()}, nil
}

// count gives the digests of what a window of one side holds.
func (c *Carrier) count(ctx context.Context, e *CountErrand) (Counted, error) {
	ix := &index{ferry: c.ferry, rec: IndexRecord{Index: e.Index, Target: e.Target, Typing: e.Typing}}
	counting := &examination{
		sides: &sides{index: ix, rec: ix.rec}, content: e.Content, query: e.Query, sketching: e.Sketch,
		sample: choice{holds: verify.NewSample(e.Sample).Holds, share: e.Sample},
	}
	return counting.countWindow(ctx, e.Side, task{window: e.Window, position: e.Position})
}

// mustBeOurs refuses what is asked by a ferry between other clusters.
func (c *Carrier) mustBeOurs(e Errand) error {
	f := c.ferry
	if is := f.source.Identity().UUID; is != e.SourceCluster {
		return &OtherClusterError{Ferry: f.options.Name, Side: "source", Was: e.SourceCluster, Is: is}
	}
	if is := f.target.Identity().UUID; is != e.TargetCluster {
		return &OtherClusterError{Ferry: f.options.Name, Side: "target", Was: e.TargetCluster, Is: is}
	}
	return nil
}
