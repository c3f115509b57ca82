package scratch

import (
	"encoding/binary"
	"errors"
)

// ErrTorn says that a record does not end where it should.
var ErrTorn = errors.New("a record is torn")

// AppendWords encodes words behind buf, so that ReadWords gives them back.
func AppendWords(buf []byte, words ...string) []byte {
	for _, word := range words {
		buf = binary.AppendUvarint(buf, uint64(len(word)))
		buf = append(buf, word...)
	}
	return buf
}

// ReadWords decodes as many words as it is given places for, and gives what
// follows them. It fails with ErrTorn.
func ReadWords(buf []byte, words ...*string) ([]byte, error) {
	for _, word := range words {
		n, used := binary.Uvarint(buf)
		if used <= 0 || n > uint64(len(buf)) || int(n) > len(buf)-used { //nolint:gosec // it is at most the length of buf
			return nil, ErrTorn
		}
		end := used + int(n) //nolint:gosec // it is at most the length of buf
		*word, buf = string(buf[used:end]), buf[end:]
	}
	return buf, nil
}

// ReadNumbers decodes as many numbers (binary.AppendVarint), and gives what
// follows them. It fails with ErrTorn.
func ReadNumbers(buf []byte, numbers ...*int64) ([]byte, error) {
	for _, number := range numbers {
		value, used := binary.Varint(buf)
		if used <= 0 {
			return nil, ErrTorn
		}
		*number, buf = value, buf[used:]
	}
	return buf, nil
}
