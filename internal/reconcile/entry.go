package reconcile

import (
	"encoding/binary"

	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/scratch"
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

// append encodes the entry behind buf.
func (e *Entry) append(buf []byte) []byte {
	buf = scratch.AppendWords(buf, e.Key.ID, e.Key.Routing, e.Key.Type)
	for _, n := range []int64{e.Version, e.SeqNo, e.Term, int64(e.Shard)} {
		buf = binary.AppendVarint(buf, n)
	}
	buf = binary.LittleEndian.AppendUint64(buf, e.Digest.Hi)
	return binary.LittleEndian.AppendUint64(buf, e.Digest.Lo)
}

// read decodes the first entry of buf and gives what follows it.
func (e *Entry) read(buf []byte) ([]byte, error) {
	buf, err := scratch.ReadWords(buf, &e.Key.ID, &e.Key.Routing, &e.Key.Type)
	if err != nil {
		return nil, err
	}
	var number int64
	if buf, err = scratch.ReadNumbers(buf, &e.Version, &e.SeqNo, &e.Term, &number); err != nil {
		return nil, err
	}
	e.Shard = int(number)
	if len(buf) < digestBytes {
		return nil, scratch.ErrTorn
	}
	e.Digest = digest.Hash{Hi: binary.LittleEndian.Uint64(buf), Lo: binary.LittleEndian.Uint64(buf[8:])}
	return buf[digestBytes:], nil
}
