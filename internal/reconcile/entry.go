package reconcile

import (
	"encoding/binary"
	"errors"

	"esferry/internal/cluster"
	"esferry/internal/digest"
)

// Entry is what one side holds of a document.
type Entry struct {
	Key cluster.Key
	// Version is _version.
	Version int64
	// SeqNo and Term make a delete conditional; -1 and 0 where the engine gives
	// none.
	SeqNo, Term int64
	// Shard that it was read from.
	Shard int
	// Digest of the content; zero where it was not read.
	Digest digest.Hash
}

// digestBytes are what a digest takes at the end of a record.
const digestBytes = 16

// errTorn says that a record does not end where it should.
var errTorn = errors.New("a record of the spool is torn")

// append encodes the entry behind buf.
func (e *Entry) append(buf []byte) []byte {
	for _, part := range []string{e.Key.ID, e.Key.Routing, e.Key.Type} {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	for _, n := range []int64{e.Version, e.SeqNo, e.Term, int64(e.Shard)} {
		buf = binary.AppendVarint(buf, n)
	}
	buf = binary.LittleEndian.AppendUint64(buf, e.Digest.Hi)
	return binary.LittleEndian.AppendUint64(buf, e.Digest.Lo)
}

// read decodes the first entry of buf and gives what follows it.
func (e *Entry) read(buf []byte) ([]byte, error) {
	for _, part := range []*string{&e.Key.ID, &e.Key.Routing, &e.Key.Type} {
		n, used := binary.Uvarint(buf)
		if used <= 0 || n > uint64(len(buf)) || int(n) > len(buf)-used { //nolint:gosec // it is at most the length of buf
			return nil, errTorn
		}
		end := used + int(n) //nolint:gosec // it is at most the length of buf
		*part, buf = string(buf[used:end]), buf[end:]
	}
	var number int64
	for _, n := range []*int64{&e.Version, &e.SeqNo, &e.Term, &number} {
		value, used := binary.Varint(buf)
		if used <= 0 {
			return nil, errTorn
		}
		*n, buf = value, buf[used:]
	}
	e.Shard = int(number)
	if len(buf) < digestBytes {
		return nil, errTorn
	}
	e.Digest = digest.Hash{Hi: binary.LittleEndian.Uint64(buf), Lo: binary.LittleEndian.Uint64(buf[8:])}
	return buf[digestBytes:], nil
}
