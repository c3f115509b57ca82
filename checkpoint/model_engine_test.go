package checkpoint_test

import (
	"maps"
	"slices"

	"esferry/internal/shard"
)

// chooser makes the model's every decision: one of n, from 0. rapid, a seeded
// generator or an exhaustive search may stand behind it.
type chooser func(what string, n int) int

// operation is one write as the engines log it.
type operation struct {
	seq, version int64
	doc          int
	deleted      bool
	// content tells two writes apart that have the same version.
	content int
}

// copyOf is one copy of the shard: the newest operation of each document, and
// the numbers that were processed.
type copyOf struct {
	docs      map[int]operation
	processed map[int64]bool
}

func newCopy() *copyOf { return &copyOf{docs: map[int]operation{}, processed: map[int64]bool{}} }

func (c *copyOf) clone() *copyOf {
	return &copyOf{docs: maps.Clone(c.docs), processed: maps.Clone(c.processed)}
}

// apply processes an operation; the newer of two on a document stays.
func (c *copyOf) apply(o operation) {
	c.processed[o.seq] = true
	if old, ok := c.docs[o.doc]; !ok || old.seq < o.seq {
		c.docs[o.doc] = o
	}
}

// local is the copy's local checkpoint: all at or below it is processed.
func (c *copyOf) local() int64 {
	n := int64(-1)
	for c.processed[n+1] {
		n++
	}
	return n
}

func (c *copyOf) highest() int64 {
	n := int64(-1)
	for seq := range c.processed {
		n = max(n, seq)
	}
	return n
}

// live lists the documents with from < seq <= to, as a scan would.
func (c *copyOf) live(from, to int64) []operation {
	var out []operation
	for _, doc := range slices.Sorted(maps.Keys(c.docs)) {
		if o := c.docs[doc]; !o.deleted && o.seq > from && o.seq <= to {
			out = append(out, o)
		}
	}
	return out
}

// engine is the source's shard: a primary, one replica that is in sync, and
// the operations on their way from the one to the other.
type engine struct {
	primary, replica *copyOf
	inflight         []operation
	term             int64
	// global is what the primary knows of G; news may be late.
	global int64
	writes int
}

func newEngine() *engine {
	return &engine{primary: newCopy(), replica: newCopy(), term: 1, global: -1}
}

// write applies an update, a create or a delete on the primary only.
func (e *engine) write(doc int, deleted bool) {
	old, ok := e.primary.docs[doc]
	if deleted && (!ok || old.deleted) {
		return
	}
	e.writes++
	o := operation{seq: e.primary.highest() + 1, version: old.version + 1, doc: doc, deleted: deleted, content: e.writes}
	e.primary.apply(o)
	e.inflight = append(e.inflight, o)
}

// replicate lets the i-th operation in flight arrive.
func (e *engine) replicate(i int) {
	e.replica.apply(e.inflight[i])
	e.inflight = slices.Delete(e.inflight, i, i+1)
}

// news tells the primary how far the replica is.
func (e *engine) news() { e.global = max(e.global, min(e.primary.local(), e.replica.local())) }

// failover promotes the replica: what it never got is lost, the holes that are
// left are filled with no-ops, and a new replica is made from it. The new
// primary may know less of G than the old one did.
func (e *engine) failover(known int64) {
	e.primary, e.inflight = e.replica, nil
	for n := range e.primary.highest() + 1 {
		e.primary.processed[n] = true
	}
	e.replica = e.primary.clone()
	e.global = known
	e.term++
}

// settle ends all that is on its way.
func (e *engine) settle() {
	for len(e.inflight) > 0 {
		e.replicate(0)
	}
	e.news()
}

func (e *engine) position() shard.Position {
	return shard.Position{
		Shard: shard.ID{Index: "i"}, Term: e.term, Global: e.global, Max: e.primary.highest(), Committed: -1, History: "h",
	}
}

// move lets something happen to the engine. Failovers are rarer than writes.
func (e *engine) move(choose chooser) {
	const documents = 3
	switch choose("engine", 9) {
	case 0, 1, 2:
		e.write(choose("doc", documents), false)
	case 3:
		e.write(choose("doc", documents), true)
	case 4, 5:
		if len(e.inflight) > 0 {
			e.replicate(choose("in flight", len(e.inflight)))
		}
	case 6, 7:
		e.news()
	default:
		e.failover(int64(choose("known G", int(e.global)+2)) - 1)
	}
}
