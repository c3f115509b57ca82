package model_test

import "fmt"

// kind of a step.
type kind uint8

const (
	opening kind = iota
	writes
	removes
	makesAnew
	replicates
	hears
	failsOver
	flushes
	losesAll
	starts
	restores
	refreshes
	begins
	scans
	sends
	commits
	counts
	looks
	settles
	deletesThem
	crashes
	takesOver
	resets
	rests
)

// step is one thing that happens: of which worker, with up to two arguments.
type step struct {
	kind   kind
	worker uint8
	a, b   int8
}

func (x step) String() string {
	who := []string{"worker", "old worker"}[x.worker]
	doc, asked := string(rune('A'+x.a)), []string{"", " (the replica answers)"}[max(0, min(x.b, 1))]
	switch x.kind {
	case writes:
		return "source: write " + doc
	case removes:
		return "source: delete " + doc
	case makesAnew:
		return "source: make " + doc + " anew, its tombstone being forgotten"
	case replicates:
		return fmt.Sprintf("source: operation %d in flight reaches the replica", x.a)
	case hears:
		return "source: the primary hears how far the replica is"
	case failsOver:
		return fmt.Sprintf("source: failover; the new primary knows G = %d", x.a)
	case flushes:
		return "source: both copies commit"
	case losesAll:
		return "source: both copies lose what no commit holds, and start again"
	case starts:
		return fmt.Sprintf("worker: record the first watermark, under term %d", x.a)
	case restores:
		return fmt.Sprintf("worker: snapshot and restore (without operation in flight: %d)", x.a)
	case refreshes:
		return who + ": refresh"
	case begins:
		return fmt.Sprintf("%s: begin a round, read under term %d, cut at %d", who, x.a, x.b)
	case scans:
		return fmt.Sprintf("%s: scan window %d", who, x.a)
	case sends:
		return who + ": write " + doc + asked
	case commits:
		return fmt.Sprintf("%s: commit, the position read under term %d", who, x.a)
	case counts:
		return fmt.Sprintf("%s: count both sides, under term %d", who, x.a)
	case looks:
		return who + ": ask the source for documents that may be gone" + asked
	case settles:
		return fmt.Sprintf("%s: G has reached that, under term %d", who, x.a)
	case deletesThem:
		return who + ": delete what is gone"
	case crashes:
		return who + ": crash"
	case takesOver:
		return "a new worker takes the lease"
	case resets:
		return "worker: make the target index anew and start over"
	case rests:
		return "all comes to rest"
	default:
		return "begin"
	}
}

// enabled lists what may happen next.
func (w *world) enabled(s *state, out []step) []step {
	if s.stage == refused {
		return out
	}
	out = w.engineSteps(s, out)
	switch s.stage {
	case bound, refused:
	case unstarted:
		for term := max(1, s.engine.term-1); term <= s.engine.term; term++ {
			out = append(out, step{kind: starts, a: term})
		}
		return out
	case recorded:
		out = append(out, step{kind: restores, a: -1})
		for i := range int8(s.engine.flying()) {
			if _, ok := s.engine.without(int(i)); ok && w.bounds.holes {
				out = append(out, step{kind: restores, a: i})
			}
		}
		return out
	}
	out = w.workerSteps(s, 0, out)
	if s.takeovers > 0 && s.workers[1].phase == idle {
		out = append(out, step{kind: takesOver})
	}
	if s.workers[1].phase != idle {
		out = w.workerSteps(s, 1, out)
		if s.workers[0].phase == idle && s.resets > 0 {
			out = append(out, step{kind: resets})
		}
	}
	return out
}

func (w *world) engineSteps(s *state, out []step) []step {
	e := &s.engine
	for d := range min(e.used+1, w.bounds.docs) {
		if e.writes == 0 || e.flying() == flights {
			break
		}
		out = append(out, step{kind: writes, a: d})
		switch o := e.primary[d]; {
		case o.live():
			out = append(out, step{kind: removes, a: d})
		case o.deleted() && e.anews > 0:
			out = append(out, step{kind: makesAnew, a: d})
		}
	}
	for i := range int8(e.flying()) {
		out = append(out, step{kind: replicates, a: i})
	}
	if e.durable() > e.global {
		out = append(out, step{kind: hears})
	}
	for g := int8(-1); e.failovers > 0 && g <= e.global; g++ {
		out = append(out, step{kind: failsOver, a: g})
	}
	if e.losses > 0 {
		out = append(out, step{kind: losesAll})
		if e.flying() == 0 && e.committed < e.highest {
			out = append(out, step{kind: flushes})
		}
	}
	return out
}

func (w *world) workerSteps(s *state, k int, out []step) []step {
	n := &s.workers[k]
	add := func(kind kind, a, b int8) { out = append(out, step{kind: kind, worker: uint8(k), a: a, b: b}) }
	switch n.phase {
	case idle, holding, refreshed:
		if w.faults.refreshFirst && n.phase == idle {
			add(refreshes, 0, 0)
			break
		}
		for term := n.seen; term <= s.engine.term; term++ {
			for cut := w.firstCut(s); cut <= s.engine.global; cut++ {
				add(begins, term, cut)
			}
			if n.phase != refreshed {
				add(counts, term, 0)
			}
		}
	case carrying:
		out = w.roundSteps(s, k, out)
	case untouchedLook, writtenLook:
		add(looks, 0, 0)
		if s.engine.replica != s.engine.primary {
			add(looks, 0, 1)
		}
	case untouchedAsked, writtenAsked:
		first := s.engine.term
		if w.faults.termBefore {
			first = n.seen
		}
		for term := first; term <= s.engine.term && w.safe(&s.engine, !w.faults.looseDeletes) >= n.gone.said; term++ {
			add(settles, term, 0)
		}
	default:
		add(deletesThem, 0, 0)
	}
	if n.phase != idle && (k == 1 || n.phase != refreshed) {
		add(crashes, 0, 0)
	}
	return out
}

// firstCut is the lowest place where a round may be cut in two.
func (w *world) firstCut(s *state) int8 {
	if w.bounds.windows < 2 {
		return s.engine.global
	}
	return min(max(s.stored.s, -1)+1, s.engine.global)
}

func (w *world) roundSteps(s *state, k int, out []step) []step {
	r := &s.workers[k].round
	done := r.to == r.mark.w
	for i := range r.windows() {
		if r.scanned&(1<<i) == 0 && r.window(i).Span() > 0 {
			out = append(out, step{kind: scans, worker: uint8(k), a: int8(i)})
		}
		done = done || r.acknowledged(i) || w.faults.ackOnScan && r.scanned&(1<<i) != 0
	}
	for d, o := range r.pending {
		if o == 0 {
			continue
		}
		out = append(out, step{kind: sends, worker: uint8(k), a: int8(d)})
		if s.target[d].version() > o.version() && s.engine.replica[d] != s.engine.primary[d] {
			out = append(out, step{kind: sends, worker: uint8(k), a: int8(d), b: 1})
		}
	}
	for term := s.workers[k].seen; done && term <= s.engine.term; term++ {
		out = append(out, step{kind: commits, worker: uint8(k), a: term})
	}
	return out
}

// apply lets a step happen, and holds what came of it against the promises. An
// error is a broken one.
func (w *world) apply(s *state, x step) error {
	if x.kind == rests {
		return w.rest(*s)
	}
	if err := w.act(s, x); err != nil {
		return err
	}
	if s.workers[1].phase == idle {
		s.workers[1] = worker{}
	}
	return w.promises(s)
}

func (w *world) act(s *state, x step) error {
	e, k := &s.engine, int(x.worker)
	switch x.kind {
	case writes, removes, makesAnew:
		e.write(int(x.a), x.kind == removes, x.kind == makesAnew)
	case replicates:
		e.replicate(int(x.a))
	case hears:
		e.global = e.durable()
	case failsOver:
		e.failover(x.a)
	case flushes:
		e.flush()
	case losesAll:
		e.loss()
	case starts:
		w.start(s, x.a)
	case restores:
		w.restore(s, x.a)
	case takesOver:
		s.takeover()
	case resets:
		w.reset(s)
	default:
		return w.actWorker(s, x, k)
	}
	return nil
}

func (w *world) actWorker(s *state, x step, k int) error {
	n := &s.workers[k]
	switch x.kind {
	case refreshes:
		n.phase, n.round.visible = refreshed, s.engine.primary
	case begins:
		if err := w.begin(s, k, x.a, x.b); err != nil {
			return w.refuse(s, k, err)
		}
	case scans:
		w.scan(s, k, int(x.a))
	case sends:
		d := int(x.a)
		switch n.round.verdict[d] {
		case drop:
			s.put(d, 0)
		case changed, send:
			w.write(s, k, d, x.b)
		}
	case commits:
		return w.commit(s, k, x.a)
	case counts:
		w.count(s, k, x.a)
	case looks:
		w.look(s, k, x.b)
	case settles:
		s.settled(k, x.a)
	case deletesThem:
		w.remove(s, k)
	case crashes:
		*n = worker{seen: n.seen}
	default:
		return fmt.Errorf("no worker does %q", x)
	}
	return nil
}
