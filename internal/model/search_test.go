package model_test

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// visited is a set of hashes with open addressing: eight bytes a state.
type visited struct {
	slots []uint64
	n     int
}

// add reports whether the hash is new.
func (v *visited) add(h uint64) bool {
	if h == 0 {
		h = 1
	}
	if v.n*4 >= len(v.slots)*3 {
		old := v.slots
		v.slots, v.n = make([]uint64, max(1<<16, 2*len(old))), 0
		for _, o := range old {
			if o != 0 {
				v.insert(o)
			}
		}
	}
	return v.insert(h)
}

func (v *visited) insert(h uint64) bool {
	mask := uint64(len(v.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch v.slots[i] {
		case 0:
			v.slots[i] = h
			v.n++
			return true
		case h:
			return false
		}
	}
}

// search goes breadth first over all states of a world. Of a state it keeps
// the hash, the step that led to it and the state where that was taken; the
// states themselves only while they are at the frontier.
type search struct {
	world   world
	seed    maphash.Seed
	seen    visited
	rested  visited
	parents []uint32
	steps   []step
	// enabled is room for the steps from one state.
	enabled []step
	// taken counts steps by their kind, those to known states included; drops
	// counts versions that were dropped for a lower one, refusals the states
	// that a BindingError ended.
	taken           [rests + 1]int
	drops, refusals int
}

// finding is a broken promise and the shortest way to it.
type finding struct {
	broken error
	trace  []step
}

func newSearch(w world) *search {
	return &search{world: w, seed: maphash.MakeSeed()}
}

func (q *search) origin() state {
	b := q.world.bounds
	return state{engine: newEngine(b), takeovers: b.takeovers, resets: b.resets, stored: mark{s: -1}}
}

// run visits every state, or stops at the first finding. More than most states
// are an error.
func (q *search) run(most int) (*finding, error) {
	if b := q.world.bounds; b.docs > documents || b.writes > flights || b.failovers+b.losses > 2 {
		return nil, fmt.Errorf("%+v: more than an op has bits for", b)
	}
	level := []state{q.origin()}
	q.seen.add(level[0].hash(q.seed))
	q.parents, q.steps = []uint32{0}, []step{{}}
	for first := 0; len(level) > 0; {
		var next []state
		for i := range level {
			var found *finding
			if next, found = q.visit(&level[i], uint32(first+i), next); found != nil {
				return found, nil
			}
			if len(q.steps) > most {
				return nil, fmt.Errorf("more than %d states", most)
			}
		}
		first += len(level)
		level = next
	}
	return nil, nil
}

// visit takes every step from a state, the at-th, and appends the new ones.
func (q *search) visit(from *state, at uint32, next []state) ([]state, *finding) {
	if found := q.rest(from, at); found != nil {
		return next, found
	}
	q.enabled = q.world.enabled(from, q.enabled[:0])
	for _, x := range q.enabled {
		s := *from
		q.taken[x.kind]++
		if x.kind == sends && s.workers[x.worker].round.verdict[x.a] == drop {
			q.drops++
		}
		if broken := q.world.apply(&s, x); broken != nil {
			return next, q.found(broken, at, x)
		}
		if !q.seen.add(s.hash(q.seed)) {
			continue
		}
		q.parents, q.steps = append(q.parents, at), append(q.steps, x)
		if next = append(next, s); s.stage == refused {
			q.refusals++
		}
	}
	return next, nil
}

// rest tries what becomes of a state with idle workers when all comes to rest.
func (q *search) rest(s *state, at uint32) *finding {
	if s.stage != bound || s.workers[0].phase != idle || s.workers[1].phase != idle {
		return nil
	}
	calm := *s
	calm.engine.settle()
	calm.takeovers, calm.resets = 0, 0
	if !q.rested.add(calm.hash(q.seed)) {
		return nil
	}
	x := step{kind: rests}
	q.taken[rests]++
	if broken := q.world.apply(&calm, x); broken != nil {
		return q.found(broken, at, x)
	}
	return nil
}

// found gives the steps to a state, and the one from there that broke a promise.
func (q *search) found(broken error, at uint32, last step) *finding {
	f := &finding{broken: broken, trace: []step{last}}
	for ; at != 0; at = q.parents[at] {
		f.trace = append(f.trace, q.steps[at])
	}
	slices.Reverse(f.trace)
	return f
}

// story tells a finding step by step, with what became of both sides.
func (q *search) story(f *finding) string {
	var b strings.Builder
	s := q.origin()
	for i, x := range f.trace {
		err := q.world.apply(&s, x)
		fmt.Fprintf(&b, "\n%3d. %s", i+1, x)
		switch {
		case err != nil:
			fmt.Fprintf(&b, "\n     broken: %v", err)
		case x.kind == sends || x.kind == deletesThem || x.kind == restores:
			fmt.Fprintf(&b, "   [target: %v]", s.target)
		case x.kind == commits || x.kind == begins || x.kind == starts:
			fmt.Fprintf(&b, "   [stored: %+v]", s.stored)
		case x.kind <= losesAll:
			fmt.Fprintf(&b, "   [primary: %v]", s.engine.primary)
		}
	}
	return b.String()
}
