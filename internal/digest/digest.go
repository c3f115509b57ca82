package digest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/bits"

	"github.com/zeebo/xxh3"

	"esferry/internal/batch"
	"esferry/internal/jsonscan"
)

// Definition names how the digest of a document is made; docs/certificate.md
// tells it in words. Another way gets another name.
const Definition = "esferry-xxh3-128-sum/1"

// Hash is 128 bits of XXH3. The zero Hash stands for what was not read.
type Hash struct{ Hi, Lo uint64 }

// Sum is the digest of a set of documents: how many, and the sum of their
// hashes modulo 2^128. The zero Sum is the empty set's. Comparable.
type Sum struct {
	Docs   int64
	hi, lo uint64
}

// With gives the digest of the set with one document more.
func (s Sum) With(h Hash) Sum { return s.Plus(Sum{Docs: 1, hi: h.Hi, lo: h.Lo}) }

// Plus gives the digest of both sets together.
func (s Sum) Plus(o Sum) Sum {
	lo, carry := bits.Add64(s.lo, o.lo, 0)
	hi, _ := bits.Add64(s.hi, o.hi, carry)
	return Sum{Docs: s.Docs + o.Docs, hi: hi, lo: lo}
}

// String gives the 128 bits in hexadecimal digits, without the count.
func (s Sum) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], s.hi)
	binary.BigEndian.PutUint64(b[8:], s.lo)
	return hex.EncodeToString(b[:])
}

// sumBytes is what follows the count in an encoded Sum.
const sumBytes = 16

// Append encodes the digest onto b.
func (s Sum) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.Docs)) //nolint:gosec // a count
	b = binary.BigEndian.AppendUint64(b, s.hi)
	return binary.BigEndian.AppendUint64(b, s.lo)
}

// errSum is what is no encoded Sum.
var errSum = errors.New("it is no digest")

// ReadSum decodes the digest that b begins with, and gives the rest.
func ReadSum(b []byte) (s Sum, rest []byte, err error) {
	docs, n := binary.Uvarint(b)
	if n <= 0 || docs > math.MaxInt64 || len(b) < n+sumBytes {
		return s, nil, errSum
	}
	s = Sum{Docs: int64(docs), hi: binary.BigEndian.Uint64(b[n:]), lo: binary.BigEndian.Uint64(b[n+8:])}
	return s, b[n+sumBytes:], nil
}

// Hasher hashes documents without allocating, but for those whose source has
// line breaks. The zero Hasher is ready; it belongs to one goroutine.
type Hasher struct {
	line bytes.Buffer
	key  []byte
}

// Key gives the hash of the document's id, routing and type.
func (h *Hasher) Key(d *batch.Doc) Hash {
	h.key = h.key[:0]
	for _, part := range [...][]byte{d.ID, d.Routing, d.Type} {
		part = jsonscan.Canonical(part)
		h.key = binary.AppendUvarint(h.key, uint64(len(part)))
		h.key = append(h.key, part...)
	}
	return Hash(xxh3.Hash128(h.key))
}

// Content gives the hash of the document's _source as a bulk body carries it,
// so that a source with line breaks equals what arrived of it. An error says
// that the source is not JSON.
func (h *Hasher) Content(d *batch.Doc) (Hash, error) {
	if d.InOneLine() {
		return Hash(xxh3.Hash128(d.Source)), nil
	}
	h.line.Reset()
	if err := d.Line(&h.line); err != nil {
		return Hash{}, err
	}
	return Hash(xxh3.Hash128(h.line.Bytes())), nil
}

// Document joins the hashes of a document's key and content, and its version.
func Document(key Hash, version int64, content Hash) Hash {
	var b [40]byte
	binary.LittleEndian.PutUint64(b[0:], key.Hi)
	binary.LittleEndian.PutUint64(b[8:], key.Lo)
	binary.LittleEndian.PutUint64(b[16:], uint64(version)) //nolint:gosec // all that counts is that two versions differ
	binary.LittleEndian.PutUint64(b[24:], content.Hi)
	binary.LittleEndian.PutUint64(b[32:], content.Lo)
	return Hash(xxh3.Hash128(b[:]))
}
