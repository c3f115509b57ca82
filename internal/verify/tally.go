package verify

import (
	"fmt"
	"math"

	"esferry/internal/digest"
)

// Partitions that an index's documents are divided into by the hash of their
// keys: what is read twice is the partitions that differ, so that one document
// in a hundred million costs a look at 24,000 of each side.
const Partitions = 4096

// Tally is the digest of what one side holds, partition by partition: 96 KiB
// whatever the index's size. The zero Tally is that of an empty index. It
// belongs to one goroutine.
type Tally struct {
	parts [Partitions]digest.Sum
}

// Add tells of one document, by the hash of its key and its own.
func (t *Tally) Add(key, document digest.Hash) {
	part := &t.parts[key.Hi%Partitions]
	*part = part.With(document)
}

// Merge tells of all documents that the other one was told of: those of
// another shard, say.
func (t *Tally) Merge(o *Tally) {
	for i := range t.parts {
		t.parts[i] = t.parts[i].Plus(o.parts[i])
	}
}

// Sum gives the digest of the whole.
func (t *Tally) Sum() (all digest.Sum) {
	for _, s := range t.parts {
		all = all.Plus(s)
	}
	return all
}

// MarshalText encodes the partitions that hold something: at most 140 KB.
func (t *Tally) MarshalText() ([]byte, error) {
	return encodeSparse(t.parts[:], digest.Sum.Append), nil
}

// UnmarshalText decodes a tally in place of what t was told.
func (t *Tally) UnmarshalText(text []byte) error {
	if err := decodeSparse(t.parts[:], text, digest.ReadSum); err != nil {
		return fmt.Errorf("decode a tally: %w", err)
	}
	return nil
}

// Doubtful is the partitions in which two sides differ.
type Doubtful struct {
	part [Partitions]bool
	n    int
}

// Differing gives the partitions in which the sides differ; equal digests
// everywhere mean equal sets (protocol 5).
func Differing(source, target *Tally) *Doubtful {
	d := &Doubtful{}
	for i := range source.parts {
		if source.parts[i] != target.parts[i] {
			d.part[i] = true
			d.n++
		}
	}
	return d
}

// Len is how many partitions differ.
func (d *Doubtful) Len() int { return d.n }

// Share is how much of all documents they hold, about.
func (d *Doubtful) Share() float64 { return float64(d.n) / Partitions }

// Holds reports whether a key's partition is among them.
func (d *Doubtful) Holds(key digest.Hash) bool { return d.part[key.Hi%Partitions] }

// Sample is a share of all documents, chosen by the hash of their keys: the
// same ones on both sides, and in every run.
type Sample struct{ below uint64 }

// NewSample gives the sample of a share; every document for one of 1 or more.
func NewSample(share float64) Sample {
	if share >= 1 {
		return Sample{below: math.MaxUint64}
	}
	return Sample{below: uint64(max(0, share) * (1 << 63) * 2)}
}

// Holds reports whether a key is in the sample.
func (s Sample) Holds(key digest.Hash) bool {
	// The other half of the hash chooses the partition.
	return s.below == math.MaxUint64 || key.Lo < s.below
}
