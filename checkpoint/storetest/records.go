package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"esferry/checkpoint"
)

func testEmpty(t *testing.T, s *suite) {
	s.holds(t)
	s.lacks(t, "ferry")
}

func testLoadAndList(t *testing.T, s *suite) {
	s.commit(t, record("b", `{"w":1}`), record("a", `{"w":2}`))
	s.holds(t, record("a", `{"w":2}`), record("b", `{"w":1}`))
	s.commit(t, record("b", `{"w":3}`), record("c", "\x00\xffnot JSON"))
	s.holds(t, record("a", `{"w":2}`), record("b", `{"w":3}`), record("c", "\x00\xffnot JSON"))
	s.lacks(t, "")
	s.lacks(t, "aa")
}

func testPrefix(t *testing.T, s *suite) {
	s.commit(t, record("x/index/b", "1"), record("x/index/a", "2"), record("x/indexes", "3"), record("x0", "4"), record("y/index/a", "5"))
	list := func(prefix, want string) {
		t.Helper()
		got, err := s.store.List(t.Context(), prefix)
		if err != nil || show(got) != want {
			t.Errorf("List %q: got %s, %v, want %s", prefix, show(got), err, want)
		}
	}
	list("x/index/", `["x/index/a"="2" "x/index/b"="1"]`)
	list("x/index", `["x/index/a"="2" "x/index/b"="1" "x/indexes"="3"]`)
	list("x/index/a", `["x/index/a"="2"]`)
	list("y", `["y/index/a"="5"]`)
	list("z", `[]`)
}

func testDelete(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"))
	s.commit(t, checkpoint.Record{Key: "a"}, checkpoint.Record{Key: "never was"}, record("c", "3"))
	s.holds(t, record("b", "2"), record("c", "3"))
	s.lacks(t, "a")
	s.commit(t, record("a", "4"))
	s.holds(t, record("a", "4"), record("b", "2"), record("c", "3"))
}

// A value of no bytes is a value; only nil deletes.
func testEmptyValue(t *testing.T, s *suite) {
	s.commit(t, checkpoint.Record{Key: "a", Value: []byte{}})
	s.holds(t, record("a", ""))
}

func testLargeValue(t *testing.T, s *suite) {
	large := strings.Repeat("0123456789abcdef", 1<<16)
	s.commit(t, record("a", large), record("b", "small"))
	s.holds(t, record("a", large), record("b", "small"))
	s.reopen(t)
	s.commit(t, record("a", "small, too"))
	s.holds(t, record("a", "small, too"), record("b", "small"))
}

func testManyKeys(t *testing.T, s *suite) {
	var all []checkpoint.Record
	for i := range 3000 {
		all = append(all, record(fmt.Sprintf("ferry/index/logs-%d", i*7919%3000), fmt.Sprintf(`{"n":%d}`, i)))
	}
	for part := range slices.Chunk(all, 100) {
		s.commit(t, part...)
	}
	slices.SortFunc(all, func(a, b checkpoint.Record) int { return strings.Compare(a.Key, b.Key) })
	s.holds(t, all...)
	s.reopen(t)
	s.holds(t, all...)
}

// A commit of no records still tells whether the lease holds.
func testCommitOfNothing(t *testing.T, s *suite) {
	s.commit(t)
	s.holds(t)
	if err := s.store.Commit(t.Context(), checkpoint.Lease{Epoch: s.lease.Epoch + 1}); !errors.Is(err, checkpoint.ErrLeaseLost) {
		t.Errorf("Commit of nothing under no lease: got %v, want ErrLeaseLost", err)
	}
}

func testReopenKeeps(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"))
	s.commit(t, record("a", "3"), checkpoint.Record{Key: "b"})
	s.reopen(t)
	s.holds(t, record("a", "3"))
	s.reopen(t)
	s.holds(t, record("a", "3"))
}

func testAtomicWhenRefused(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"))
	for _, bad := range []checkpoint.Record{record("", "no key"), {}, record("not\xffutf-8", "1")} {
		if err := s.store.Commit(t.Context(), s.lease, record("a", "changed"), checkpoint.Record{Key: "b"}, bad, record("c", "new")); err == nil {
			t.Errorf("Commit with key %q: got no error", bad.Key)
		}
		s.holds(t, record("a", "1"), record("b", "2"))
	}
}

func testContextEnded(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"))
	ctx := ended(t)
	f := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: got %v, want context.Canceled", what, err)
		}
	}
	_, err := s.store.Load(ctx, "a")
	f("Load", err)
	_, err = s.store.List(ctx, "")
	f("List", err)
	f("Commit", s.store.Commit(ctx, s.lease, record("a", "2"), record("b", "3")))
	_, err = s.store.Acquire(ctx, s.lease.Holder)
	f("Acquire", err)
	s.holds(t, record("a", "1"))
	// The lease outlives a call that never began.
	s.commit(t, record("a", "4"))
}

func testSlices(t *testing.T, s *suite) {
	given := record("a", "value")
	s.commit(t, given)
	copy(given.Value, "XXXXX")
	loaded, err := s.store.Load(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	copy(loaded, "YYYYY")
	listed, err := s.store.List(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != 1 || !bytes.Equal(listed[0].Value, []byte("value")) {
		t.Fatalf("List: got %s, want the value as it was committed", show(listed))
	}
	copy(listed[0].Value, "ZZZZZ")
	s.holds(t, record("a", "value"))
}
