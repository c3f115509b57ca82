package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"esferry/checkpoint"
	"esferry/internal/group"
)

func testEpochsRise(t *testing.T, s *suite) {
	for range 3 {
		s.reopen(t)
	}
}

// A second Acquire of the same store is refused, or takes the first lease.
func testOldLease(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"))
	old := s.lease
	lease, err := s.store.Acquire(t.Context(), checkpoint.Holder{Host: "other", PID: 2})
	if _, held := errors.AsType[*checkpoint.HeldError](err); held {
		s.commit(t, record("a", "3"))
		return
	}
	if err != nil || lease.Epoch <= old.Epoch {
		t.Fatalf("Acquire again: got %+v, %v, want an epoch above %d", lease, err, old.Epoch)
	}
	s.lease = lease
	s.refused(t, old)
	s.commit(t, record("a", "3"))
	s.holds(t, record("a", "3"), record("b", "2"))
}

func testLeaseOfNobody(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"))
	s.refused(t, checkpoint.Lease{})
	s.refused(t, checkpoint.Lease{Epoch: s.lease.Epoch + 1, Holder: s.lease.Holder})
	s.refused(t, checkpoint.Lease{Epoch: s.lease.Epoch - 1, Holder: s.lease.Holder})
	s.commit(t, record("a", "3"))
}

// Close gives the lease back: nobody commits with it afterwards, whether or
// not somebody else has acquired the store.
func testLeaseOfBefore(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"))
	old := s.lease
	if err := s.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s.store = s.open(t)
	s.refused(t, old)
	s.reopen(t)
	s.refused(t, old)
	s.commit(t, record("a", "3"))
}

// Commits from many goroutines are all kept, and no reader sees half of one.
func testConcurrentCommits(t *testing.T, s *suite) {
	const writers, rounds = 6, 8
	g, _ := group.New(t.Context())
	for w := range writers {
		g.Go("writer", func(ctx context.Context) error {
			for n := range rounds {
				value := strconv.Itoa(n)
				left, right := record(fmt.Sprintf("%d/left", w), value), record(fmt.Sprintf("%d/right", w), value)
				if err := s.store.Commit(ctx, s.lease, left, right); err != nil {
					return err
				}
			}
			return nil
		})
		g.Go("reader", func(ctx context.Context) error {
			for range rounds {
				pair, err := s.store.List(ctx, fmt.Sprintf("%d/", w))
				if err != nil {
					return err
				}
				if len(pair) != 0 && (len(pair) != 2 || string(pair[0].Value) != string(pair[1].Value)) {
					return fmt.Errorf("saw half a commit: %s", show(pair))
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var want []checkpoint.Record
	for w := range writers {
		want = append(want, record(fmt.Sprintf("%d/left", w), strconv.Itoa(rounds-1)), record(fmt.Sprintf("%d/right", w), strconv.Itoa(rounds-1)))
	}
	s.holds(t, want...)
}

func testCloseTwice(t *testing.T, s *suite) {
	for range 2 {
		if err := s.store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// A closed store answers with errors, never with a panic or with nothing.
func testAfterClose(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"))
	if err := s.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	f := func(what string, err error) {
		t.Helper()
		if err == nil || errors.Is(err, checkpoint.ErrNotFound) {
			t.Errorf("%s after Close: got %v, want an error", what, err)
		}
	}
	_, err := s.store.Load(t.Context(), "a")
	f("Load", err)
	_, err = s.store.List(t.Context(), "")
	f("List", err)
	f("Commit", s.store.Commit(t.Context(), s.lease, record("a", "2")))
	_, err = s.store.Acquire(t.Context(), s.lease.Holder)
	f("Acquire", err)
	s.reopen(t)
	s.holds(t, record("a", "1"))
}
