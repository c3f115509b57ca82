package verify

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"esferry/internal/digest"
)

// A sketch has rows, and each document a cell in every one of them.
const (
	rows, columns = 3, 4096
	cells         = rows * columns
)

// Sketched is how many entries two sketches may differ in so that these can most
// likely be told: a document that only one side holds is one entry, and one that
// both hold, each another way, is two. Three rows can be unravelled up to 0.81
// entries for each cell; the rest is for bad luck.
const Sketched = cells * 3 / 4

// Sketch tells of two sides, however large, in which documents they differ, as long
// as these are few: an invertible Bloom lookup table (Eppstein, Goodrich, Uyeda,
// Varghese: What's the Difference? Efficient Set Reconciliation without Prior
// Context, SIGCOMM 2011). Its size follows the documents it was told of, and is at
// most 590 KB. The zero Sketch is that of an empty index. It belongs to one
// goroutine.
type Sketch struct {
	cells [cells]cell
}

// cell holds how many entries fell into it, and what they are together. Each falls
// out again where it is told once more.
type cell struct {
	docs          int64
	key, document digest.Hash
	// check tells one entry from several that happen to look like one.
	check uint64
}

// entryBytes are those of an encoded cell, beside its place and count.
const entryBytes = 5 * 8

// Add tells of one document, by the hash of its key and its own.
func (s *Sketch) Add(key, document digest.Hash) { s.tell(1, key, document) }

func (s *Sketch) tell(docs int64, key, document digest.Hash) {
	one := cell{docs: docs, key: key, document: document, check: check(document)}
	for _, at := range places(document) {
		s.cells[at].merge(one)
	}
}

// Merge tells of all documents that the other one was told of: those of another
// shard, say.
func (s *Sketch) Merge(o *Sketch) {
	for i := range s.cells {
		s.cells[i].merge(o.cells[i])
	}
}

func (c *cell) merge(o cell) {
	c.docs += o.docs
	c.key = either(c.key, o.key)
	c.document = either(c.document, o.document)
	c.check ^= o.check
}

func either(a, b digest.Hash) digest.Hash { return digest.Hash{Hi: a.Hi ^ b.Hi, Lo: a.Lo ^ b.Lo} }

// single reports whether just one entry is left in the cell.
func (c *cell) single() bool {
	return (c.docs == 1 || c.docs == -1) && c.check == check(c.document)
}

// places gives an entry's cells, one in each row.
func places(document digest.Hash) [rows]int {
	return [rows]int{
		int(document.Hi % columns),
		columns + int(document.Hi>>32%columns),
		2*columns + int(document.Lo%columns),
	}
}

// check is a hash of a hash: sums of hashes have another one.
func check(document digest.Hash) uint64 {
	hi, lo := bits.Mul64(document.Hi^0x9e3779b97f4a7c15, document.Lo^0xd6e8feb86659fd93)
	return hi ^ lo
}

// Keys gives the hashes of the keys of all documents in which the sides differ; ok
// is false where these are too many to be told.
func Keys(source, target *Sketch) (keys map[digest.Hash]struct{}, ok bool) {
	var left Sketch
	for i := range left.cells {
		left.cells[i] = source.cells[i]
		o := target.cells[i]
		o.docs = -o.docs
		left.cells[i].merge(o)
	}
	return left.unravel()
}

// unravel takes out what lies alone in a cell, until nothing is left or nothing
// lies alone.
func (s *Sketch) unravel() (keys map[digest.Hash]struct{}, ok bool) {
	keys = map[digest.Hash]struct{}{}
	var look []int
	for i := range s.cells {
		look = append(look, i)
	}
	for told := 0; len(look) > 0; {
		at := look[len(look)-1]
		look = look[:len(look)-1]
		one := s.cells[at]
		if !one.single() {
			continue
		}
		if told++; told > cells {
			// More than fits: a cell that was damaged on its way.
			return nil, false
		}
		keys[one.key] = struct{}{}
		s.tell(-one.docs, one.key, one.document)
		again := places(one.document)
		look = append(look, again[:]...)
	}
	return keys, *s == Sketch{}
}

// appendCell encodes a cell onto b.
func appendCell(c cell, b []byte) []byte {
	b = binary.AppendVarint(b, c.docs)
	for _, part := range [...]uint64{c.key.Hi, c.key.Lo, c.document.Hi, c.document.Lo, c.check} {
		b = binary.BigEndian.AppendUint64(b, part)
	}
	return b
}

// readCell decodes the cell that b begins with, and gives the rest.
func readCell(b []byte) (c cell, rest []byte, err error) {
	docs, n := binary.Varint(b)
	if n <= 0 || len(b) < n+entryBytes {
		return c, nil, errSparse
	}
	b = b[n:]
	part := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return cell{
		docs: docs, key: digest.Hash{Hi: part(0), Lo: part(1)}, document: digest.Hash{Hi: part(2), Lo: part(3)}, check: part(4),
	}, b[entryBytes:], nil
}

// MarshalText encodes the cells that hold something: at most 740 KB.
func (s *Sketch) MarshalText() ([]byte, error) { return encodeSparse(s.cells[:], appendCell), nil }

// UnmarshalText decodes a sketch in place of what s was told.
func (s *Sketch) UnmarshalText(text []byte) error {
	if err := decodeSparse(s.cells[:], text, readCell); err != nil {
		return fmt.Errorf("decode a sketch: %w", err)
	}
	return nil
}
