package reconcile

import (
	"errors"
	"hash/maphash"
	"sync"

	"esferry/internal/scratch"
)

const (
	// partitions that documents are divided into. A hundred million documents
	// make 400,000 a partition, 60 MB while it is compared.
	partitions = 256
	// chunk is how many bytes of one partition are gathered before they are
	// written: twice 256 of them are all that a spool holds in memory.
	chunk = 32 << 10
)

// Side is one of the two that are compared.
type Side int

// The sides.
const (
	Source Side = iota
	Target
)

// String names the side.
func (s Side) String() string {
	if s == Source {
		return "source"
	}
	return "target"
}

// Spool holds what both sides have, on disk. Add is safe for concurrent use;
// the rest is called from one goroutine, after the last Add.
type Spool struct {
	seed maphash.Seed
	// side has a file each.
	side [2]*half
}

// half is one side's file and what was written to it where.
type half struct {
	file *scratch.File

	mu    sync.Mutex
	parts [partitions]part
	docs  int64
}

// part is one partition of one side.
type part struct {
	pending []byte
	written []scratch.Piece
}

// Open makes an empty spool in a folder.
func Open(dir string) (*Spool, error) {
	s := &Spool{seed: maphash.MakeSeed()}
	for i := range s.side {
		file, err := scratch.Open(dir)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.side[i] = &half{file: file}
	}
	return s, nil
}

// Close frees the spool's disk space.
func (s *Spool) Close() error {
	var all []error
	for _, h := range s.side {
		if h != nil {
			all = append(all, h.file.Close())
		}
	}
	return errors.Join(all...)
}

// Add tells what one side holds. The entry's strings are copied.
func (s *Spool) Add(side Side, e Entry) error {
	h, n := s.side[side], s.partition(e)
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.parts[n]
	p.pending = e.append(p.pending)
	h.docs++
	if len(p.pending) < chunk {
		return nil
	}
	return h.flush(p)
}

// Docs is how many entries were told of a side, those told twice included.
func (s *Spool) Docs(side Side) int64 {
	h := s.side[side]
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.docs
}

// partition hashes with a seed of its own, so that no choice of ids can put
// all into one.
func (s *Spool) partition(e Entry) int {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.WriteString(e.Key.ID)      // a hash takes all
	_, _ = h.WriteString(e.Key.Routing) // a hash takes all
	return int(h.Sum64() % partitions)
}

// flush writes what is pending of a partition. The caller holds the lock.
func (h *half) flush(p *part) error {
	piece, err := h.file.Keep(p.pending)
	if err != nil {
		return err
	}
	p.written, p.pending = append(p.written, piece), p.pending[:0]
	return nil
}

// load gives one partition of a side, in the order it was told.
func (s *Spool) load(side Side, number int) ([]byte, error) {
	h := s.side[side]
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.parts[number]
	var out []byte
	for _, piece := range p.written {
		data, err := h.file.Load(piece)
		if err != nil {
			return nil, err
		}
		out = append(out, data...)
	}
	return append(out, p.pending...), nil
}
