package joint_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/joint"
)

// engine answers with the square of what it is asked, and keeps the calls.
type engine struct {
	mu sync.Mutex
	// calls are how many each call was for; 0 for one that was made alone.
	calls []int
	// refuses is asked in vain.
	refuses int
}

var errRefused = errors.New("refused")

func (e *engine) note(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, n)
}

func (e *engine) one(ctx context.Context, asked int) (int, error) {
	e.note(0)
	if asked == e.refuses {
		return 0, errRefused
	}
	return asked * asked, ctx.Err()
}

func (e *engine) all(ctx context.Context, asked []int) ([]int, error) {
	e.note(len(asked))
	answers := make([]int, 0, len(asked))
	for _, a := range asked {
		if a == e.refuses {
			return nil, errRefused
		}
		answers = append(answers, a*a)
	}
	return answers, ctx.Err()
}

// TestCallersShareACall: those who come together are answered by one call, each
// with their own answer; one that fails fails for the one caller alone.
func TestCallersShareACall(t *testing.T) {
	f := func(callers, refuses int, want ...int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			e := &engine{refuses: refuses}
			calls := joint.New(e.all, e.one)
			var all sync.WaitGroup
			for i := 1; i <= callers; i++ {
				all.Go(func() {
					got, err := calls.Do(t.Context(), i)
					if i == refuses && !errors.Is(err, errRefused) {
						t.Errorf("caller %d: got %d, %v, want a refusal", i, got, err)
					}
					if i != refuses && (err != nil || got != i*i) {
						t.Errorf("caller %d: got %d, %v", i, got, err)
					}
				})
			}
			all.Wait()
			if !slices.Equal(e.calls, want) {
				t.Errorf("%d callers: got calls for %v, want %v", callers, e.calls, want)
			}
		})
	}
	f(1, 0, 0)
	f(2, 0, 2)
	f(100, 0, 100)
	f(1, 1, 0)
	f(3, 2, 3, 0, 0, 0)
}

// TestAnAnswerIsNotOlderThanItsQuestion: who comes while a call is under way is
// answered by a later one.
func TestAnAnswerIsNotOlderThanItsQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		read := func() time.Duration {
			at := time.Since(began)
			time.Sleep(time.Second)
			return at
		}
		calls := joint.New(
			func(_ context.Context, asked []int) ([]time.Duration, error) {
				return slices.Repeat([]time.Duration{read()}, len(asked)), nil
			},
			func(context.Context, int) (time.Duration, error) { return read(), nil },
		)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(i%7) * 300 * time.Millisecond)
				came := time.Since(began)
				if read, err := calls.Do(t.Context(), i); err != nil || read < came {
					t.Errorf("came at %s, and was told what was read at %s (%v)", came, read, err)
				}
			})
		}
		all.Wait()
	})
}

// TestALeaderWhoLeaves: the others are answered all the same, and what was done
// is told also to one whose context has ended.
func TestALeaderWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{}
		calls := joint.New(e.all, e.one)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := calls.Do(ended, 1); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the end of the context", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if got, err := calls.Do(t.Context(), 2); err != nil || got != 4 {
				t.Errorf("got %d, %v, want 4", got, err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if got, err := calls.Do(ended, 3); err != nil || got != 9 {
				t.Errorf("got %d, %v, want what was done", got, err)
			}
		})
		all.Wait()
	})
}

// TestAWrongNumberOfAnswers is a call that failed.
func TestAWrongNumberOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{}
		calls := joint.New(func(context.Context, []int) ([]int, error) { return []int{7}, nil }, e.one)
		var all sync.WaitGroup
		for i := 1; i <= 2; i++ {
			all.Go(func() {
				if got, err := calls.Do(t.Context(), i); err != nil || got != i*i {
					t.Errorf("got %d, %v, want %d", got, err, i*i)
				}
			})
		}
		all.Wait()
	})
}

func Example() {
	double := joint.New(
		func(_ context.Context, asked []int) ([]int, error) {
			return make([]int, len(asked)), errors.ErrUnsupported
		},
		func(_ context.Context, asked int) (int, error) { return 2 * asked, nil },
	)
	fmt.Println(double.Do(context.Background(), 21))
	// Output: 42 <nil>
}
