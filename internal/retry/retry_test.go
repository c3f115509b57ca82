package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/retry"
)

// engineError is an error that says of itself whether it is temporary.
type engineError struct {
	temporary bool
	err       error
}

func (e *engineError) Error() string {
	return fmt.Sprintf("engine: temporary %v: %v", e.temporary, e.err)
}
func (e *engineError) Unwrap() error   { return e.err }
func (e *engineError) Temporary() bool { return e.temporary }

func TestRetryable(t *testing.T) {
	t.Parallel()
	f := func(what string, err error, want bool) {
		t.Helper()
		if got := retry.Retryable(err); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	busy := &engineError{temporary: true}
	f("nil", nil, false)
	f("plain", errors.New("x"), false)
	f("temporary", busy, true)
	f("permanent", &engineError{}, false)
	f("wrapped", fmt.Errorf("read i[0](1,2]: %w", busy), true)
	f("joined", errors.Join(errors.New("x"), busy), true)
	f("outermost word counts", &engineError{temporary: false, err: busy}, false)
	f("cancelled", fmt.Errorf("x: %w", context.Canceled), false)
	f("temporary over an ended context", &engineError{temporary: true, err: context.DeadlineExceeded}, false)
	f("joined with an ended context", errors.Join(busy, context.Canceled), false)
}

// A node that does not answer the dial in time is exactly what another try may
// cure, although package net lets errors.Is call it a deadline.
func TestRetryableNetworkTimeout(t *testing.T) {
	t.Parallel()
	_, err := (&net.Dialer{Timeout: 1}).DialContext(t.Context(), "tcp", "127.0.0.1:9")
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("dial within a nanosecond: got %v, want a timeout", err)
	}
	if !retry.Retryable(&engineError{temporary: true, err: err}) {
		t.Errorf("%v: got permanent, want retryable", err)
	}
}

func TestDoSucceedsAfterTemporaryErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		err := retry.Do(t.Context(), retry.Policy{}, func(context.Context) error {
			if tries++; tries < 5 {
				return &engineError{temporary: true}
			}
			return nil
		})
		if err != nil || tries != 5 {
			t.Errorf("got %v after %d tries, want success after 5", err, tries)
		}
	})
}

func TestDoStopsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, tries, permanent := time.Now(), 0, &engineError{}
		err := retry.Do(t.Context(), retry.Policy{}, func(context.Context) error {
			tries++
			return permanent
		})
		if !errors.Is(err, permanent) || tries != 1 || time.Since(start) != 0 {
			t.Errorf("got %v after %d tries and %s, want the error itself after one", err, tries, time.Since(start))
		}
	})
}

// No delay is above Most, jitter included; they grow; and when Total is over
// the last error comes back.
func TestDoKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	f := func(p retry.Policy, most, total time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			start, tries := time.Now(), 0
			var longest time.Duration
			p.Notify = func(_ error, delay time.Duration) { longest = max(longest, delay) }
			err := retry.Do(t.Context(), p, func(context.Context) error {
				tries++
				return &engineError{temporary: true, err: fmt.Errorf("try %d", tries)}
			})
			if got, want := fmt.Sprint(err), fmt.Sprintf("engine: temporary true: try %d", tries); got != want {
				t.Errorf("error: got %q, want %q", got, want)
			}
			if longest > most || longest < most/4 {
				t.Errorf("longest delay: got %s, want at most %s and near it", longest, most)
			}
			if spent := time.Since(start); spent > total || spent < total-most {
				t.Errorf("time: got %s, want nearly %s", spent, total)
			}
		})
	}
	f(retry.Policy{}, 10*time.Second, 5*time.Minute)
	f(retry.Policy{First: time.Second, Most: 2 * time.Second, Total: time.Minute}, 2*time.Second, time.Minute)
	f(retry.Policy{First: time.Minute, Most: time.Second, Total: time.Minute}, time.Second, time.Minute)
}

// When the context ends between two tries, both the end and the reason for the
// tries are told.
func TestALongTryIsNoStreakOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		err := retry.Do(t.Context(), retry.Policy{}, func(ctx context.Context) error {
			if tries++; tries > 3 {
				return nil
			}
			if err := retry.Sleep(ctx, time.Hour); err != nil {
				return err
			}
			return &engineError{temporary: true, err: errors.New("interrupted")}
		})
		if err != nil || tries != 4 {
			t.Errorf("got %v after %d tries, want success at the fourth", err, tries)
		}
		tries = 0
		err = retry.Do(t.Context(), retry.Policy{}, func(ctx context.Context) error {
			tries++
			if err := retry.Sleep(ctx, time.Hour); err != nil {
				return err
			}
			return &engineError{temporary: true, err: errors.New("interrupted")}
		})
		if err == nil || tries > 20 {
			t.Errorf("got %v after %d tries, want it to end some day", err, tries)
		}
	})
}

func TestDoContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		last := &engineError{temporary: true}
		start := time.Now()
		err := retry.Do(ctx, retry.Policy{First: time.Minute, Most: time.Hour, Total: time.Hour}, func(context.Context) error { return last })
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, last) {
			t.Errorf("got %v, want the deadline and the last error", err)
		}
		if retry.Retryable(err) {
			t.Errorf("%v: got retryable, want not", err)
		}
		if spent := time.Since(start); spent != time.Second {
			t.Errorf("returned after %s, want 1s", spent)
		}
	})
}

// A cause must not hide that it was a cancellation: the exit code depends on it.
func TestDoContextEndedDuringTheTry(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	tries, last := 0, &engineError{temporary: true}
	err := retry.Do(ctx, retry.Policy{}, func(context.Context) error {
		tries++
		cancel(errors.New("interrupt signal received"))
		return last
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, last) || tries != 1 {
		t.Errorf("got %v after %d tries, want the cancellation and the last error after one", err, tries)
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := retry.Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("got %v after %s, want nil after an hour", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's end", err)
		}
		for range 100 {
			if retry.Sleep(ctx, 0) == nil {
				t.Fatal("a sleep of nothing in an ended context succeeded")
			}
		}
	})
}

func TestPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, asked := time.Now(), 0
		err := retry.Poll(t.Context(), "green", time.Second, func(context.Context) (bool, error) {
			asked++
			return asked == 4, nil
		})
		if err != nil || asked != 4 || time.Since(start) != 3*time.Second {
			t.Errorf("got %v, asked %d times in %s, want 4 in 3s", err, asked, time.Since(start))
		}
		broken := errors.New("broken")
		if err := retry.Poll(t.Context(), "green", time.Second, func(context.Context) (bool, error) { return true, broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want the question's error", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = retry.Poll(ctx, "index users to be green", time.Second, func(context.Context) (bool, error) { return false, nil })
		if got, want := fmt.Sprint(err), "wait for index users to be green: context deadline exceeded"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		lingering, end := retry.Linger(ctx, time.Minute)
		defer end()
		start := time.Now()
		<-lingering.Done()
		if took := time.Since(start); took != time.Second+time.Minute {
			t.Errorf("ended after %s, want a minute after the other's second", took)
		}
		ctx, cancel = context.WithCancel(t.Context())
		lingering, end = retry.Linger(ctx, time.Hour)
		cancel()
		end()
		if start = time.Now(); lingering.Err() == nil || time.Since(start) != 0 {
			t.Errorf("freed: got %v, want it to have ended", lingering.Err())
		}
	})
}
