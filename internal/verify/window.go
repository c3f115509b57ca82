package verify

import "esferry/internal/digest"

// Windows are how many ranges of partitions a certificate tells apart: document
// keys spread over them evenly.
const Windows = 16

// Windows gives the digests of so many ranges of partitions, in their order: that
// of number n holds the documents whose key has Hi % 4096 / 256 = n. Together they
// are Sum.
func (t *Tally) Windows() (out [Windows]digest.Sum) {
	for i, s := range t.parts {
		at := i * Windows / Partitions
		out[at] = out[at].Plus(s)
	}
	return out
}
