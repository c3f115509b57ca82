package model_test

import "esferry/internal/shard"

// flights is how many operations can be on their way to the replica.
const flights = 6

// engine is the source's shard. The primary processes in order; the replica
// has processed all but what is in flight.
type engine struct {
	primary, replica shelf
	// flight holds operations on their way, by number, then zeros.
	flight [flights]op
	term   int8
	// highest number given out; global is what the primary knows of G.
	highest, global int8
	// kept is what the last commit of both copies holds, up to committed.
	kept      shelf
	committed int8
	// how many of each may still happen.
	writes, anews, failovers, losses int8
	// used is how many documents were ever written: the next new one is the
	// next in order, since their names mean nothing.
	used int8
}

func newEngine(b bounds) engine {
	return engine{term: 1, highest: -1, global: -1, committed: -1, writes: b.writes, anews: b.anews, failovers: b.failovers, losses: b.losses}
}

// write applies an update, a create, a delete or a document made anew on the
// primary only.
func (e *engine) write(doc int, deleted, anew bool) {
	version := e.primary[doc].version() + 1
	if anew {
		version = 1
		e.anews--
	}
	e.writes--
	e.highest++
	e.used = max(e.used, int8(doc)+1)
	o := newOp(doc, e.highest, e.term, version, deleted)
	e.primary[doc] = o
	e.flight[e.flying()] = o
}

func (e *engine) flying() int {
	n := 0
	for n < flights && e.flight[n] != 0 {
		n++
	}
	return n
}

// replicate lets the i-th operation in flight arrive; the newer of two on a
// document stays.
func (e *engine) replicate(i int) {
	o := e.flight[i]
	copy(e.flight[i:], e.flight[i+1:])
	e.flight[flights-1] = 0
	if old := e.replica[o.doc()]; old == 0 || old.seq() < o.seq() {
		e.replica[o.doc()] = o
	}
}

// durable is the replica's local checkpoint: G, before its news arrives.
func (e *engine) durable() int8 {
	if e.flight[0] == 0 {
		return e.highest
	}
	return e.flight[0].seq() - 1
}

// failover promotes the replica: what it never got is lost, the holes that are
// left are filled with no-ops, and a new replica is made from it. The new
// primary may know less of G than the old one did.
func (e *engine) failover(known int8) {
	lost := [16]bool{}
	for _, o := range e.flight[:e.flying()] {
		lost[o.seq()] = true
	}
	for e.highest >= 0 && lost[e.highest] {
		e.highest--
	}
	e.primary = e.replica
	e.flight = [flights]op{}
	e.global = known
	e.term++
	e.failovers--
}

// flush commits both copies, which are equal.
func (e *engine) flush() { e.kept, e.committed = e.primary, e.highest }

// loss kills both copies at once, and with them all that is in no commit: where
// checkpoints move before fsync, G was above it.
func (e *engine) loss() {
	e.primary, e.replica, e.flight = e.kept, e.kept, [flights]op{}
	e.highest, e.global = e.committed, e.committed
	e.term++
	e.losses--
}

// answers gives the copy that answers a get in real time: Elasticsearch asks the
// primary or the replica.
func (e *engine) answers(asked int8) *shelf {
	if asked == 1 {
		return &e.replica
	}
	return &e.primary
}

// settle ends all that is on its way, and all writing.
func (e *engine) settle() {
	for e.flight[0] != 0 {
		e.replicate(0)
	}
	e.global = e.highest
	e.flush()
	e.writes, e.anews, e.failovers, e.losses = 0, 0, 0, 0
}

// position is what a request for the term, answered when it was as given, and
// one for the shard's statistics, answered now, say together.
func (w *world) position(e *engine, term int8) shard.Position {
	return shard.Position{
		Shard: shard.ID{Index: "i"}, Term: int64(term), Global: int64(w.safe(e, !w.faults.looseRounds)), Max: int64(e.highest), Committed: int64(e.committed), History: "h",
	}
}

// safe is the number up to which the ferry takes operations for durable.
func (w *world) safe(e *engine, committed bool) int8 {
	if w.bounds.losses > 0 && committed {
		return min(e.global, e.committed)
	}
	return e.global
}

// without gives what a snapshot holds that the primary was asked for before it
// had applied the i-th operation in flight, whose number is given out already.
// false when that operation isn't the only one in flight on its document.
func (e *engine) without(i int) (shelf, bool) {
	held, doc := e.primary, e.flight[i].doc()
	for j, o := range e.flight[:e.flying()] {
		if j != i && o.doc() == doc {
			return held, false
		}
	}
	held[doc] = e.replica[doc]
	return held, e.primary[doc] == e.flight[i]
}
