package batch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/group"
	"esferry/internal/shard"
)

func TestBatchBytes(t *testing.T) {
	t.Parallel()
	docs := []batch.Doc{
		{ID: []byte(`"1"`), Source: []byte(`{"a":1}`)},
		{ID: []byte(`"22"`), Routing: []byte(`"r"`), Source: []byte(`{}`)},
	}
	b := batch.New(shard.Window{}, docs, nil)
	if got, want := b.Bytes(), int64(3+7+4+3+2); got != want {
		t.Errorf("Bytes: got %d, want %d", got, want)
	}
	if got, want := b.Versioning, batch.External; got != want {
		t.Errorf("Versioning: got %s, want %s", got, want)
	}
	b.Release()
}

func TestBatchReleasesOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	b := batch.New(shard.Window{}, nil, func() { calls++ })
	g, _ := group.New(t.Context())
	for range 8 {
		g.Go("release", func(context.Context) error {
			b.Release()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("release was called %d times, want once", calls)
	}
}

// A page larger than the whole budget passes, alone.
func TestBudgetClampsGiants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := batch.NewBudget(100)
		giant, err := b.Acquire(t.Context(), 5000)
		if err != nil {
			t.Fatalf("acquire a giant: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := b.Acquire(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("acquire beside a giant: got %v, want a deadline", err)
		}
		giant()
		if _, err := b.Acquire(t.Context(), 100); err != nil {
			t.Errorf("acquire all after a failed wait: %v", err)
		}
	})
}

func TestBudgetWakesWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := batch.NewBudget(10)
		first, err := b.Acquire(t.Context(), 8)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := group.New(t.Context())
		acquired := false
		g.Go("wait", func(ctx context.Context) error {
			release, err := b.Acquire(ctx, 5)
			if err == nil {
				acquired = true
				release()
			}
			return err
		})
		synctest.Wait()
		if acquired {
			t.Error("5 of 10 bytes were given while 8 were held")
		}
		first()
		if err := g.Wait(); err != nil || !acquired {
			t.Errorf("after the release: acquired %v, error %v", acquired, err)
		}
	})
}

func TestBudgetContextEnded(t *testing.T) {
	t.Parallel()
	b := batch.NewBudget(10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if release, err := b.Acquire(ctx, 1); !errors.Is(err, context.Canceled) || release != nil {
		t.Errorf("acquire with an ended context: got %v, want context.Canceled and no release", err)
	}
}

// A budget without sense must not become one without a bound.
func TestBudgetOfNothingPassesPagesAlone(t *testing.T) {
	t.Parallel()
	for _, capacity := range []int64{0, -5} {
		synctest.Test(t, func(t *testing.T) {
			b := batch.NewBudget(capacity)
			release, err := b.Acquire(t.Context(), 50)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := b.Acquire(ctx, 50); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a second page in a budget of %d: got %v, want it to wait", capacity, err)
			}
			release()
		})
	}
}

// Giving back twice would let other pages exceed the bound.
func TestBudgetReleaseTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := batch.NewBudget(10)
		twice, err := b.Acquire(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Acquire(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		twice()
		twice()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := b.Acquire(ctx, 6); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("6 of 10 bytes while 5 are held: got %v, want it to wait", err)
		}
	})
}

// Whatever is asked for and given back, the sum held stays within the bound,
// and in the end all of it is free again.
func TestBudgetBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.Int64Range(1, 50).Draw(t, "capacity")
		b := batch.NewBudget(capacity)
		ended, cancel := context.WithCancel(context.Background()) //nolint:usetesting // rapid has no context
		var held int64
		var open []func()
		for _, n := range rapid.SliceOf(rapid.Int64Range(-3, 80)).Draw(t, "requests") {
			cut := min(max(n, 0), capacity)
			if held+cut > capacity {
				for _, release := range open {
					release()
				}
				open, held = nil, 0
			}
			release, err := b.Acquire(ended, n)
			if err != nil {
				t.Fatalf("acquire %d with %d of %d held: %v", n, held, capacity, err)
			}
			open, held = append(open, release), held+cut
		}
		for _, release := range open {
			release()
		}
		if _, err := b.Acquire(ended, capacity); err != nil {
			t.Fatalf("acquire all at the end: %v", err)
		}
		cancel()
	})
}

// What is given back is lent again, and rooms never take more than the budget:
// those that lie idle count.
func TestBudgetLendsItsMemoryAgain(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	b := batch.NewBudget(10 * mb)
	first, err := b.Room(t.Context(), 3*mb-100)
	if err != nil || len(first.Buf) != 3*mb-100 || len(first.Docs) != 0 {
		t.Fatalf("got a room of %d bytes, %v", len(first.Buf), err)
	}
	first.Docs = append(first.Docs, batch.Doc{Version: 7})
	place := &first.Buf[0]
	first.Release()
	again, err := b.Room(t.Context(), 3*mb-200)
	if err != nil || &again.Buf[0] != place || len(again.Buf) != 3*mb-200 || len(again.Docs) != 0 || cap(again.Docs) == 0 {
		t.Errorf("got other memory for the same size, or documents in it: %d, %d, %v", len(again.Buf), len(again.Docs), err)
	}
	again.Release()
	// The idle three and these eight are more than ten: the three have to go.
	large, err := b.Room(t.Context(), 8*mb)
	if err != nil {
		t.Fatal(err)
	}
	large.Release()
	small, err := b.Room(t.Context(), 3*mb-100)
	if err != nil || &small.Buf[0] == place {
		t.Errorf("an idle room was kept beside one that left no space for it (%v)", err)
	}
	small.Release()
}

// What lies idle is bounded by what was needed, however many sizes pages have and
// however large the budget is: a ferry that follows for weeks meets all of them.
func TestBudgetKeepsWhatWasNeeded(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	b := batch.NewBudget(1000 * mb)
	lend := func(size int64) *byte {
		t.Helper()
		r, err := b.Room(t.Context(), size*mb)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		return &r.Buf[0]
	}
	smallest := lend(1)
	for size := int64(2); size < 8; size++ {
		lend(size)
	}
	largest := lend(8)
	if lend(8) != largest {
		t.Error("the latest room was not lent again")
	}
	if lend(1) == smallest {
		t.Error("after rooms of 1 to 8 MB, one at a time, all of them are kept")
	}
}

// A room for a page larger than the budget is made, alone, and not kept.
func TestBudgetLendsToGiants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := batch.NewBudget(100)
		giant, err := b.Room(t.Context(), 5<<20)
		if err != nil || len(giant.Buf) != 5<<20 {
			t.Fatalf("got a room of %d bytes, %v", len(giant.Buf), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := b.Room(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a room beside a giant: got %v, want a deadline", err)
		}
		giant.Release()
		small, err := b.Room(t.Context(), 10)
		if err != nil || len(small.Buf) != 10 || cap(small.Buf) > 5000 {
			t.Errorf("after the giant: got %d of %d bytes, %v", len(small.Buf), cap(small.Buf), err)
		}
	})
}
