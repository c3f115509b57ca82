package group_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/group"
)

func TestPanicBecomesAnError(t *testing.T) {
	t.Parallel()
	g, ctx := group.New(t.Context())
	g.Go("read users[0]", func(context.Context) error {
		var none map[string]int
		none["x"] = 1 //nolint:staticcheck // the panic is the point
		return nil
	})
	err := g.Wait()
	var p *group.PanicError
	if !errors.As(err, &p) {
		t.Fatalf("Wait: got %v, want a *PanicError", err)
	}
	if got, want := err.Error(), "read users[0]: panic: assignment to entry in nil map"; got != want {
		t.Errorf("error: got %q, want %q", got, want)
	}
	if !strings.Contains(string(p.Stack), "TestPanicBecomesAnError") {
		t.Errorf("the stack does not show where it happened:\n%s", p.Stack)
	}
	if ctx.Err() == nil {
		t.Error("the context goes on after a panic")
	}
}

func TestFirstErrorWinsAndCancels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := errors.New("first")
		g, _ := group.New(t.Context())
		g.Go("fails", func(context.Context) error {
			time.Sleep(time.Second)
			return first
		})
		g.Go("waits", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		g.Go("panics later", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			panic("second")
		})
		if err := g.Wait(); !errors.Is(err, first) {
			t.Errorf("Wait: got %v, want the first error", err)
		}
	})
}

func TestWaitEndsTheContext(t *testing.T) {
	t.Parallel()
	g, ctx := group.New(t.Context())
	g.Go("nothing", func(inner context.Context) error { return inner.Err() })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("context after Wait: got %v, want it cancelled", ctx.Err())
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := group.New(t.Context())
		g.SetLimit(3)
		var mu sync.Mutex
		var running, most int
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		for range 10 {
			g.Go("work", func(context.Context) error {
				count(1)
				time.Sleep(time.Second)
				count(-1)
				return nil
			})
		}
		if err := g.Wait(); err != nil || most != 3 {
			t.Errorf("most at once: got %d (%v), want 3", most, err)
		}
	})
}

func TestRecover(t *testing.T) {
	t.Parallel()
	f := func(do func(), want string) {
		t.Helper()
		run := func() (err error) {
			defer group.Recover("main", &err)
			do()
			return errors.New("kept")
		}
		if err := run(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(func() {}, "kept")
	f(func() { panic("x") }, "main: panic: x")
	f(func() { panic(errors.New("y")) }, "main: panic: y")
}
