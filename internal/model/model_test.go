package model_test

import (
	"os"
	"testing"
	"time"

	"esferry/internal/lab/faultcase"
)

// size chooses among bounds: 0 under the race detector, 1 ordinarily, 2 with
// MODEL=deep.
func size() int {
	switch {
	case os.Getenv("MODEL") == "deep":
		return 2
	case raced:
		return 0
	default:
		return 1
	}
}

// look searches a world and logs what that took.
func look(t *testing.T, w world) (*search, *finding) {
	t.Helper()
	began, q := time.Now(), newSearch(w)
	found, err := q.run(150_000_000)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, n := range q.taken {
		steps += n
	}
	t.Logf("%+v: %d states, %d steps, %d comings to rest, %d refusals, %.1fs", w.bounds, q.seen.n, steps, q.rested.n, q.refusals, time.Since(began).Seconds())
	return q, found
}

// The protocol as the code has it: every history of these worlds keeps every
// promise.
func TestProtocol(t *testing.T) {
	faultcase.Shows(t, 10, "every order of writes, deletes, replication, failovers and crashes, in the model")
	faultcase.Shows(t, 11, "every order of snapshot, failover and later writes that reach the same version, in the model")
	faultcase.Shows(t, 12, "what no commit holds is lost, in the model")
	faultcase.Shows(t, 16, "every such history with failovers, in the model")
	type three [3][]bounds
	cases := []struct {
		name   string
		bounds three
	}{
		{"stream", three{
			{{docs: 2, writes: 2, failovers: 1, windows: 2}},
			{{docs: 2, writes: 3, failovers: 2, windows: 2}, {docs: 2, writes: 4, failovers: 1, windows: 1}},
			{{docs: 2, writes: 4, failovers: 2, windows: 2}, {docs: 3, writes: 4, failovers: 1, windows: 2}, {docs: 2, writes: 5, failovers: 1, windows: 1}},
		}},
		{"snapshot", three{
			{{docs: 2, writes: 2, failovers: 1, windows: 2, snapshot: true, holes: true}},
			{{docs: 2, writes: 3, failovers: 1, windows: 2, snapshot: true, holes: true}},
			{{docs: 2, writes: 4, failovers: 1, windows: 2, snapshot: true, holes: true}},
		}},
		{"stream, made anew", three{
			{{docs: 2, writes: 3, anews: 1, failovers: 1, windows: 1}},
			{{docs: 2, writes: 4, anews: 1, failovers: 1, windows: 1}},
			{{docs: 2, writes: 5, anews: 1, failovers: 0, windows: 2}, {docs: 1, writes: 6, anews: 2, failovers: 1, windows: 1}},
		}},
		{"snapshot, made anew", three{
			{{docs: 1, writes: 3, anews: 1, windows: 1, snapshot: true, holes: true}},
			{{docs: 2, writes: 3, anews: 1, failovers: 1, windows: 1, snapshot: true, holes: true}},
			{{docs: 2, writes: 4, anews: 1, failovers: 1, windows: 1, snapshot: true, holes: true}},
		}},
		{"stream, strict", three{
			{{docs: 2, writes: 3, losses: 1, windows: 1}},
			{{docs: 2, writes: 3, failovers: 1, losses: 1, windows: 1}},
			{{docs: 2, writes: 4, failovers: 1, losses: 1, windows: 1}, {docs: 2, writes: 4, losses: 2, windows: 2}},
		}},
		{"snapshot, strict", three{
			{{docs: 1, writes: 3, losses: 1, windows: 1, snapshot: true}},
			{{docs: 2, writes: 3, losses: 1, windows: 1, snapshot: true}},
			{{docs: 2, writes: 3, failovers: 1, losses: 1, windows: 1, snapshot: true}},
		}},
		{"stream, old worker", three{
			{{docs: 1, writes: 2, windows: 1, takeovers: 1, resets: 1}},
			{{docs: 2, writes: 2, failovers: 1, windows: 1, takeovers: 1, resets: 1}},
			{{docs: 2, writes: 3, failovers: 1, windows: 1, takeovers: 1}, {docs: 2, writes: 2, failovers: 1, windows: 2, takeovers: 2, resets: 1}},
		}},
		{"snapshot, old worker", three{
			{{docs: 1, writes: 1, failovers: 1, windows: 1, takeovers: 1, snapshot: true}},
			{{docs: 2, writes: 2, failovers: 1, windows: 1, takeovers: 1, snapshot: true}},
			{{docs: 2, writes: 3, failovers: 1, windows: 1, takeovers: 1, snapshot: true}},
		}},
		{"snapshot, old worker, once more", three{
			{{docs: 1, writes: 1, failovers: 1, windows: 1, takeovers: 1, snapshot: true}},
			{{docs: 1, writes: 2, failovers: 1, windows: 1, takeovers: 1, snapshot: true}},
			{{docs: 2, writes: 2, failovers: 1, windows: 2, takeovers: 1, snapshot: true, holes: true}},
		}},
		{"stream, made anew, old worker", three{
			{{docs: 1, writes: 3, anews: 1, failovers: 0, windows: 1, takeovers: 1}},
			{{docs: 1, writes: 4, anews: 1, failovers: 0, windows: 1, takeovers: 1}},
			{{docs: 2, writes: 4, anews: 1, failovers: 0, windows: 1, takeovers: 1}, {docs: 1, writes: 4, anews: 1, failovers: 1, windows: 1, takeovers: 1}},
		}},
	}
	var taken [rests + 1]int
	var ran, drops, refusals int
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, b := range c.bounds[size()] {
				q, found := look(t, world{bounds: b})
				if found != nil {
					t.Fatalf("a history breaks a promise:%s", q.story(found))
				}
				for k, n := range q.taken {
					taken[k] += n
				}
				drops, refusals = drops+q.drops, refusals+q.refusals
			}
			ran++
		})
	}
	if ran < len(cases) {
		return
	}
	// A search that never comes somewhere proves nothing about it.
	for k := writes; k <= rests; k++ {
		if k != refreshes && taken[k] == 0 {
			t.Errorf("never taken: %s", step{kind: k})
		}
	}
	if drops == 0 || refusals == 0 {
		t.Errorf("got %d dropped versions and %d refusals, want some of each", drops, refusals)
	}
}

// A search that finds nothing proves nothing: each of these must be found in a
// world that is sound without it.
func TestPlantedFaults(t *testing.T) {
	faultcase.Shows(t, 41, "each step of the protocol broken, in the model")
	plain := bounds{docs: 2, writes: 3, failovers: 1, windows: 2}
	anew := bounds{docs: 2, writes: 4, anews: 1, windows: 1}
	restored := bounds{docs: 2, writes: 3, failovers: 1, windows: 1, snapshot: true, holes: true}
	cases := []struct {
		name   string
		faults faults
		bounds bounds
	}{
		{"S follows W at once", faults{alwaysSettled: true}, plain},
		{"M is not read after the scans", faults{positionOfBegin: true}, plain},
		{"a window counts before it is written", faults{ackOnScan: true}, plain},
		{"a new term does not go back to S", faults{keepW: true}, plain},
		{"a restored baseline counts as settled", faults{baselineSettled: true}, restored},
		{"refresh before G is read", faults{refreshFirst: true}, plain},
		// Versions alone: that is, neither external_gte nor a look at the content.
		{"external where external_gte is due", faults{neverRewrite: true, equalIsReplay: true}, bounds{docs: 2, writes: 4, anews: 1, failovers: 1, windows: 1}},
		{"a 409 with a lower version on the source is skipped", faults{skipLower: true}, anew},
		{"the old worker's commit is accepted", faults{noLease: true}, bounds{docs: 1, writes: 1, windows: 1, takeovers: 1, resets: 1}},
		{"counts prove equal sets up to S_max", faults{histogramToSMax: true}, restored},
		{"absent counts as deleted before G has reached it", faults{deleteAtOnce: true}, plain},
		{"an equal version counts as a replay", faults{equalIsReplay: true}, bounds{docs: 1, writes: 3, anews: 1, windows: 1}},
		{"the term is not read again before a delete", faults{termBefore: true}, bounds{docs: 2, writes: 3, failovers: 1, windows: 1}},
		{"what no commit holds counts as settled", faults{looseRounds: true}, bounds{docs: 2, writes: 3, losses: 1, windows: 1}},
		{"a delete that no commit holds counts as settled", faults{looseDeletes: true}, bounds{docs: 1, writes: 2, losses: 1, windows: 1}},
		{"an old worker's writes arrive late", faults{noFence: true}, bounds{docs: 1, writes: 4, anews: 1, windows: 1, takeovers: 1}},
	}
	sound := map[bounds]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := world{bounds: c.bounds}
			if !raced && !sound[c.bounds] {
				if q, found := look(t, w); found != nil {
					t.Fatalf("found without a fault:%s", q.story(found))
				}
				sound[c.bounds] = true
			}
			w.faults = c.faults
			q, found := look(t, w)
			if found == nil {
				t.Fatal("not found")
			}
			t.Log(q.story(found))
		})
	}
}
