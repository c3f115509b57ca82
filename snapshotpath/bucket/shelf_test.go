package bucket //nolint:testpackage // the shelf and the bound are the room's own

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"esferry/internal/group"
	"esferry/internal/retry"
)

// TestShelf takes, lends and gives back in any order: each object is copied once,
// what is not lendable is never lent, bundles keep their bounds, and nothing is left.
func TestShelf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		objects := make([]Object, rapid.IntRange(0, 500).Draw(t, "objects"))
		sizes := rapid.SampledFrom([]int64{0, 1, 1000, 3 << 20, 100 << 20})
		for i := range objects {
			objects[i] = Object{Key: strconv.Itoa(i), Size: sizes.Draw(t, "size")}
		}
		mine := rapid.IntRange(1, 7).Draw(t, "one of so many is not lendable")
		s := newShelf(objects, func(key string) bool { return len(key)%mine != 0 || mine == 7 })
		copied := map[string]int{}
		var out [][]Object
		refused := map[string]bool{}
		for {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				o, more, _ := s.next()
				if more {
					copied[o.Key]++
				} else if len(out) == 0 {
					copiedOnce(t, copied, len(objects))
					return
				}
			case 1:
				most := rapid.SampledFrom([]int64{1, 5000, 10 << 20, bundleBytes}).Draw(t, "most")
				all := s.any
				bytes := s.bytes
				bundle := s.bundle(most)
				keepsItsBounds(t, bundle, all, bytes, most)
				for _, o := range bundle {
					if refused[o.Key] || len(o.Key)%mine == 0 && mine != 7 {
						t.Fatalf("%s was lent", o.Key)
					}
				}
				if len(bundle) > 0 {
					out = append(out, bundle)
				}
			case 2:
				if len(out) == 0 {
					continue
				}
				bundle := out[0]
				out = out[1:]
				if rapid.Bool().Draw(t, "refused") {
					for _, o := range bundle {
						refused[o.Key] = true
					}
					s.back(bundle)
					continue
				}
				for _, o := range bundle {
					copied[o.Key]++
				}
				s.back(nil)
			}
		}
	})
}

func copiedOnce(t *rapid.T, copied map[string]int, want int) {
	t.Helper()
	if len(copied) != want {
		t.Fatalf("%d of %d objects were copied", len(copied), want)
	}
	for key, times := range copied {
		if times != 1 {
			t.Fatalf("%s was copied %d times", key, times)
		}
	}
}

func keepsItsBounds(t *rapid.T, bundle, all []Object, bytes, most int64) {
	t.Helper()
	if plenty := len(all) > workers || bytes > memory; plenty != (len(bundle) > 0) {
		t.Fatalf("%d objects of %d bytes: got a bundle of %d", len(all), bytes, len(bundle))
	}
	var sum int64
	for i, o := range bundle {
		if o != all[len(all)-len(bundle)+i] {
			t.Fatalf("%s was not at the end", o.Key)
		}
		sum += o.Size
	}
	if len(bundle) > 1 && (len(bundle) > bundleObjects || len(bundle) > len(all)/portion || sum > min(most, bundleBytes, bytes/portion)) {
		t.Fatalf("got a bundle of %d objects and %d bytes, of %d and %d", len(bundle), sum, len(all), bytes)
	}
}

// TestShelfWaits: whoever takes waits for bundles that may come back, and no longer.
func TestShelfWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		objects := make([]Object, 100)
		s := newShelf(objects, func(string) bool { return true })
		first, second := s.bundle(bundleBytes), s.bundle(bundleBytes)
		g, _ := group.New(t.Context())
		began := time.Now()
		g.Go("bundles", func(ctx context.Context) error {
			err := retry.Sleep(ctx, time.Second)
			s.back(nil)
			if err == nil {
				err = retry.Sleep(ctx, time.Second)
			}
			s.back(second)
			return err
		})
		taken := 0
		for _, more := s.take(t.Context()); more; _, more = s.take(t.Context()) {
			taken++
		}
		if took := time.Since(began); taken != 100-len(first) || took != 2*time.Second {
			t.Errorf("took %d objects in %s, want %d in two seconds", taken, took, 100-len(first))
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		s = newShelf(objects, func(string) bool { return true })
		for s.bundle(bundleBytes) != nil {
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, more := s.take(ended); more; _, more = s.take(ended) {
		}
	})
}

// TestBound: whoever comes and goes, all of them together never have more than the
// whole, this process always has a part, and it has the whole again at the end.
func TestBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Int64Range(1, 1<<40).Draw(t, "whole")
		b := newBound(whole)
		own := func() int64 { return int64(b.own.limit.Limit()) }
		var shares []int64
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if b.enough() && rapid.Bool().Draw(t, "lend") {
				shares = append(shares, b.lend(rapid.IntRange(0, 400).Draw(t, "room")))
			} else if len(shares) > 0 {
				i := rapid.IntRange(0, len(shares)-1).Draw(t, "back")
				b.back(shares[i])
				shares = append(shares[:i], shares[i+1:]...)
			}
			sum := own()
			for _, share := range shares {
				if share < leastShare || most(share) < share {
					t.Fatalf("a share of %d", share)
				}
				sum += share
			}
			if sum != whole || len(shares) > 0 && own() < leastShare {
				t.Fatalf("of %d: got shares %v and %d for this process", whole, shares, own())
			}
		}
		for _, share := range shares {
			b.back(share)
		}
		if own() != whole {
			t.Fatalf("got %d in the end, want %d", own(), whole)
		}
	})
}

// TestBoundIsFair: at full room all have the same.
func TestBoundIsFair(t *testing.T) {
	t.Parallel()
	b := newBound(90 << 20)
	for range 8 {
		if share := b.lend(8); share != 10<<20 {
			t.Errorf("got a share of %d, want a ninth", share)
		}
	}
}

// TestThrottleHearsOfOtherRates: whoever waits passes at the rate of its turn.
func TestThrottleHearsOfOtherRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := newThrottle(slice)
		began := time.Now()
		g, _ := group.New(t.Context())
		for range 101 {
			g.Go("reader", func(ctx context.Context) error { return slow.wait(ctx, slice) })
		}
		if err := retry.Sleep(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		slow.limit.SetLimit(100 * slice)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %s, want about two seconds", took)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := newThrottle(1).wait(ended, slice); err == nil {
			t.Error("it passed although its context had ended")
		}
	})
}

// TestBoundIsAwaited: too little is not shared, until some of it comes back.
func TestBoundIsAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBound(4 * leastShare)
		share := b.lend(0)
		b.lend(0)
		g, _ := group.New(t.Context())
		g.Go("who has one", func(ctx context.Context) error {
			err := retry.Sleep(ctx, time.Minute)
			b.back(share)
			return err
		})
		began := time.Now()
		if err := b.await(t.Context()); err != nil || time.Since(began) != time.Minute {
			t.Errorf("got %v after %s, want a share after a minute", err, time.Since(began))
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := newBound(1).await(ctx); err == nil {
			t.Error("a byte a second was shared")
		}
		if err := newBound(0).await(t.Context()); err != nil {
			t.Errorf("no bound: got %v", err)
		}
	})
}
