package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/jsonscan"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

// Lookup is what a fetcher asks of an engine.
type Lookup interface {
	Documents(ctx context.Context, index string, keys []cluster.Key) (cluster.Page, error)
}

// Fetcher reads documents by their keys, as the index holds them at that very
// moment. Safe for concurrent use.
type Fetcher struct {
	source Lookup
	index  string
	pages  *pager
}

// NewFetcher gives a fetcher of an index's documents whose pages share the
// budget with every reader's. Of the options it needs the sizes, Types and Pace.
func NewFetcher(source Lookup, index string, budget *batch.Budget, o Options) *Fetcher {
	return &Fetcher{source: source, index: index, pages: newPager(budget, o)}
}

// Fetch gives the documents under keys, in their order, in batches; those that
// the index does not hold are left out. The consumer owns each batch and
// releases it. An answer that says of one key neither yes nor no is an error:
// the sequence ends after the first one.
func (f *Fetcher) Fetch(ctx context.Context, keys []cluster.Key) iter.Seq2[*batch.Batch, error] {
	return func(yield func(*batch.Batch, error) bool) {
		lane := f.pages.options.Pace.Lane()
		for len(keys) > 0 {
			var (
				b    *batch.Batch
				done int
			)
			err := retry.Do(ctx, retry.Policy{}, func(ctx context.Context) (err error) {
				b, done, err = f.page(ctx, lane, keys)
				return err
			})
			if err != nil {
				yield(nil, fmt.Errorf("read documents of index %s by id: %w", f.index, err))
				return
			}
			keys = keys[done:]
			if len(b.Docs) == 0 {
				b.Release()
				continue
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// page fetches the first keys, as many as a page should have.
func (f *Fetcher) page(ctx context.Context, lane *batch.Lane, keys []cluster.Key) (*batch.Batch, int, error) {
	for {
		n := min(f.pages.docs(), len(keys))
		if err := lane.Wait(ctx); err != nil {
			return nil, 0, err
		}
		wire, err := f.source.Documents(ctx, f.index, keys[:n])
		lane.Answered()
		if err != nil {
			return nil, 0, err
		}
		if f.pages.tooLarge(wire.Length, n) {
			_ = wire.Body.Close() // it is asked for again, smaller
			f.pages.weigh(wire.Length, n)
			continue
		}
		room, _, err := f.pages.receive(ctx, wire, n)
		if err != nil {
			return nil, 0, &interruption{err}
		}
		docs, err := CutDocuments(room.Buf, keys[:n])
		if err != nil {
			room.Release()
			return nil, 0, err
		}
		f.pages.weigh(int64(len(room.Buf)), n)
		f.pages.untype(docs)
		lane.Spent(n, int64(len(room.Buf)))
		return batch.New(shard.All(shard.ID{Index: f.index}), docs, room.Release), n, nil
	}
}

// interruption is an answer that was lost on the wire: asking again is harmless.
type interruption struct{ error }

// Temporary makes it be asked for again.
func (i *interruption) Temporary() bool { return true }

// Unwrap gives the cause.
func (i *interruption) Unwrap() error { return i.error }

// CutDocuments reads the answer to keys (_mget) without decoding documents: it
// gives those that were found, under their keys.
func CutDocuments(buf []byte, keys []cluster.Key) ([]batch.Doc, error) {
	s := jsonscan.New(buf)
	var docs []batch.Doc
	answered := 0
	err := s.Object(func(key []byte) error {
		if string(key) != "docs" {
			return s.Skip()
		}
		return s.Array(func() error {
			if answered == len(keys) {
				return errors.New("more documents are answered than were asked for")
			}
			d, found, err := document(s)
			if err != nil {
				return fmt.Errorf("document %s: %w", keys[answered].ID, err)
			}
			// Another routing to the same shard finds another document.
			if found && string(d.Routing) == keys[answered].Routing {
				d.ID = []byte(keys[answered].ID)
				docs = append(docs, d)
			}
			answered++
			return nil
		})
	})
	if errors.Is(err, ErrNoSource) {
		return nil, err
	}
	if err != nil {
		return nil, &interruption{fmt.Errorf("cut an answer of %d bytes: %w", len(buf), err)}
	}
	if answered != len(keys) {
		return nil, &interruption{fmt.Errorf("%d documents were asked for and %d answered", len(keys), answered)}
	}
	return docs, nil
}

// document cuts one answer. Neither found nor not found, as when a shard could
// not answer, is an error.
func document(s *jsonscan.Scanner) (batch.Doc, bool, error) {
	d := batch.Doc{SeqNo: -1}
	var found, told bool
	var failure []byte
	err := s.Object(func(key []byte) (err error) {
		switch string(key) {
		case "found":
			told = true
			return s.Bool(&found)
		case "error":
			failure, err = s.Value()
			return err
		default:
			return member(s, &d, fieldOf(key))
		}
	})
	switch {
	case err != nil:
		return d, false, err
	case failure != nil || !told:
		return d, false, fmt.Errorf("no answer: %.200s", failure)
	case found && d.Source == nil:
		return d, false, ErrNoSource
	}
	return d, found, nil
}
