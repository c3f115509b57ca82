package model_test

import (
	"encoding/binary"
	"hash/maphash"

	"esferry/checkpoint"
	"esferry/internal/shard"
)

// stage is where the baseline stands.
type stage uint8

const (
	// unstarted: nothing is recorded.
	unstarted stage = iota
	// recorded: W0 is durable, the snapshot is not taken.
	recorded
	// bound: rounds may run.
	bound
	// refused: a BindingError ended it.
	refused
)

// state is the whole world at one moment. A value without pointers: equal
// states have equal futures.
type state struct {
	engine engine
	stage  stage
	// target holds what was written last; fresh has a bit for each document
	// that the delta wrote, whose number on the target is above S_max.
	target shelf
	fresh  uint8
	// stored is all of the ferry that survives a crash.
	stored mark
	// workers are the present one, and an old one that was thought dead.
	workers [2]worker
	// fenced: the old worker's writes fail.
	fenced bool
	// takeovers and resets are how many may still happen.
	takeovers, resets int8
}

// mark is a checkpoint.Watermark without what never changes here.
type mark struct{ term, w, s, m, w0, sMax, repeatTo int8 }

func pack(w checkpoint.Watermark) mark {
	return mark{int8(w.Term), int8(w.W), int8(w.S), int8(w.M), int8(w.W0), int8(w.SMax), int8(w.RepeatTo)}
}

func (m mark) watermark() checkpoint.Watermark {
	return checkpoint.Watermark{
		Shard: shard.ID{Index: "i"}, Term: int64(m.term), History: "h", W: int64(m.w), S: int64(m.s), M: int64(m.m),
		W0: int64(m.w0), SMax: int64(m.sMax), RepeatTo: int64(m.repeatTo),
	}
}

// phase is what a worker is about to do.
type phase uint8

const (
	idle phase = iota
	// holding an old watermark in memory, without the lease and between rounds.
	holding
	// refreshed, before G is read: only where that fault is planted.
	refreshed
	// carrying a round.
	carrying
	// untouched is to be looked at, was asked for, may be removed: documents at
	// or below W0 (protocol 2.2).
	untouchedLook
	untouchedAsked
	untouchedSettled
	// written likewise: documents that the delta wrote (protocol 2.3).
	writtenLook
	writtenAsked
	writtenSettled
)

// worker is a process; all of it is lost in a crash.
type worker struct {
	phase phase
	// seen is the term when the worker last read something: a term that it
	// reads later cannot be lower.
	seen  int8
	round round
	gone  deletes
}

// round is a checkpoint.Round under way, of one window or two.
type round struct {
	mark    mark
	to, cut int8
	repeat  bool
	// scanned has a bit for each window.
	scanned uint8
	// pending are documents that were read and have no verdict yet.
	pending shelf
	// verdict says how far the verdict on each is.
	verdict [documents]verdict
	// visible and began are there for planted faults only.
	visible shelf
	began   int8
}

// verdict is what comes next for a document that was read.
type verdict uint8

const (
	// send it to the target.
	send verdict = iota
	// drop the higher version there first, if it is still the one looked at.
	drop
	// dropped it changed meanwhile: just send it again.
	changed
)

// deletes is one pass of protocol 2.
type deletes struct {
	term, here, there, said int8
	moving                  bool
	// gone has a bit for each document that the source says it does not hold,
	// and that did not change on the target since it was found there.
	gone uint8
}

// room for a state's bytes.
const stateBytes = 192

type encoder struct {
	buf [stateBytes]byte
	n   int
}

func (c *encoder) put(bytes ...int8) {
	for _, b := range bytes {
		c.buf[c.n] = byte(b)
		c.n++
	}
}

func (c *encoder) ops(ops []op) {
	for _, o := range ops {
		binary.LittleEndian.PutUint16(c.buf[c.n:], uint16(o))
		c.n += 2
	}
}

func (c *encoder) mark(m *mark) { c.put(m.term, m.w, m.s, m.m, m.w0, m.sMax, m.repeatTo) }

func (c *encoder) worker(w *worker) {
	r, g := &w.round, &w.gone
	c.put(int8(w.phase), w.seen)
	if w.phase == idle {
		return
	}
	c.mark(&r.mark)
	c.put(r.to, r.cut, flag(r.repeat), int8(r.scanned), r.began, int8(r.verdict[0]), int8(r.verdict[1]), int8(r.verdict[2]))
	c.ops(r.pending[:])
	c.ops(r.visible[:])
	c.put(g.term, g.here, g.there, g.said, flag(g.moving), int8(g.gone))
}

func flag(b bool) int8 {
	if b {
		return 1
	}
	return 0
}

// hash gives what stands for the state in the set of visited ones.
func (s *state) hash(seed maphash.Seed) uint64 {
	var c encoder
	e := &s.engine
	c.ops(e.primary[:])
	c.ops(e.replica[:])
	c.ops(e.flight[:])
	c.ops(e.kept[:])
	c.put(e.term, e.highest, e.global, e.committed, e.writes, e.anews, e.failovers, e.losses, e.used)
	c.put(int8(s.stage), int8(s.fresh), s.takeovers, s.resets)
	c.ops(s.target[:])
	c.mark(&s.stored)
	c.worker(&s.workers[0])
	c.worker(&s.workers[1])
	return maphash.Bytes(seed, c.buf[:c.n])
}
