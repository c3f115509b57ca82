package verify

import "esferry/internal/digest"

// KeyRanges is how many ranges of partitions a certificate tells apart: document
// keys spread over them evenly.
const KeyRanges = 16

// Ranges gives the digests of so many ranges of partitions, in their order: that
// of number n holds the documents whose key has Hi % 4096 / 256 = n. Together they
// are Sum.
func (t *Tally) Ranges() (out [KeyRanges]digest.Sum) {
	for i, s := range t.parts {
		at := i * KeyRanges / Partitions
		out[at] = out[at].Plus(s)
	}
	return out
}
