package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"esferry/checkpoint"
)

// Run runs the suite as subtests. open gives the store that belongs to t: an
// empty one at the first call, and the same one again when it is called anew
// after Close. The suite closes what it opens; t.Name tells the subtests apart.
func Run(t *testing.T, open func(t *testing.T) checkpoint.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *suite)
	}{
		{"empty", testEmpty},
		{"load and list", testLoadAndList},
		{"prefix", testPrefix},
		{"delete", testDelete},
		{"empty value", testEmptyValue},
		{"large value", testLargeValue},
		{"many keys", testManyKeys},
		{"many keys at once", testManyKeysAtOnce},
		{"large commit", testLargeCommit},
		{"large commits are seen whole", testLargeCommitsWhole},
		{"one key twice", testOneKeyTwice},
		{"commit of nothing", testCommitOfNothing},
		{"reopen keeps", testReopenKeeps},
		{"atomic when refused", testAtomicWhenRefused},
		{"epochs rise", testEpochsRise},
		{"old lease", testOldLease},
		{"lease of nobody", testLeaseOfNobody},
		{"lease of before", testLeaseOfBefore},
		{"concurrent commits", testConcurrentCommits},
		{"context ended", testContextEnded},
		{"slices are the caller's", testSlices},
		{"close twice", testCloseTwice},
		{"after close", testAfterClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{open: open}
			s.reopen(t)
			t.Cleanup(func() {
				if err := s.store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.test(t, s)
		})
	}
}

// suite is one subtest's store and the lease it holds.
type suite struct {
	open  func(t *testing.T) checkpoint.Store
	store checkpoint.Store
	lease checkpoint.Lease
}

// reopen closes the store if it is open, opens it again and acquires it.
func (s *suite) reopen(t *testing.T) {
	t.Helper()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	s.store = s.open(t)
	holder := checkpoint.Holder{Host: "host", PID: 1, Since: time.Unix(1_800_000_000, 0).UTC()}
	lease, err := s.store.Acquire(t.Context(), holder)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	if lease.Epoch <= s.lease.Epoch {
		t.Fatalf("Acquire: got epoch %d after %d, want a higher one", lease.Epoch, s.lease.Epoch)
	}
	if lease.Holder != holder {
		t.Fatalf("Acquire: got holder %+v, want %+v", lease.Holder, holder)
	}
	s.lease = lease
}

func (s *suite) commit(t *testing.T, records ...checkpoint.Record) {
	t.Helper()
	if err := s.store.Commit(t.Context(), s.lease, records...); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// holds checks that the store lists and loads exactly these records.
func (s *suite) holds(t *testing.T, want ...checkpoint.Record) {
	t.Helper()
	got, err := s.store.List(t.Context(), "")
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if show(got) != show(want) {
		t.Errorf("List:\ngot  %s\nwant %s", show(got), show(want))
	}
	for _, r := range want {
		value, err := s.store.Load(t.Context(), r.Key)
		if err != nil || string(value) != string(r.Value) {
			t.Errorf("Load %q: got %q, %v, want %q", r.Key, value, err, r.Value)
		}
	}
}

// lacks checks that there is no record at key.
func (s *suite) lacks(t *testing.T, key string) {
	t.Helper()
	if value, err := s.store.Load(t.Context(), key); !errors.Is(err, checkpoint.ErrNotFound) {
		t.Errorf("Load %q: got %q, %v, want ErrNotFound", key, value, err)
	}
}

// refused checks that a commit under the lease is refused as lost.
func (s *suite) refused(t *testing.T, lease checkpoint.Lease) {
	t.Helper()
	before, err := s.store.List(t.Context(), "")
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	err = s.store.Commit(t.Context(), lease, record("a", "stale"), record("new", "stale"), checkpoint.Record{Key: "b"})
	if !errors.Is(err, checkpoint.ErrLeaseLost) {
		t.Errorf("Commit under lease %d: got %v, want ErrLeaseLost", lease.Epoch, err)
	}
	s.holds(t, before...)
}

func record(key, value string) checkpoint.Record {
	return checkpoint.Record{Key: key, Value: []byte(value)}
}

// show prints records by length where they are long.
func show(records []checkpoint.Record) string {
	var out []string
	for _, r := range records {
		value := string(r.Value)
		if len(value) > 40 {
			value = fmt.Sprintf("%s... of %d bytes", value[:20], len(value))
		}
		out = append(out, fmt.Sprintf("%q=%q", r.Key, value))
	}
	if len(out) > 12 {
		out = append(slices.Clip(out[:10]), fmt.Sprintf("... of %d", len(out)), out[len(out)-1])
	}
	return fmt.Sprint(out)
}

func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
