package census

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/scratch"
	"esferry/internal/shard"
)

// Census is of one index. Its methods, and those of its shards, are safe for
// concurrent use, except Close, which is called last.
type Census struct {
	file   *scratch.File
	shards []*Shard
}

// Shard is the census of one shard.
type Shard struct {
	file *scratch.File

	mu    sync.Mutex
	held  *roaring64.Bitmap
	pages []page
}

// page is where the ids of a page are, whose numbers lie between first and last.
type page struct {
	first, last int64
	ids         scratch.Piece
}

// Entry is one document, under the number it had.
type Entry struct {
	Key   cluster.Key
	SeqNo int64
}

// Open makes an empty census of an index with so many shards, with a file in dir.
func Open(dir string, shards int) (*Census, error) {
	file, err := scratch.Open(dir)
	if err != nil {
		return nil, err
	}
	c := &Census{file: file, shards: make([]*Shard, shards)}
	for i := range c.shards {
		c.shards[i] = &Shard{file: file, held: roaring64.New()}
	}
	return c, nil
}

// Close frees the disk space.
func (c *Census) Close() error { return c.file.Close() }

// Shard gives the shard of a number.
func (c *Census) Shard(number int) *Shard { return c.shards[number] }

// Add notes the documents of a page; a page may be told twice. An error is a
// *scratch.DiskError.
func (c *Census) Add(b *batch.Batch) error {
	if len(b.Docs) == 0 {
		return nil
	}
	p := page{first: math.MaxInt64, last: -1}
	var ids []byte
	numbers := make([]uint64, 0, len(b.Docs))
	for i := range b.Docs {
		d := &b.Docs[i]
		key := cluster.KeyOf(d)
		ids = scratch.AppendWords(ids, key.ID, key.Routing, key.Type)
		ids = binary.AppendVarint(ids, d.SeqNo)
		numbers = append(numbers, uint64(d.SeqNo)) //nolint:gosec // numbered documents have none below 0
		p.first, p.last = min(p.first, d.SeqNo), max(p.last, d.SeqNo)
	}
	var err error
	if p.ids, err = c.file.Keep(ids); err != nil {
		return err
	}
	s := c.shards[b.Window.Shard.Number]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.AddMany(numbers)
	s.pages = append(s.pages, p)
	return nil
}

// Count counts what the shard held, as verify.Counter says.
func (s *Shard) Count(_ context.Context, w shard.Window, within []shard.Window, interval int64) ([]shard.Bucket, error) {
	if len(within) == 0 {
		within = []shard.Window{w}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []shard.Bucket
	for _, part := range within {
		from, to := max(w.From, part.From)+1, min(w.To, part.To)
		for next := from - from%interval; next <= to; next += interval {
			docs := s.between(max(from, next), min(to, next+interval-1))
			switch last := len(out) - 1; {
			case docs == 0:
			case last >= 0 && out[last].From == next:
				out[last].Docs += docs
			default:
				out = append(out, shard.Bucket{From: next, Docs: docs})
			}
		}
	}
	return out, nil
}

// between counts the numbers from first to last.
func (s *Shard) between(first, last int64) int64 {
	n := s.held.Rank(uint64(last)) //nolint:gosec // never below 0
	if first > 0 {
		n -= s.held.Rank(uint64(first - 1))
	}
	return int64(n) //nolint:gosec // a count of documents
}

// Held gives the documents that the shard held within the windows, in the order of
// their numbers. An error is a *scratch.DiskError.
func (s *Shard) Held(within []shard.Window) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[int64]Entry{}
	for _, p := range s.pages {
		if !slices.ContainsFunc(within, func(w shard.Window) bool { return w.Overlaps(p.first-1, p.last) }) {
			continue
		}
		ids, err := s.file.Load(p.ids)
		if err != nil {
			return nil, err
		}
		for len(ids) > 0 {
			var e Entry
			if ids, err = e.read(ids); err != nil {
				return nil, s.file.Torn(err)
			}
			if s.held.Contains(uint64(e.SeqNo)) && slices.ContainsFunc(within, func(w shard.Window) bool { return w.Overlaps(e.SeqNo-1, e.SeqNo) }) { //nolint:gosec // never below 0
				found[e.SeqNo] = e
			}
		}
	}
	out := make([]Entry, 0, len(found))
	for _, e := range found {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.SeqNo, b.SeqNo) })
	return out, nil
}

// read decodes the first entry of ids and gives what follows it.
func (e *Entry) read(ids []byte) ([]byte, error) {
	ids, err := scratch.ReadWords(ids, &e.Key.ID, &e.Key.Routing, &e.Key.Type)
	if err != nil {
		return nil, err
	}
	return scratch.ReadNumbers(ids, &e.SeqNo)
}

// Forget takes a number out.
func (s *Shard) Forget(seqNo int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.Remove(uint64(seqNo)) //nolint:gosec // never below 0
}
