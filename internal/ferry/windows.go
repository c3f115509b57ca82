package ferry

import (
	"context"

	"esferry/internal/cluster"
	"esferry/internal/shard"
)

// sizing is what windows aim at: bytes of the shard's store, what a crash or a broken
// wire repeats, at most so many documents, and at least so many windows. Engines
// read documents that lie next to each other at a fraction of the cost (7.10: a
// quarter, OpenSearch 2.19: two thirds), and those of few numbers are scattered over
// segments. Where several processes carry, each has readers of its own, and the end,
// at which some of them have nothing to do any more, is a larger part of what is
// shorter: so many windows, times their number, twice.
type sizing struct{ bytes, docs, windows int64 }

// carried windows are written: these keep a shard's readers busy to its end.
func carried() sizing { return sizing{bytes: 64 << 20, docs: 100_000, windows: 4} }

// compared windows are read alone, at some hundred megabytes a second, and each page is
// asked for ahead: one reader keeps a shard's engine busy. It costs engines least to
// read all of a shard as one; where workers may come, they shall find something left.
func (f *Ferry) compared() sizing {
	z := sizing{bytes: 1 << 30, docs: 2_000_000, windows: 1}
	if f.pool != nil {
		z.windows = 2
	}
	return z
}

const (
	// fewestDocs go into one page of small ones, which needs no scroll.
	fewestDocs = 5000
	// bucketsOf a window's documents are what it is sized by; measures bounds those of
	// a shard.
	bucketsOf, measures = 4, 4096
)

// cut divides a shard's window by the histogram of its sequence numbers.
func (f *Ferry) cut(ctx context.Context, source *cluster.Cluster, p shard.Position, w shard.Window, aim sizing) ([]shard.Window, error) {
	if w.All() {
		return []shard.Window{w}, nil
	}
	docs := aim.of(source.Identity(), p, w, f.parties())
	if w.Span() <= docs {
		return w.Cut(nil, docs), nil
	}
	buckets, err := source.Histogram(ctx, p, w, nil, max(docs/bucketsOf, w.Span()/measures))
	if err != nil {
		return nil, err
	}
	return w.Cut(buckets, docs), nil
}

// of gives the documents that windows of w aim at. Before 7.10 engines read each
// document alone, wherever it lies.
func (z sizing) of(engine cluster.Identity, p shard.Position, w shard.Window, parties int) int64 {
	most := z.docs
	if !engine.AtLeast(7, 10) {
		most = fewestDocs
	}
	if p.DocBytes > 0 {
		most = min(most, z.bytes/p.DocBytes)
	}
	return max(fewestDocs, min(most, w.Span()/(z.windows*int64(parties*parties))))
}
