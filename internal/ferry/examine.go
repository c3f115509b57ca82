package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/group"
	"esferry/internal/reconcile"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/internal/verify"
	"esferry/stream"
)

// fewEnough is the share of documents up to which it costs less to read ids
// alone and ask for the contents of the chosen ones than to read all contents.
const fewEnough = 0.1

// examination compares documents of an index by ids or contents. The first scan
// gives digests; where they differ a second one finds the documents, and both
// sides are asked about each before it counts.
type examination struct {
	sides   *sides
	content bool
	query   json.RawMessage
	sample  choice
	found   Verification
	// perShard and began are for a certificate.
	perShard [2][]digest.Sum
	began    time.Time
}

// choice is some of all documents, by the hash of their keys.
type choice struct {
	holds func(key digest.Hash) bool
	// share of all documents that this is, about.
	share float64
}

// taker is told of the documents of one attempt at a window, and of its end.
type taker interface {
	take(d *batch.Doc, key digest.Hash, h *digest.Hasher) error
	end()
}

// examineOnce compares, and repairs where that is asked for: then the
// Verification tells what it was before.
func (ix *index) examineOnce(ctx context.Context, q VerifyRequest, query json.RawMessage) (Verification, error) {
	s, err := ix.countedSides(ctx)
	if err != nil {
		return Verification{}, err
	}
	e := &examination{
		sides: s, content: q.Level == LevelContent, query: query,
		perShard: [2][]digest.Sum{make([]digest.Sum, len(s.source)), make([]digest.Sum, len(s.target))}, began: time.Now().UTC(),
		sample: choice{holds: verify.NewSample(q.Sample).Holds, share: q.Sample},
		found:  Verification{Level: q.Level, Sample: q.Sample, Positions: s.source},
	}
	tallies, err := e.count(ctx)
	if err != nil {
		return e.found, err
	}
	doubtful := verify.Differing(&tallies[reconcile.Source], &tallies[reconcile.Target])
	if doubtful.Len() > 0 {
		if err := errors.Join(e.lookAgain(ctx, doubtful, q.Repair), s.watch(ctx)); err != nil {
			return e.found, err
		}
	}
	v := &e.found
	v.Moving = s.moving || v.OnTheirWay > 0
	v.Equal = doubtful.Len() == 0 || v.Differences+v.OnTheirWay == 0 && !v.Moving && v.OtherBytes+v.DeletesIgnored > 0
	if query != nil {
		return *v, nil
	}
	if q.Certify {
		if err := e.certify(ctx, &tallies[reconcile.Source]); err != nil {
			return *v, err
		}
	}
	_, err = s.keepCounts(ctx)
	return *v, err
}

// count takes the tallies of both sides. That all documents were read is held
// against _count: of the target, and of a source that stands still.
func (e *examination) count(ctx context.Context) (*[2]verify.Tally, error) {
	var tallies [2]verify.Tally
	var mu sync.Mutex
	if err := e.scan(ctx, e.sample, func(side reconcile.Side, number int) taker {
		return &counting{content: e.content, mu: &mu, sum: &tallies[side], shard: &e.perShard[side][number], mine: &verify.Tally{}}
	}); err != nil {
		return nil, err
	}
	e.found.Source, e.found.Target = digestOf(tallies[reconcile.Source].Sum()), digestOf(tallies[reconcile.Target].Sum())
	s := e.sides
	if err := s.watch(ctx); err != nil || e.query != nil || e.sample.share < 1 {
		return &tallies, err
	}
	if read := e.found.Target.Docs; read != s.there {
		return nil, fmt.Errorf("%d documents of the target were read where _count says %d; is somebody writing to it?", read, s.there)
	}
	if read := e.found.Source.Docs; read != s.here && !s.moving {
		return nil, fmt.Errorf("%d documents of the source were read where _count says %d", read, s.here)
	}
	return &tallies, nil
}

// counting adds documents up. An attempt that is interrupted adds nothing.
type counting struct {
	content   bool
	mu        *sync.Mutex
	sum, mine *verify.Tally
	shard     *digest.Sum
}

func (c *counting) take(d *batch.Doc, key digest.Hash, h *digest.Hasher) (err error) {
	var content digest.Hash
	if c.content {
		content, err = h.Content(d)
	}
	c.mine.Add(key, digest.Document(key, d.Version, content))
	return err
}

func (c *counting) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.Merge(c.mine)
	*c.shard = c.shard.Plus(c.mine.Sum())
}

// spooling keeps what each side holds of the chosen documents.
type spooling struct {
	content bool
	spool   *reconcile.Spool
	side    reconcile.Side
	number  int
}

func (s *spooling) take(d *batch.Doc, _ digest.Hash, h *digest.Hasher) (err error) {
	entry := reconcile.Entry{Key: cluster.KeyOf(d), Version: d.Version, SeqNo: d.SeqNo, Term: d.Term, Shard: s.number}
	if s.content {
		if entry.Digest, err = h.Content(d); err != nil {
			return err
		}
	}
	return s.spool.Add(s.side, entry)
}

func (s *spooling) end() {}

// lookAgain finds the documents in which the sides differ.
func (e *examination) lookAgain(ctx context.Context, doubtful *verify.Doubtful, repair bool) (err error) {
	spool, err := reconcile.Open(e.sides.index.ferry.options.Reconcile.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	chosen := choice{
		holds: func(key digest.Hash) bool { return doubtful.Holds(key) && e.sample.holds(key) },
		share: e.sample.share * doubtful.Share(),
	}
	if err := e.scan(ctx, chosen, func(side reconcile.Side, number int) taker {
		return &spooling{content: e.content, spool: spool, side: side, number: number}
	}); err != nil {
		return err
	}
	if err := e.differences(ctx, spool, e.list); err != nil || !repair || e.found.Differences == 0 {
		return err
	}
	return e.repair(ctx, spool)
}

// list notes a document that differs.
func (e *examination) list(d reconcile.Difference) error {
	if e.found.Differences++; e.found.Differences <= listed {
		e.found.Differing = append(e.found.Differing, differing(d))
	}
	return nil
}

// repair carries what differs, and deletes what the target has too much.
func (e *examination) repair(ctx context.Context, spool *reconcile.Spool) error {
	r := &reconciliation{sides: e.sides, spool: spool, content: e.content}
	r.differences = func(ctx context.Context, visit func(reconcile.Difference) error) error {
		return e.differences(ctx, spool, visit)
	}
	found, err := r.weigh(ctx)
	if err != nil {
		return err
	}
	e.found.Repaired = found
	return r.equalize(ctx, found)
}

// scan reads the chosen documents of both sides at the same time, windows of
// their shards in parallel. begin gives who is told of a window, anew for each
// attempt.
func (e *examination) scan(ctx context.Context, chosen choice, begin func(side reconcile.Side, number int) taker) error {
	ix := e.sides.index
	g, _ := group.New(ctx)
	read := func(side reconcile.Side, on *cluster.Cluster, positions []shard.Position, how func(stream.Options) stream.Options) { //nolint:contextcheck // the group hands the context on
		work := make(chan task)
		g.Go("windows of the "+side.String(), func(ctx context.Context) error {
			defer close(work)
			return e.cut(ctx, on, positions, work)
		})
		docs := e.documents(on, positions[0].Shard.Index, chosen, how)
		for range readersFor(ix.ferry.options.Stream.Readers, len(positions)) {
			g.Go("documents of the "+side.String(), func(ctx context.Context) error {
				for t := range work {
					if err := retry.Do(ctx, retry.Policy{}, func(ctx context.Context) error {
						return e.tell(ctx, docs.read(ctx, t), chosen, begin(side, t.position.Shard.Number))
					}); err != nil {
						return err
					}
				}
				return ctx.Err()
			})
		}
	}
	read(reconcile.Source, ix.source(), e.sides.source, ix.paced)
	read(reconcile.Target, ix.ferry.target, e.sides.target, ix.pages)
	return g.Wait()
}

// cut makes windows of all shards. Numbers above the highest of the positions
// are of writes that came after: both sides are asked about these documents
// anyway.
func (e *examination) cut(ctx context.Context, on *cluster.Cluster, positions []shard.Position, work chan<- task) error {
	for _, p := range positions {
		windows := []shard.Window{shard.All(p.Shard)}
		// A query leaves most windows empty.
		if e.query == nil && e.sides.rec.numbered() {
			var err error
			if windows, err = e.sides.index.ferry.cut(ctx, on, p, shard.Window{Shard: p.Shard, From: -1, To: p.Max}); err != nil {
				return err
			}
		}
		for _, w := range windows {
			select {
			case work <- task{window: w, position: p}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// tell tells of the chosen ones of documents.
func (e *examination) tell(ctx context.Context, documents iter.Seq2[*batch.Batch, error], chosen choice, to taker) error {
	var h digest.Hasher
	for b, err := range documents {
		if err != nil {
			return err
		}
		docs, bytes := int64(len(b.Docs)), b.Bytes()
		for i := range b.Docs {
			if key := h.Key(&b.Docs[i]); err == nil && chosen.holds(key) {
				err = to.take(&b.Docs[i], key, &h)
			}
		}
		b.Release()
		if err != nil {
			return err
		}
		e.sides.index.ferry.note(report.Event{Kind: report.Progress, Phase: "verify", Index: e.sides.rec.Index, Docs: docs, Bytes: bytes})
	}
	to.end()
	return ctx.Err()
}

// documents reads one side's documents, the chosen ones among them, at that side's
// pace. Where these are few, their contents are asked for by id: the engine then
// reads the others' ids only.
type documents struct {
	reader  *stream.Reader
	fetcher *stream.Fetcher
	chosen  choice
}

func (e *examination) documents(on *cluster.Cluster, index string, chosen choice, how func(stream.Options) stream.Options) *documents {
	ix := e.sides.index
	few := e.content && chosen.share <= fewEnough
	d := &documents{chosen: chosen}
	d.reader = stream.NewReader(on, ix.ferry.budget, how(stream.Options{IDsOnly: !e.content || few, Query: e.query}))
	if few {
		d.fetcher = stream.NewFetcher(on, index, ix.ferry.budget, how(stream.Options{}))
	}
	return d
}

func (d *documents) read(ctx context.Context, t task) iter.Seq2[*batch.Batch, error] {
	all := d.reader.Read(ctx, t.position, t.window)
	if d.fetcher == nil {
		return all
	}
	return func(yield func(*batch.Batch, error) bool) {
		for b, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			keys := d.chosen.keys(b)
			b.Release()
			for found, err := range d.fetcher.Fetch(ctx, keys) {
				if !yield(found, err) || err != nil {
					return
				}
			}
		}
	}
}

// keys gives those of the chosen documents in a batch.
func (c choice) keys(b *batch.Batch) []cluster.Key {
	var h digest.Hasher
	var keys []cluster.Key
	for i := range b.Docs {
		if d := &b.Docs[i]; c.holds(h.Key(d)) {
			keys = append(keys, cluster.KeyOf(d))
		}
	}
	return keys
}
