package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Temporary is what an error implements that another try may cure.
type Temporary interface{ Temporary() bool }

// Policy bounds the tries of Do. The zero value is a good default for calls to
// an engine: up to five minutes, from 200 ms to 10 s between tries.
type Policy struct {
	// First is the delay before the second try, give or take half of it; 200 ms
	// when zero.
	First time.Duration
	// Most is the longest delay between two tries, jitter included; 10 s when
	// zero: longer, and an operator thinks that the ferry hangs.
	Most time.Duration
	// Total is the time after which the last error is returned; 5 min when zero:
	// an engine's rolling restart takes about that long for a node. A try that
	// lasted longer than that before it failed counts as the first one.
	Total time.Duration
	// Notify, when set, hears of each failed try and of the delay that follows.
	Notify func(err error, delay time.Duration)
}

// mostLong bounds the tries that last longer than a policy's total: to read a
// whole shard may take hours, but an engine that accepts connections and never
// answers must not be waited for without end.
const mostLong = 10

// Retryable reports whether err calls itself temporary; in a chain the outermost
// error that has a say decides. Errors of an ended context never are. Time-outs
// of package net are no such errors, although errors.Is takes them for
// context.DeadlineExceeded: a node that restarts answers the next dial.
func Retryable(err error) bool {
	if err == nil || ended(err) {
		return false
	}
	var t interface {
		error
		Temporary
	}
	return errors.As(err, &t) && t.Temporary()
}

// ended looks for the very errors of an ended context in err's tree.
func ended(err error) bool {
	if err == context.Canceled || err == context.DeadlineExceeded { //nolint:errorlint // identity is meant, see Retryable
		return true
	}
	switch wrapper := err.(type) { //nolint:errorlint // this walks the tree as errors.Is does
	case interface{ Unwrap() error }:
		return ended(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wrapper.Unwrap(), ended)
	default:
		return false
	}
}

// Do calls fn until it succeeds, fails for good, or the policy's time is over,
// with exponential backoff and jitter in between. It returns fn's last error,
// below ctx's when ctx ended before another try.
func Do(ctx context.Context, p Policy, fn func(ctx context.Context) error) error {
	total := or(p.Total, 5*time.Minute)
	for long := 1; ; long++ {
		lasted, err := streak(ctx, p, total, fn)
		if err == nil || !Retryable(err) || lasted < total || long == mostLong || ctx.Err() != nil {
			return err
		}
		// It worked for long before it failed, which is no streak of failures.
		if err := Sleep(ctx, or(p.First, 200*time.Millisecond)); err != nil {
			return err
		}
	}
}

// streak tries for total at most, and tells how long the last try lasted.
func streak(ctx context.Context, p Policy, total time.Duration, fn func(ctx context.Context) error) (lasted time.Duration, err error) {
	schedule := backoff.NewExponentialBackOff()
	// Jitter adds up to a half: two thirds keep the sum within Most.
	schedule.MaxInterval = or(p.Most, 10*time.Second) * 2 / 3
	schedule.InitialInterval = min(or(p.First, 200*time.Millisecond), schedule.MaxInterval)
	options := []backoff.RetryOption{backoff.WithBackOff(schedule), backoff.WithMaxElapsedTime(total)}
	if p.Notify != nil {
		options = append(options, backoff.WithNotify(p.Notify))
	}
	var last error
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		began := time.Now()
		last = fn(ctx)
		lasted = time.Since(began)
		if last != nil && !Retryable(last) {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, options...)
	if err == nil || errors.Is(err, last) {
		return lasted, last
	}
	// Only an end of ctx is left, and err is its cause, which may hide that.
	return lasted, fmt.Errorf("%w, before another try after: %w", ctx.Err(), last)
}

// Sleep waits for d or for the end of ctx, whichever is first; it returns
// ctx's error in the second case, and always when ctx has ended before.
func Sleep(ctx context.Context, d time.Duration) error { return Doze(ctx, d, nil) }

// Doze waits for d, for wake, or for the end of ctx, whichever is first; it
// returns ctx's error in the last case, and always when ctx has ended before.
func Doze(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wake:
	case <-timer.C:
	}
	return nil
}

// Linger gives a context that ends d after ctx has, for what is better finished
// than broken off. The function frees it and must be called.
func Linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	lingering, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if Sleep(lingering, d) == nil {
			cancel()
		}
	})
	return lingering, func() {
		stop()
		cancel()
	}
}

// Poll asks done every interval until it says true or fails. The first
// question is asked at once. When ctx ends, the error names what was awaited.
func Poll(ctx context.Context, what string, interval time.Duration, done func(ctx context.Context) (bool, error)) error {
	for {
		ok, err := done(ctx)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
		if err := Sleep(ctx, interval); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
	}
}

func or(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}
