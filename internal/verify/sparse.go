package verify

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// encodeSparse gives those of all that are not zero as text, each after the steps
// that lead to its place; put appends one to b.
func encodeSparse[T comparable](all []T, put func(one T, b []byte) []byte) []byte {
	var b []byte
	var zero T
	step := uint64(0)
	for _, one := range all {
		if step++; one != zero {
			b = put(one, binary.AppendUvarint(b, step))
			step = 0
		}
	}
	return base64.StdEncoding.AppendEncode(nil, b)
}

// errSparse is what no encodeSparse has made.
var errSparse = errors.New("it ends in the middle, or beyond the last place")

// decodeSparse is its reverse, in place of what all held; read takes one off b, and
// gives the rest.
func decodeSparse[T comparable](all []T, text []byte, read func(b []byte) (one T, rest []byte, err error)) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("decode base64: %w", err)
	}
	clear(all)
	for at := uint64(0); len(b) > 0; {
		step, n := binary.Uvarint(b)
		if n <= 0 || step == 0 || step > uint64(len(all))-at {
			return errSparse
		}
		at += step
		if all[at-1], b, err = read(b[n:]); err != nil {
			return err
		}
	}
	return nil
}
