package reconcile

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"
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
	dir  string
	seed maphash.Seed
	// side has a file each.
	side   [2]*half
	packer *zstd.Encoder
	opener *zstd.Decoder
}

// half is one side's file and what was written to it where.
type half struct {
	file *os.File

	mu    sync.Mutex
	end   int64
	parts [partitions]part
	docs  int64
}

// part is one partition of one side.
type part struct {
	pending []byte
	written []extent
}

// extent is a compressed chunk in the file.
type extent struct {
	at     int64
	length int
}

// Open makes an empty spool in a folder. Its files have no names from the
// beginning where the system allows that, so that a crash leaves nothing.
func Open(dir string) (*Spool, error) {
	s := &Spool{dir: dir, seed: maphash.MakeSeed()}
	var err error
	// One of each, without goroutines of their own.
	if s.packer, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, fmt.Errorf("prepare the spool: %w", err)
	}
	if s.opener, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
		return nil, fmt.Errorf("prepare the spool: %w", err)
	}
	for i := range s.side {
		file, err := os.CreateTemp(dir, "esferry-spool-*")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make a spool in %s: %w", dir, err), s.Close())
		}
		_ = os.Remove(file.Name()) //nolint:errcheck // some systems keep open files; Close removes those
		s.side[i] = &half{file: file}
	}
	return s, nil
}

// Close frees the spool's disk space.
func (s *Spool) Close() error {
	var all []error
	for _, h := range s.side {
		if h == nil {
			continue
		}
		all = append(all, h.file.Close())
		if err := os.Remove(h.file.Name()); err != nil && !os.IsNotExist(err) {
			all = append(all, err)
		}
	}
	s.opener.Close()
	all = append(all, s.packer.Close())
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("close the spool in %s: %w", s.dir, err)
	}
	return nil
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
	return s.flush(h, p)
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
func (s *Spool) flush(h *half, p *part) error {
	if len(p.pending) == 0 {
		return nil
	}
	packed := s.packer.EncodeAll(p.pending, nil)
	if _, err := h.file.WriteAt(packed, h.end); err != nil {
		return &DiskError{Dir: s.dir, Err: err}
	}
	p.written = append(p.written, extent{at: h.end, length: len(packed)})
	h.end += int64(len(packed))
	p.pending = p.pending[:0]
	return nil
}

// load gives one partition of a side, in the order it was told.
func (s *Spool) load(side Side, number int) ([]byte, error) {
	h := s.side[side]
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.parts[number]
	var out []byte
	for _, x := range p.written {
		packed := make([]byte, x.length)
		if _, err := h.file.ReadAt(packed, x.at); err != nil {
			return nil, &DiskError{Dir: s.dir, Err: unexpected(err)}
		}
		var err error
		if out, err = s.opener.DecodeAll(packed, out); err != nil {
			return nil, &DiskError{Dir: s.dir, Err: fmt.Errorf("unpack partition %d of the %s: %w", number, side, err)}
		}
	}
	return append(out, p.pending...), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// DiskError says that the spool's files cannot be written or read.
type DiskError struct {
	Dir string
	Err error
}

// Error names the folder.
func (e *DiskError) Error() string { return fmt.Sprintf("use the spool in %s: %s", e.Dir, e.Err) }

// Unwrap gives the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// NextStep is printed on a line of its own.
func (e *DiskError) NextStep() string {
	return "give checkpoint.path a folder with room, about 60 bytes for each document of an index, then run again; it resumes"
}
