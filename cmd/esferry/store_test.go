package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/ferry"
	"esferry/internal/group"
)

// leased is a store whose lease ends when it is told to.
type leased struct {
	checkpoint.Store
	ends chan error
}

func (l leased) Lost(ctx context.Context) error {
	select {
	case err := <-l.ends:
		return err
	case <-ctx.Done():
		return nil
	}
}

// TestWorkEndsWithTheLease lets a command run on a store that loses its lease.
func TestWorkEndsWithTheLease(t *testing.T) {
	lost := &etcdstore.LostError{Holder: checkpoint.Holder{Host: "b", PID: 7}}
	f := func(what string, ends bool, do func(ctx context.Context) error, wantCode int, want string) {
		t.Helper()
		store := leased{ends: make(chan error, 1)}
		if ends {
			store.ends <- lost
		}
		err := whileHeld(t.Context(), store, do)
		if code := codeOf(t.Context(), err); code != wantCode || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: got exit code %d and %v, want %d and %q", what, code, err, wantCode, want)
		}
	}
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("read page 7: %w", ctx.Err())
	}
	f("it works and nothing happens", false, func(context.Context) error { return nil }, 0, "nil")
	f("it fails", false, func(context.Context) error { return errors.New("disk full") }, 1, "disk full")
	f("it panics", false, func(context.Context) error { panic("out of order") }, 1, "panic")
	f("the lease ends", true, waits, 11, "pid 7 on b")
	f("the lease ends under a block", true, func(ctx context.Context) error {
		return errors.Join(waits(ctx), &ferry.BlockedError{Indices: []string{"users"}})
	}, 11, "the write blocks on users stay")
	f("the lease ends within a switch", true, func(ctx context.Context) error {
		return &ferry.StandingError{Blocked: []string{"users"}, Err: waits(ctx)}
	}, 11, "the write blocks on users stand")
	if _, panicked := errors.AsType[*group.PanicError](whileHeld(t.Context(), leased{ends: make(chan error)}, func(context.Context) error { panic("x") })); !panicked {
		t.Error("a panic is no *group.PanicError any more")
	}
	var embedded *boltstore.Store
	if err := whileHeld(t.Context(), embedded, func(context.Context) error { return nil }); err != nil {
		t.Errorf("an embedded store: got %v", err)
	}
}

// TestEnds: a command ends as it says, but where it was ended by what failed beside it.
func TestEnds(t *testing.T) {
	gone, failed := &etcdstore.UnreachableError{Endpoints: []string{"x"}}, errors.New("disk full")
	stopped := fmt.Errorf("read page 7: %w", context.Canceled)
	over, stop := context.WithCancel(t.Context())
	stop()
	f := func(what string, ctx context.Context, result, first error, want ...error) {
		t.Helper()
		got := howEnded(ctx, result, first)
		for _, w := range want {
			if !errors.Is(got, w) {
				t.Errorf("%s: got %v, want %v", what, got, w)
			}
		}
		if len(want) == 0 && got != nil {
			t.Errorf("%s: got %v", what, got)
		}
	}
	f("done", t.Context(), nil, nil)
	f("done, which ends the socket", t.Context(), nil, context.Canceled)
	f("failed", t.Context(), failed, failed, failed)
	f("failed, which ends the socket", t.Context(), failed, context.Canceled, failed)
	f("the workers' store is gone", t.Context(), stopped, gone, gone)
	blocked := &ferry.BlockedError{Indices: []string{"users"}}
	f("the workers' store is gone in a freeze", t.Context(), errors.Join(stopped, blocked), gone, gone, blocked)
	f("the workers' store is gone, and the command fails by itself", t.Context(), failed, gone, failed)
	f("the socket fails, and the command is done", t.Context(), nil, failed, failed)
	f("interrupted", over, stopped, stopped, context.Canceled)
	f("interrupted, before anything", over, nil, context.Canceled, context.Canceled)
}

// TestLostStoreEndsNoRun has a leader end since its store is gone, or its lease: it
// tells its workers of no end, for the run goes on. The desk here bears no question.
func TestLostStoreEndsNoRun(t *testing.T) {
	s := &session{desk: &etcdstore.Desk{}}
	for _, lost := range []error{
		fmt.Errorf("commit: %w", &etcdstore.UnreachableError{}),
		fmt.Errorf("commit: %w", &etcdstore.LostError{Err: &etcdstore.UnreachableError{}}),
		fmt.Errorf("commit: %w", &etcdstore.LostError{}),
	} {
		if err := s.conclude(t.Context(), "worker", lost); !errors.Is(err, lost) {
			t.Errorf("got %v, want %v", err, lost)
		}
	}
}

func TestCodeOfALostLease(t *testing.T) {
	f := func(err error, want int) {
		t.Helper()
		if got := codeOf(t.Context(), err); got != want {
			t.Errorf("%v: got exit code %d, want %d", err, got, want)
		}
		if hintOf(err) == "" {
			t.Errorf("%v: no next step", err)
		}
	}
	f(fmt.Errorf("commit: %w", &etcdstore.LostError{Holder: checkpoint.Holder{Host: "b", PID: 7}}), 11)
	f(fmt.Errorf("commit: %w", &etcdstore.LostError{}), 1)
	f(fmt.Errorf("commit: %w", &etcdstore.UnreachableError{Endpoints: []string{"http://a:2379"}}), 1)
}

// TestStoreInEtcdHasNoExport refuses by name what makes no sense.
func TestStoreInEtcdHasNoExport(t *testing.T) {
	yaml := filepath.Join(t.TempDir(), "ferry.yaml")
	text := "name: night\nsource: {url: http://127.0.0.1:1}\ntarget: {url: http://127.0.0.1:2}\ncheckpoint: {store: etcd, endpoints: http://127.0.0.1:1}\n"
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "checkpoint", "restore", "-c", yaml); code != 2 || !strings.Contains(stderr, "no export") || !strings.Contains(stderr, "etcdutl snapshot restore") {
		t.Errorf("got exit code %d and %q", code, stderr)
	}
	if code, _, stderr := command(t, "status", "-c", yaml); code != 1 || !strings.Contains(stderr, "connection refused") || !strings.Contains(stderr, "checkpoint.endpoints") {
		t.Errorf("got exit code %d and %q", code, stderr)
	}
}
