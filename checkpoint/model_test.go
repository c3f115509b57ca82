package checkpoint_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"esferry/checkpoint"
	"esferry/internal/lab/faultcase"
)

// sail runs one whole history: writes, replication, failovers, scans, commits
// and crashes in any order, then rest. It returns what was wrong with it. A
// refusal is right, and ends it, only where a failover hit an unsettled
// baseline.
func sail(choose chooser, snapshot bool, planted faults) error {
	f := &ferryModel{engine: newEngine(), choose: choose, faults: planted}
	f.moves(6)
	start := f.startStream
	if snapshot {
		start = f.startSnapshot
	}
	start()
	term := f.stored.Term
	for range choose("steps", 40) {
		f.moves(2)
		if err := f.step(); err != nil {
			return refusal(err, snapshot && f.engine.term != term && !f.stored.Settled())
		}
	}
	return refusal(f.finish(), snapshot && f.engine.term != term && !f.stored.Settled())
}

// refusal takes a broken binding for right where it is due.
func refusal(err error, due bool) error {
	var broken *checkpoint.BindingError
	if due && errors.As(err, &broken) {
		return nil
	}
	return err
}

func TestWatermarkAgainstModel(t *testing.T) {
	t.Parallel()
	for name, snapshot := range map[string]bool{"stream": false, "snapshot": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				choose := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }
				if err := sail(choose, snapshot, faults{}); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// seeded is a chooser without a memory of its choices: fast, for many runs.
func seeded(seed uint64) chooser {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(_ string, n int) int { return r.IntN(n) }
}

func TestWatermarkAgainstModelManyTimes(t *testing.T) {
	faultcase.Shows(t, 10, "every order of writes, deletes, replication, failovers and crashes, in the model")
	t.Parallel()
	for seed := range uint64(20_000) {
		for _, snapshot := range []bool{false, true} {
			if err := sail(seeded(seed), snapshot, faults{}); err != nil {
				t.Fatalf("seed %d, snapshot %v: %v", seed, snapshot, err)
			}
		}
	}
}

// A model that finds nothing proves nothing: each of these bugs must be found.
func TestModelFindsPlantedBugs(t *testing.T) {
	faultcase.Shows(t, 41, "each rule of the marks broken, in the model")
	t.Parallel()
	f := func(what string, snapshot bool, planted faults) {
		t.Helper()
		for seed := range uint64(200_000) {
			if err := sail(seeded(seed), snapshot, planted); err != nil {
				t.Logf("%s: found with seed %d: %v", what, seed, err)
				return
			}
		}
		t.Errorf("%s: not found", what)
	}
	f("S follows W at once", false, faults{alwaysSettled: true})
	f("M is not read after the scans", false, faults{positionOfBegin: true})
	f("a window counts before it is written", false, faults{ackOnDispatch: true})
	f("S follows a checkpoint of another primary", false, faults{settlesAtOnce: true})
	f("a new term does not go back to S", false, faults{keepW: true})
	f("a restored baseline counts as settled", true, faults{baselineSettled: true})
}
