package model_test

import "fmt"

// documents is how many documents a world can have at most.
const documents = 3

// op is one write of a document in 16 bits. Number and term identify what was
// written, as they do in the engines: two ops that are equal have the same
// content. The zero op is none.
type op uint16

const (
	opSeq     op = 0xf
	opTerm    op = 0x3 << 4
	opVersion op = 0x7 << 6
	opDeleted op = 1 << 9
	opDoc     op = 0x3 << 10
	opThere   op = 1 << 15
)

func newOp(doc int, seq, term, version int8, deleted bool) op {
	o := opThere | op(doc)<<10 | op(version)<<6 | op(term)<<4 | op(seq)
	if deleted {
		o |= opDeleted
	}
	return o
}

func (o op) seq() int8     { return int8(o & opSeq) }
func (o op) version() int8 { return int8(o & opVersion >> 6) }
func (o op) doc() int      { return int(o & opDoc >> 10) }
func (o op) live() bool    { return o&opThere != 0 && o&opDeleted == 0 }
func (o op) deleted() bool { return o&opDeleted != 0 }

// String gives for example "B v2 @3 term 1".
func (o op) String() string {
	if o == 0 {
		return "nothing"
	}
	what := ""
	if o.deleted() {
		what = " deleted"
	}
	return fmt.Sprintf("%c v%d @%d term %d%s", 'A'+o.doc(), o.version(), o.seq(), o&opTerm>>4, what)
}

// shelf is the newest operation of each document in one place.
type shelf [documents]op

// live counts the live documents at or below a mark.
func (s shelf) live(to int8) (n int8) {
	for _, o := range s {
		if o.live() && o.seq() <= to {
			n++
		}
	}
	return n
}
