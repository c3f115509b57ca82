package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Temporary is what an error implements that another try may cure.
type Temporary interface{ Temporary() bool }

// Policy bounds the tries of Do. The zero value is a good default for calls to
// an engine: up to five minutes, from 200 ms to 10 s between tries.
type Policy struct {
	// First is the delay before the second try; 200 ms when zero.
	First time.Duration
	// Most is the longest delay between two tries; 10 s when zero: longer, and
	// an operator thinks that the ferry hangs.
	Most time.Duration
	// Total is the time after which the last error is returned; 5 min when zero:
	// an engine's rolling restart takes about that long for a node.
	Total time.Duration
	// Notify, when set, hears of each failed try and of the delay that follows.
	Notify func(err error, delay time.Duration)
}

// Retryable reports whether err, or an error in its chain, calls itself
// temporary. Errors of an ended context never are.
func Retryable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var t interface {
		error
		Temporary
	}
	return errors.As(err, &t) && t.Temporary()
}

// Do calls fn until it succeeds, fails for good, or the policy's time is over,
// with exponential backoff and jitter in between. It returns fn's last error.
func Do(ctx context.Context, p Policy, fn func(ctx context.Context) error) error {
	schedule := backoff.NewExponentialBackOff()
	schedule.InitialInterval = or(p.First, 200*time.Millisecond)
	schedule.MaxInterval = or(p.Most, 10*time.Second)
	options := []backoff.RetryOption{
		backoff.WithBackOff(schedule),
		backoff.WithMaxElapsedTime(or(p.Total, 5*time.Minute)),
	}
	if p.Notify != nil {
		options = append(options, backoff.WithNotify(p.Notify))
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := fn(ctx)
		if err != nil && !Retryable(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, options...)
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Err
	}
	return err
}

// Sleep waits for d or for the end of ctx, whichever is first; it returns
// ctx's error in the second case.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
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
