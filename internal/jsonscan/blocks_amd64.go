package jsonscan

import "golang.org/x/sys/cpu"

// bitBlock is how many bytes blocks takes at a time: one for each bit of a word.
const bitBlock = 64

// blocks walks through an object or array whose first bracket stands before text,
// 64 bytes at a time, each kind of byte as the bits of one word (Langdale and Lemire:
// Parsing Gigabytes of JSON per Second, VLDB Journal 2019). It stops behind the
// container's end, at depth 0, or at the first block that is not whole, or has a
// backslash outside of strings, as no JSON has. within has all bits set in a string,
// elsewhere none; escaped is 1 where the byte at at follows a backslash that escapes
// it, else 0.
//
//go:noescape
func blocks(text *byte, n int) (at, depth int, within uint64, escaped int)

// blockwise walks on from i, where a container's content begins, as far as blocks
// does; where the processor cannot do that, nowhere.
func blockwise(text []byte, i int) (at, depth int, within uint64) {
	x := &cpu.X86
	if len(text) < i+bitBlock || !x.HasAVX2 || !x.HasPCLMULQDQ || !x.HasBMI1 || !x.HasPOPCNT {
		return i, 1, 0
	}
	at, depth, within, escaped := blocks(&text[i], len(text)-i)
	return i + at + escaped, depth, within
}
