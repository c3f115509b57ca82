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
)

// read asks for pages of so many documents and bytes, one after another, each
// taking a while, and tells how long all took.
func read(ctx context.Context, t *testing.T, p *batch.Pace, pages, docs int, bytes int64, each time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	lane := p.Lane()
	for range pages {
		if err := lane.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(each)
		lane.Answered()
		lane.Spent(docs, bytes)
	}
	return time.Since(began)
}

// near allows for what a bound rounds up.
func near(got, want time.Duration) bool { return got >= want && got < want+10*time.Millisecond }

func TestPaceBounds(t *testing.T) {
	t.Parallel()
	f := func(r batch.Rates, share float64, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p := batch.NewPace(r)
			p.Brake(share)
			// Ten pages of 100 documents and 5000 bytes, 100 ms each; the tenth is
			// owed for at the end.
			if got := read(t.Context(), t, p, 10, 100, 5000, 100*time.Millisecond); !near(got, want) {
				t.Errorf("%+v at a share of %g: ten pages took %s, want %s", r, share, got, want)
			}
			if got := p.State().Requests; got != 10 {
				t.Errorf("got %d requests counted, want 10", got)
			}
		})
	}
	f(batch.Rates{}, 1, time.Second)
	f(batch.Rates{Docs: 100}, 1, 9100*time.Millisecond)
	f(batch.Rates{Bytes: 2500}, 1, 18100*time.Millisecond)
	f(batch.Rates{Requests: 2}, 1, 4600*time.Millisecond)
	// The tightest bound holds, and the work itself counts.
	f(batch.Rates{Docs: 100, Bytes: 2500, Requests: 2}, 1, 18100*time.Millisecond)
	f(batch.Rates{Docs: 1e6, Requests: 1000}, 1, time.Second)
	// A brake: nine rests of three times 100 ms.
	f(batch.Rates{}, 0.25, 3700*time.Millisecond)
	f(batch.Rates{Docs: 100}, 0.25, 9100*time.Millisecond)
}

// A reader that is kept elsewhere for long has rested meanwhile.
func TestARestElsewhereCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := batch.NewPace(batch.Rates{})
		p.Brake(0.25)
		lane := p.Lane()
		began := time.Now()
		for range 4 {
			if err := lane.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			lane.Answered()
			time.Sleep(3 * time.Second)
		}
		if got := time.Since(began); got != 16*time.Second {
			t.Errorf("got %s, want the 16 s of its own work", got)
		}
	})
}

// Whatever the pages and the readers, no more is read than the bounds allow, but
// for one page of each reader.
func TestPaceOverReaders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		rates := batch.Rates{Docs: rapid.Int64Range(1, 1000).Draw(r, "rate")}
		readers := rapid.IntRange(1, 5).Draw(r, "readers")
		sizes := rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 20).Draw(r, "pages")
		synctest.Test(t, func(t *testing.T) {
			p := batch.NewPace(rates)
			began, total, largest := time.Now(), 0, 0
			g, _ := group.New(t.Context())
			for i := range readers {
				lane := p.Lane()
				for at := i; at < len(sizes); at += readers {
					total, largest = total+sizes[at], max(largest, sizes[at])
				}
				g.Go("reader", func(ctx context.Context) error {
					for at := i; at < len(sizes); at += readers {
						if err := lane.Wait(ctx); err != nil {
							return err
						}
						lane.Spent(sizes[at], 0)
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if least := float64(total-readers*largest) / float64(rates.Docs); time.Since(began).Seconds() < least {
				t.Errorf("%d documents at %d/s took %s, want at least %.1f s", total, rates.Docs, time.Since(began), least)
			}
		})
	})
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := batch.NewPace(batch.Rates{})
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		g, _ := group.New(t.Context())
		var took time.Duration
		g.Go("reader", func(ctx context.Context) error { took = read(ctx, t, p, 1, 1, 1, 0); return nil })
		time.Sleep(72 * time.Hour)
		p.Resume()
		if err := g.Wait(); err != nil || took != 72*time.Hour {
			t.Errorf("got %s and %v, want the three days of the pause", took, err)
		}
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Lane().Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an end while paused: got %v, want the deadline", err)
		}
	})
}

// Whoever waits hears of new bounds at once, and what was owed before is paid at
// them.
func TestBoundsChangeWhileWaiting(t *testing.T) {
	t.Parallel()
	f := func(change func(p *batch.Pace), want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p := batch.NewPace(batch.Rates{Docs: 1})
			g, _ := group.New(t.Context())
			var took time.Duration
			g.Go("reader", func(ctx context.Context) error { took = read(ctx, t, p, 2, 1000, 0, 0); return nil })
			time.Sleep(100 * time.Second)
			change(p)
			if err := g.Wait(); err != nil || !near(took, want) {
				t.Errorf("got %s and %v, want %s", took, err, want)
			}
		})
	}
	f(func(p *batch.Pace) { p.Set(batch.Rates{}) }, 100*time.Second)
	f(func(p *batch.Pace) { p.Set(batch.Rates{Docs: 9}) }, 200*time.Second)
	f(func(*batch.Pace) {}, 1000*time.Second)
}

func TestLift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := batch.NewPace(batch.Rates{Docs: 1})
		p.Brake(1.0 / 32)
		read(t.Context(), t, p, 1, 1000, 0, time.Second)
		restore, err := p.Lift(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t.Context(), t, p, 5, 1000, 0, time.Second); got != 5*time.Second {
			t.Errorf("lifted: got %s, want the 5 s of the work itself", got)
		}
		if err := p.Pause(); !errors.Is(err, batch.ErrUnbounded) {
			t.Errorf("a pause while lifted: got %v, want ErrUnbounded", err)
		}
		restore()
		restore()
		if s := p.State(); s.Lifted || s.Paused || s.Rates.Docs != 1 {
			t.Errorf("after it: got %+v, want the bounds of before", s)
		}

		// Paused before: it waits for the operator.
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		g, _ := group.New(t.Context())
		began := time.Now()
		g.Go("freeze", func(ctx context.Context) error { _, err := p.Lift(ctx); return err })
		time.Sleep(time.Hour)
		p.Resume()
		if err := g.Wait(); err != nil || time.Since(began) != time.Hour {
			t.Errorf("got %v after %s, want it to wait for an hour", err, time.Since(began))
		}
	})
}

func TestPagesFollowTheBounds(t *testing.T) {
	t.Parallel()
	f := func(p *batch.Pace, docs int, bytes int64) {
		t.Helper()
		if gotDocs, gotBytes := p.Page(10000, 8<<20); gotDocs != docs || gotBytes != bytes {
			t.Errorf("got %d and %d, want %d and %d", gotDocs, gotBytes, docs, bytes)
		}
	}
	f(nil, 10000, 8<<20)
	f(batch.NewPace(batch.Rates{}), 10000, 8<<20)
	f(batch.NewPace(batch.Rates{Docs: 1}), 5, 8<<20)
	f(batch.NewPace(batch.Rates{Docs: 1e6, Bytes: 1000}), 10000, 5000)
	lifted := batch.NewPace(batch.Rates{Docs: 1})
	if _, err := lifted.Lift(t.Context()); err != nil {
		t.Fatal(err)
	}
	f(lifted, 10000, 8<<20)
}

// No pace is no bound.
func TestALaneWithoutAPace(t *testing.T) {
	t.Parallel()
	var p *batch.Pace
	if got := read(t.Context(), t, p, 100, 1e6, 1e9, 0); got > time.Second {
		t.Errorf("got %s", got)
	}
}
