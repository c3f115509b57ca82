package etcdstore

import "esferry/checkpoint"

// MostOps and MostBytes bound what Split puts together.
const (
	MostOps   = mostOps
	MostBytes = mostBytes
)

// Split, EncodePart and DecodePart are the pure halves of a commit.
func Split(changes []checkpoint.Record) [][]checkpoint.Record     { return split(changes) }
func EncodePart(records []checkpoint.Record) (string, error)      { return encodePart(records) }
func DecodePart(text []byte) ([]checkpoint.Record, error)         { return decodePart(text) }
func Distinct(r []checkpoint.Record) ([]checkpoint.Record, error) { return distinct(r) }
