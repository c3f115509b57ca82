package reconcile

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"

	"esferry/internal/batch"
	"esferry/internal/cluster"
)

// Digest of a document's content; zero where the content was not read.
type Digest [16]byte

// DigestOf gives the digest of a document's _source as a bulk body carries it,
// so that a source with line breaks equals what arrived of it. An error says
// that the source is not JSON. scratch is for use again and again.
func DigestOf(d batch.Doc, scratch *bytes.Buffer) (Digest, error) {
	scratch.Reset()
	if err := d.Line(scratch); err != nil {
		return Digest{}, err
	}
	return xxh3.Hash128(scratch.Bytes()).Bytes(), nil
}

// Entry is what one side holds of a document.
type Entry struct {
	Key cluster.Key
	// Version is _version.
	Version int64
	// SeqNo and Term make a delete conditional; -1 and 0 where the engine gives
	// none.
	SeqNo, Term int64
	Digest      Digest
}

// errTorn says that a record does not end where it should.
var errTorn = errors.New("a record of the spool is torn")

// append encodes the entry behind buf.
func (e *Entry) append(buf []byte) []byte {
	for _, part := range []string{e.Key.ID, e.Key.Routing, e.Key.Type} {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	for _, n := range []int64{e.Version, e.SeqNo, e.Term} {
		buf = binary.AppendVarint(buf, n)
	}
	return append(buf, e.Digest[:]...)
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
	for _, n := range []*int64{&e.Version, &e.SeqNo, &e.Term} {
		value, used := binary.Varint(buf)
		if used <= 0 {
			return nil, errTorn
		}
		*n, buf = value, buf[used:]
	}
	if len(buf) < len(e.Digest) {
		return nil, errTorn
	}
	copy(e.Digest[:], buf)
	return buf[len(e.Digest):], nil
}
