package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"time"

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
	"esferry/internal/workers"
	"esferry/stream"
)

// fewEnough is the share of documents up to which it costs less to read ids
// alone and ask for the contents of the chosen ones than to read all contents.
const fewEnough = 0.1

// comparedPages is how many times larger pages are that nobody writes: engines take
// less for a document of a larger one, and nothing but its digest is kept.
const comparedPages = 2

// So many documents, or bytes of them, are told of at once while they are compared.
const (
	notedDocs  = 10_000
	notedBytes = 8 << 20
)

// examination compares documents of an index by ids or contents. The first scan
// gives digests; where they differ a second one finds the documents, and both
// sides are asked about each before it counts.
type examination struct {
	sides   *sides
	content bool
	query   json.RawMessage
	sample  choice
	found   Verification
	// sketching: a sketch of each side is taken, too.
	sketching bool
	// perShard and began are for a certificate.
	perShard [2][]digest.Sum
	began    time.Time
}

// choice is some of all documents, by the hash of their keys.
type choice struct {
	holds func(key digest.Hash) bool
	// share of all documents that this is, about.
	share float64
	// numbered: their sequence numbers are asked for, too.
	numbered bool
}

// taker is told of the documents of one attempt at a window, and of its end.
type taker interface {
	take(d *batch.Doc, key digest.Hash, h *digest.Hasher) error
	end()
}

// examination of all documents of both sides.
func (s *sides) examination(content bool) *examination {
	return &examination{
		sides: s, content: content, sample: choice{holds: verify.NewSample(1).Holds, share: 1}, began: time.Now().UTC(),
		perShard: [2][]digest.Sum{make([]digest.Sum, len(s.source)), make([]digest.Sum, len(s.target))},
	}
}

// examineOnce compares, and repairs where that is asked for: then the
// Verification tells what it was before.
func (ix *index) examineOnce(ctx context.Context, q VerifyRequest, query json.RawMessage) (Verification, error) {
	s, err := ix.sides(ctx)
	if err != nil {
		return Verification{}, err
	}
	e := s.examination(q.Level == LevelContent)
	e.query, e.sample = query, choice{holds: verify.NewSample(q.Sample).Holds, share: q.Sample}
	e.found = Verification{Level: q.Level, Sample: q.Sample, Positions: s.source}
	source, target, err := e.counted(ctx)
	if err != nil {
		return e.found, err
	}
	doubtful := verify.Differing(source.Tally, target.Tally)
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
		if err := e.certify(ctx, source.Tally); err != nil {
			return *v, err
		}
	}
	_, err = s.keepCounts(ctx)
	return *v, err
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

// tellSpool tells what both sides hold of the chosen documents.
func (e *examination) tellSpool(ctx context.Context, chosen choice, spool *reconcile.Spool) error {
	return e.scan(ctx, chosen, func(side reconcile.Side, number int) taker {
		return &spooling{content: e.content, spool: spool, side: side, number: number}
	}, nil)
}

// lookAgain finds the documents in which the sides differ.
func (e *examination) lookAgain(ctx context.Context, doubtful *verify.Doubtful, repair bool) (err error) {
	spool, err := reconcile.Open(e.sides.index.ferry.options.Reconcile.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	chosen := choice{
		holds: func(key digest.Hash) bool { return doubtful.Holds(key) && e.sample.holds(key) },
		share: e.sample.share * doubtful.Share(), numbered: true,
	}
	if err := e.tellSpool(ctx, chosen, spool); err != nil {
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
// attempt. Where lent is not nil, it has some windows looked at by workers.
func (e *examination) scan(ctx context.Context, chosen choice, begin func(side reconcile.Side, number int) taker, lent lending) error {
	g, _ := group.New(ctx)
	for side, positions := range [...][]shard.Position{e.sides.source, e.sides.target} {
		side := reconcile.Side(side)
		work := make(chan task)
		g.Go("windows of the "+side.String(), func(ctx context.Context) error {
			defer close(work)
			return e.cut(ctx, e.on(side), positions, work)
		})
		docs := e.documents(side, chosen)
		d := e.dealer(len(positions), func(ctx context.Context, t task) error {
			return retry.Do(ctx, e.sides.again(t.window), func(ctx context.Context) error {
				_, _, err := e.tell(ctx, docs.read(ctx, t), chosen, begin(side, t.position.Shard.Number))
				return err
			})
		})
		e.lend(d, side, lent)
		g.Go("documents of the "+side.String(), func(ctx context.Context) error { return d.deal(ctx, work) })
	}
	return g.Wait()
}

// dealer has windows of so many shards read here, by readers of its own.
func (e *examination) dealer(shards int, read func(ctx context.Context, t task) error) *dealer {
	readers := readersFor(e.sides.index.ferry.options.Stream.Readers, shards)
	return &dealer{index: e.sides.rec.Index, readers: readers, places: semaphore.NewWeighted(int64(readers)), here: read}
}

// lending has a window of a side looked at by a worker. Where refused is true it
// was not, as err says.
type lending func(ctx context.Context, hand *workers.Hand, side reconcile.Side, t task) (refused bool, err error)

// lend has a dealer lend what it deals, unless lent is nil.
func (e *examination) lend(d *dealer, side reconcile.Side, lent lending) {
	if lent == nil {
		return
	}
	e.sides.index.ferry.lend(d, func(ctx context.Context, hand *workers.Hand, t task) (refused bool, err error) {
		return lent(ctx, hand, side, t)
	})
}

// on gives a side's cluster.
func (e *examination) on(side reconcile.Side) *cluster.Cluster {
	if side == reconcile.Source {
		return e.sides.index.source()
	}
	return e.sides.index.ferry.target
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
			f := e.sides.index.ferry
			if windows, err = f.cut(ctx, on, p, shard.Window{Shard: p.Shard, From: -1, To: p.Max}, f.compared()); err != nil {
				return err
			}
			if e.sketching && len(windows) > 0 {
				// What is changed meanwhile has not left the source.
				windows[len(windows)-1].To = math.MaxInt64
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

// tell tells of the chosen ones of documents, and gives how many were read, and
// their bytes.
func (e *examination) tell(ctx context.Context, documents iter.Seq2[*batch.Batch, error], chosen choice, to taker) (docs, bytes int64, err error) {
	var h digest.Hasher
	// Pages come in pieces of which each is too little to tell of.
	var toldDocs, toldBytes int64
	note := func() {
		e.note(docs-toldDocs, bytes-toldBytes)
		toldDocs, toldBytes = docs, bytes
	}
	for b, err := range documents {
		if err != nil {
			return docs, bytes, err
		}
		docs, bytes = docs+int64(len(b.Docs)), bytes+b.Bytes()
		for i := range b.Docs {
			if key := h.Key(&b.Docs[i]); err == nil && chosen.holds(key) {
				err = to.take(&b.Docs[i], key, &h)
			}
		}
		b.Release()
		if err != nil {
			return docs, bytes, err
		}
		if docs-toldDocs >= notedDocs || bytes-toldBytes >= notedBytes {
			note()
		}
	}
	if docs > toldDocs {
		note()
	}
	to.end()
	return docs, bytes, ctx.Err()
}

// note tells of documents that were compared.
func (e *examination) note(docs, bytes int64) {
	phase := "verify"
	if e.sketching {
		phase = "reconcile"
	}
	e.sides.index.ferry.note(report.Event{Kind: report.Progress, Phase: phase, Index: e.sides.rec.Index, Docs: docs, Bytes: bytes})
}

// documents reads one side's documents, the chosen ones among them, at that side's
// pace. Where these are few, their contents are asked for by id: the engine then
// reads the others' ids only.
type documents struct {
	reader  *stream.Reader
	fetcher *stream.Fetcher
	chosen  choice
}

func (e *examination) documents(side reconcile.Side, chosen choice) *documents {
	ix, on := e.sides.index, e.on(side)
	// The source is read at its pace.
	index, how := e.sides.rec.Index, ix.paced
	if side == reconcile.Target {
		index, how = e.sides.rec.Target, ix.pages
	}
	few := e.content && chosen.share <= fewEnough
	d := &documents{chosen: chosen}
	pages := how(stream.Options{IDsOnly: !e.content || few, Query: e.query, Unnumbered: !chosen.numbered, Ahead: true})
	pages.PageBytes *= comparedPages
	d.reader = stream.NewReader(on, ix.ferry.budget, pages)
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
