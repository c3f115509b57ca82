package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"esferry/checkpoint"
)

// Shared is a store that several processes have open at once.
type Shared struct {
	// Open gives another one on the state that belongs to t, to be closed at its
	// end.
	Open func(t *testing.T) checkpoint.Store
	// Sleep lets the lease that the store acquired run out, as if its process had
	// been stopped.
	Sleep func(t *testing.T, held checkpoint.Store)
}

// RunShared runs what several processes on one store may expect, as subtests.
func RunShared(t *testing.T, s Shared) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Shared)
	}{
		{"held by a living one", testHeldByALivingOne},
		{"read beside the holder", testReadBeside},
		{"given back", testGivenBack},
		{"late commit", testLateCommit},
		{"late large commit", testLateLargeCommit},
		{"late end", testLateEnd},
		{"wakes before anybody came", testWakesAlone},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// Alike in all but the process.
func holder(pid int) checkpoint.Holder {
	return checkpoint.Holder{Host: "host", PID: pid, Since: time.Unix(1_800_000_000, 0).UTC()}
}

// holding gives a suite whose store is acquired.
func (s Shared) holding(t *testing.T, pid int) *suite {
	t.Helper()
	x := &suite{open: s.Open, store: s.Open(t)}
	var err error
	if x.lease, err = x.store.Acquire(t.Context(), holder(pid)); err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return x
}

func testHeldByALivingOne(t *testing.T, s Shared) {
	first := s.holding(t, 1)
	_, err := s.Open(t).Acquire(t.Context(), holder(2))
	held, ok := errors.AsType[*checkpoint.HeldError](err)
	if !ok || held.Holder != holder(1) {
		t.Errorf("Acquire beside a living holder: got %v, want it held by %+v", err, holder(1))
	}
	first.commit(t, record("a", "1"))
}

func testReadBeside(t *testing.T, s Shared) {
	first, reader := s.holding(t, 1), &suite{store: s.Open(t)}
	reader.holds(t)
	first.commit(t, record("a", "1"), record("b", "2"))
	reader.holds(t, record("a", "1"), record("b", "2"))
	first.commit(t, checkpoint.Record{Key: "a"})
	reader.holds(t, record("b", "2"))
	reader.refused(t, first.lease)
}

func testGivenBack(t *testing.T, s Shared) {
	first := s.holding(t, 1)
	first.commit(t, record("a", "1"))
	if err := first.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	began := time.Now()
	second := s.holding(t, 2)
	if took := time.Since(began); took > time.Second {
		t.Errorf("Acquire after Close took %s, want no wait for the lease to run out", took)
	}
	if second.lease.Epoch <= first.lease.Epoch {
		t.Errorf("got epoch %d after %d, want a higher one", second.lease.Epoch, first.lease.Epoch)
	}
	second.holds(t, record("a", "1"))
}

// A holder slept; another one has come and gone on. What the first wakes up to
// write is refused, again and again.
func testLateCommit(t *testing.T, s Shared) {
	first := s.holding(t, 1)
	first.commit(t, record("a", "1"), record("b", "2"))
	s.Sleep(t, first.store)
	second := s.holding(t, 2)
	if second.lease.Epoch <= first.lease.Epoch {
		t.Errorf("got epoch %d after %d, want a higher one", second.lease.Epoch, first.lease.Epoch)
	}
	second.holds(t, record("a", "1"), record("b", "2"))
	first.refused(t, first.lease)
	second.commit(t, record("a", "3"))
	first.refused(t, first.lease)
	first.refused(t, second.lease)
	if err := first.store.Commit(t.Context(), first.lease); !errors.Is(err, checkpoint.ErrLeaseLost) {
		t.Errorf("Commit of nothing: got %v, want ErrLeaseLost", err)
	}
	second.commit(t, record("c", "4"))
	second.holds(t, record("a", "3"), record("b", "2"), record("c", "4"))
}

func testLateLargeCommit(t *testing.T, s Shared) {
	first := s.holding(t, 1)
	first.commit(t, record("a", "1"))
	s.Sleep(t, first.store)
	second := s.holding(t, 2)
	var many []checkpoint.Record
	for i := range 500 {
		many = append(many, record(fmt.Sprintf("late/%03d", i), "stale"))
	}
	if err := first.store.Commit(t.Context(), first.lease, many...); !errors.Is(err, checkpoint.ErrLeaseLost) {
		t.Errorf("Commit: got %v, want ErrLeaseLost", err)
	}
	second.holds(t, record("a", "1"))
}

// What a holder does at its end must not end the next one's lease.
func testLateEnd(t *testing.T, s Shared) {
	first := s.holding(t, 1)
	s.Sleep(t, first.store)
	second := s.holding(t, 2)
	if err := first.store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	second.commit(t, record("a", "1"))
	_, err := s.Open(t).Acquire(t.Context(), holder(3))
	if held, ok := errors.AsType[*checkpoint.HeldError](err); !ok || held.Holder != holder(2) {
		t.Errorf("Acquire: got %v, want it held by %+v", err, holder(2))
	}
	second.commit(t, record("a", "2"))
}

// Nobody came meanwhile: the lease is lost all the same, and can be acquired anew.
func testWakesAlone(t *testing.T, s Shared) {
	first := s.holding(t, 1)
	first.commit(t, record("a", "1"))
	s.Sleep(t, first.store)
	first.refused(t, first.lease)
	again := s.holding(t, 1)
	if again.lease.Epoch <= first.lease.Epoch {
		t.Errorf("got epoch %d after %d, want a higher one", again.lease.Epoch, first.lease.Epoch)
	}
	again.commit(t, record("a", "2"))
	again.holds(t, record("a", "2"))
}
