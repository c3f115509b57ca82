package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

const (
	// blockBytes are judged together, as long as only quotes count in them.
	blockBytes = 32
	// With the bit of a space set, square brackets are curly ones.
	spaces = 0x2020202020202020
	// What carries { and all above it into the highest bit, and all above }.
	openings = 0x0505050505050505
	beyond   = 0x0202020202020202
)

// container consumes an object or array by counting brackets outside strings: by
// blocks as far as the processor can, and for the rest by words.
func (s *Scanner) container() ([]byte, error) {
	start := s.pos
	i, depth, within := blockwise(s.text, start+1)
	if depth > 0 {
		i, depth = wordwise(s.text, i, depth, within)
	}
	if depth > 0 {
		s.pos = len(s.text)
		return nil, ErrTruncated
	}
	s.pos = i
	return s.text[start:i], nil
}

// wordwise walks on to the container's end, at depth 0, or to the text's. It takes
// words of eight bytes, by arithmetic on all of them at once: where the next quote or
// bracket comes is what no processor foresees, so that a branch for each byte costs
// more than all else. Within a string all bits of within are set, elsewhere none.
func wordwise(text []byte, i, depth int, within uint64) (int, int) {
	for i+blockBytes <= len(text) {
		block := text[i : i+blockBytes]
		u, v, w, x := word(block), word(block[8:]), word(block[16:]), word(block[24:])
		q, b := quoted(u), bracketed(u)
		if b|bracketed(v)|bracketed(w)|bracketed(x) == 0 {
			within ^= odd(q ^ quoted(v) ^ quoted(w) ^ quoted(x))
			i += blockBytes
			continue
		}
		for b == 0 {
			within ^= odd(q)
			i += 8
			u = word(text[i:])
			q, b = quoted(u), bracketed(u)
		}
		opened, closed, n := brackets(u, q, b, within)
		if closed >= depth {
			// One of them may end it.
			if i, depth, within = bytewise(text, i, i+n, depth, within); depth == 0 {
				return i, 0
			}
			continue
		}
		depth += opened - closed
		within ^= odd(q << (64 - 8*n))
		if i += n; text[i-1] == '\\' && within != 0 {
			i++
		}
	}
	i, depth, _ = bytewise(text, i, len(text), depth, within)
	return i, depth
}

// brackets counts those of a word that stand outside strings, among its first n
// bytes: up to its first escape, with that. q and b are its quotes and brackets.
func brackets(w, q, b, within uint64) (opened, closed, n int) {
	n = 8
	if escapes := b &^ (w << 7); escapes != 0 {
		n = bits.TrailingZeros64(escapes)/8 + 1
		b &= 1<<(8*n-8) - 1
	}
	// Behind each quote all is turned over.
	q ^= q << 8
	q ^= q << 16
	q ^= q << 32
	b &^= q ^ within
	opened = bits.OnesCount64(b & (w << 6))
	return opened, bits.OnesCount64(b) - opened, n
}

// bytewise walks up to end, or to the container's end; behind end where that
// stands in the middle of an escape.
func bytewise(text []byte, i, end, depth int, within uint64) (int, int, uint64) {
	for i < end && depth > 0 {
		c := text[i]
		i++
		switch {
		case c == '"':
			within = ^within
		case within != 0:
			if c == '\\' {
				i++
			}
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return i, depth, within
}

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// quoted sets the highest bit of just those bytes of a word that are quotes.
func quoted(w uint64) uint64 { return ^((w&^highest ^ quotes + ^uint64(highest)) | w) & highest }

// bracketed sets the highest bit of just those that are brackets, backslashes or
// bars, which follow one another once the bit of a space is set. Of these the
// brackets alone have the lowest bit, and of brackets the opening ones the second.
func bracketed(w uint64) uint64 {
	x := w&^highest | spaces
	return (x + openings) &^ (x + beyond) &^ w & highest
}

// odd has all bits set where an odd number of bytes have their highest one.
func odd(w uint64) uint64 { return -(w >> 7 * lowest >> 56 & 1) }
