package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"esferry/checkpoint"
	"esferry/internal/group"
)

// testManyKeysAtOnce is a cutover of thousands of indices: what comes at the same
// time is committed together.
func testManyKeysAtOnce(t *testing.T, s *suite) {
	var all []checkpoint.Record
	for i := range 3000 {
		all = append(all, record(fmt.Sprintf("ferry/index/logs-%04d", i), fmt.Sprintf(`{"n":%d}`, i)))
	}
	s.commit(t, all...)
	s.lists(t, all...)
	var changes, want []checkpoint.Record
	for i, r := range all {
		switch i % 3 {
		case 0:
			changes = append(changes, checkpoint.Record{Key: r.Key})
		case 1:
			changes = append(changes, record(r.Key, "changed"))
			want = append(want, record(r.Key, "changed"))
		default:
			want = append(want, r)
		}
	}
	slices.Reverse(changes)
	s.commit(t, changes...)
	s.lists(t, want...)
	s.reopen(t)
	s.lists(t, want...)
}

// testLargeCommit is refused as a whole where one record of many is.
func testLargeCommit(t *testing.T, s *suite) {
	large := func(c string) string { return strings.Repeat(c, 900_000) }
	s.commit(t, record("a", large("1")), record("b", large("2")), record("c", large("3")), record("d", "4"))
	s.holds(t, record("a", large("1")), record("b", large("2")), record("c", large("3")), record("d", "4"))
	err := s.store.Commit(t.Context(), s.lease, record("a", large("x")), record("b", large("x")), record("not\xffutf-8", "x"), record("d", large("x")))
	if err == nil {
		t.Error("Commit with a key that is no text: got no error")
	}
	s.refused(t, checkpoint.Lease{Epoch: s.lease.Epoch + 1})
	s.holds(t, record("a", large("1")), record("b", large("2")), record("c", large("3")), record("d", "4"))
	s.commit(t, checkpoint.Record{Key: "a"}, record("b", large("5")), record("c", "6"), record("e", large("7")))
	s.reopen(t)
	s.holds(t, record("b", large("5")), record("c", "6"), record("d", "4"), record("e", large("7")))
}

// testLargeCommitsWhole reads while a commit is written that takes several steps
// in some stores: no reader sees one of them alone.
func testLargeCommitsWhole(t *testing.T, s *suite) {
	const keys, rounds = 400, 6
	done := errors.New("written")
	g, _ := group.New(t.Context())
	g.Go("writer", func(ctx context.Context) error {
		for n := range rounds {
			var all []checkpoint.Record
			for i := range keys {
				all = append(all, record(fmt.Sprintf("whole/%03d", i), strconv.Itoa(n)))
			}
			if err := s.store.Commit(ctx, s.lease, all...); err != nil {
				return err
			}
		}
		return done
	})
	g.Go("reader", func(ctx context.Context) error {
		for ctx.Err() == nil {
			first, err := s.store.Load(ctx, "whole/000")
			if err != nil {
				continue
			}
			seen, err := s.store.List(ctx, "whole/")
			if err != nil {
				continue
			}
			if len(seen) != keys || slices.ContainsFunc(seen, func(r checkpoint.Record) bool { return string(r.Value) != string(seen[0].Value) }) {
				return fmt.Errorf("saw a part of a commit: %s", show(seen))
			}
			if last := string(seen[0].Value); last < string(first) {
				return fmt.Errorf("loaded %s, and listed %s after it", first, last)
			}
		}
		return nil
	})
	if err := g.Wait(); !errors.Is(err, done) {
		t.Error(err)
	}
}

func testOneKeyTwice(t *testing.T, s *suite) {
	s.commit(t, record("a", "1"), record("b", "2"), record("a", "3"), record("b", "4"), checkpoint.Record{Key: "b"})
	s.holds(t, record("a", "3"))
}

// lists checks what List gives, without loading each.
func (s *suite) lists(t *testing.T, want ...checkpoint.Record) {
	t.Helper()
	got, err := s.store.List(t.Context(), "")
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if !slices.EqualFunc(got, want, func(a, b checkpoint.Record) bool { return a.Key == b.Key && string(a.Value) == string(b.Value) }) {
		t.Errorf("List:\ngot  %s\nwant %s", show(got), show(want))
	}
}
