package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"sync"

	"golang.org/x/sync/semaphore"

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
}

// choice is some of all documents, by the hash of their keys.
type choice struct {
	holds func(key digest.Hash) bool
	// share of all documents that this is, about.
	share float64
}

// taker is told of the documents of one attempt at a shard, and of its end.
type taker interface {
	take(d *batch.Doc, key digest.Hash, h *digest.Hasher) error
	end()
}

// examineOnce compares, and repairs where that is asked for: then the
// Verification tells what it was before.
func (ix *index) examineOnce(ctx context.Context, q VerifyRequest, query json.RawMessage) (Verification, error) {
	s, err := ix.sides(ctx)
	if err != nil {
		return Verification{}, err
	}
	if err := s.count(ctx); err != nil {
		return Verification{}, err
	}
	e := &examination{
		sides: s, content: q.Level == LevelContent, query: query,
		sample: choice{holds: verify.NewSample(q.Sample).Holds, share: q.Sample},
		found:  Verification{Level: q.Level, Sample: q.Sample, Positions: s.source},
	}
	var tallies [2]verify.Tally
	var mu sync.Mutex
	if err := e.scan(ctx, e.sample, func(side reconcile.Side, _ int) taker {
		return &counting{content: e.content, mu: &mu, sum: &tallies[side], mine: &verify.Tally{}}
	}); err != nil {
		return e.found, err
	}
	e.found.Source, e.found.Target = digestOf(tallies[reconcile.Source].Sum()), digestOf(tallies[reconcile.Target].Sum())
	doubtful := verify.Differing(&tallies[reconcile.Source], &tallies[reconcile.Target])
	if doubtful.Len() > 0 {
		if err := e.lookAgain(ctx, doubtful, q.Repair); err != nil {
			return e.found, err
		}
	}
	err = s.watch(ctx)
	v := &e.found
	v.Moving = s.moving || v.OnTheirWay > 0
	v.Equal = doubtful.Len() == 0 || v.Differences+v.OnTheirWay == 0 && !v.Moving && v.OtherBytes+v.DeletesIgnored > 0
	return *v, err
}

// counting adds documents up. An attempt that is interrupted adds nothing.
type counting struct {
	content   bool
	mu        *sync.Mutex
	sum, mine *verify.Tally
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

// scan reads the chosen documents of both sides at the same time, their shards
// in parallel. begin gives who is told of a shard, anew for each attempt.
func (e *examination) scan(ctx context.Context, chosen choice, begin func(side reconcile.Side, number int) taker) error {
	ix := e.sides.index
	g, _ := group.New(ctx)
	read := func(side reconcile.Side, on *cluster.Cluster, positions []shard.Position) { //nolint:contextcheck // the group hands the context on
		busy := semaphore.NewWeighted(int64(max(1, ix.ferry.options.Stream.Readers)))
		for _, p := range positions {
			g.Go("documents of "+p.Shard.String(), func(ctx context.Context) error {
				if err := busy.Acquire(ctx, 1); err != nil {
					return err
				}
				defer busy.Release(1)
				return retry.Do(ctx, retry.Policy{}, func(ctx context.Context) error {
					return e.scanShard(ctx, e.read(ctx, on, p, chosen), chosen, begin(side, p.Shard.Number))
				})
			})
		}
	}
	read(reconcile.Source, ix.source(), e.sides.source)
	read(reconcile.Target, ix.ferry.target, e.sides.target)
	return g.Wait()
}

// scanShard tells of the chosen ones of documents.
func (e *examination) scanShard(ctx context.Context, documents iter.Seq2[*batch.Batch, error], chosen choice, to taker) error {
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

// read gives documents of a shard, the chosen ones among them. Where these are
// few, their contents are asked for by id: the engine then reads the others'
// ids only.
func (e *examination) read(ctx context.Context, on *cluster.Cluster, p shard.Position, chosen choice) iter.Seq2[*batch.Batch, error] {
	ix := e.sides.index
	few := e.content && chosen.share <= fewEnough
	reader := stream.NewReader(on, ix.ferry.budget, ix.pages(stream.Options{IDsOnly: !e.content || few, Query: e.query}))
	all := reader.Read(ctx, p, shard.All(p.Shard))
	if !few {
		return all
	}
	fetcher := stream.NewFetcher(on, p.Shard.Index, ix.ferry.budget, ix.pages(stream.Options{}))
	return func(yield func(*batch.Batch, error) bool) {
		for b, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			keys := chosen.keys(b)
			b.Release()
			for found, err := range fetcher.Fetch(ctx, keys) {
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
