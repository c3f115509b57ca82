package sink_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/sink"
)

// served is a target that works on so many bulks at once, each of them for
// about 25 ms a KiB; others wait in its queue, or are refused.
type served struct {
	mu sync.Mutex
	// servers work at once; more than queue are refused, 0 refuses none.
	servers, queue int
	// largest body, 0 for any.
	largest int
	// pressed refuses bodies above largest for lack of memory, not by 413.
	pressed bool
	dice    *rand.Rand

	working, inside, most int
	// freed is made in the bubble that waits for it.
	freed                  chan struct{}
	bulks, refused, missed int
	smallest, greatest     int
}

func newServed(servers int) *served {
	return &served{servers: servers, dice: rand.New(rand.NewPCG(1, uint64(servers))), smallest: 1 << 30}
}

func (s *served) set(servers, queue int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers, s.queue = servers, queue
}

// begin lets a request in, or says why not.
func (s *served) begin(size int) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bulks++
	s.inside++
	s.most = max(s.most, s.inside)
	s.smallest, s.greatest = min(s.smallest, size), max(s.greatest, size)
	switch {
	case s.largest > 0 && size > s.largest && s.pressed:
		s.refused++
		return 0, &cluster.Error{Op: "write", Status: 429, Type: "circuit_breaking_exception"}
	case s.largest > 0 && size > s.largest:
		s.missed++
		return 0, &cluster.Error{Op: "write", Status: 413}
	case s.queue > 0 && s.inside > s.queue:
		s.refused++
		return 0, &cluster.Error{Op: "write", Status: 429, Type: "es_rejected_execution_exception"}
	}
	jitter := 0.9 + s.dice.Float64()/5
	return time.Duration(float64(size) / (1 << 10) * jitter * float64(25*time.Millisecond)), nil
}

func (s *served) Bulk(ctx context.Context, _, _ string, ndjson []byte, items int) ([]cluster.Item, error) {
	took, err := s.begin(len(ndjson))
	defer func() { s.mu.Lock(); s.inside--; s.mu.Unlock() }()
	if err != nil {
		return nil, err
	}
	for {
		s.mu.Lock()
		if s.working < s.servers {
			s.working++
			s.mu.Unlock()
			break
		}
		if s.freed == nil {
			s.freed = make(chan struct{})
		}
		freed := s.freed
		s.mu.Unlock()
		<-freed
	}
	time.Sleep(took)
	s.mu.Lock()
	if s.working--; s.freed != nil {
		close(s.freed)
	}
	s.freed = nil
	s.mu.Unlock()
	out := make([]cluster.Item, items)
	for i := range out {
		out[i].Status = 201
	}
	return out, ctx.Err()
}

func (s *served) Versions(context.Context, string, []cluster.Key) ([]cluster.Found, error) {
	return nil, errors.New("there are no conflicts")
}

// page is a batch of so many documents of 1 KiB.
func page(docs int) *batch.Batch {
	all := make([]batch.Doc, docs)
	source := `{"x":"` + strings.Repeat("x", 1<<10) + `"}`
	for i := range all {
		all[i] = doc(strconv.Itoa(i), 1, source)
	}
	return batch.New(shard.Window{Shard: shard.ID{Index: "i"}, To: int64(docs)}, all, nil)
}

// busyFor lets twelve writers write pages for a while, and gives the pace
// afterwards.
func busyFor(t *testing.T, c *sink.Controller, target *served, d time.Duration) sink.Pace {
	t.Helper()
	busyWhile(t, c, target, 12, func(ctx context.Context) error { return retry.Sleep(ctx, d) })
	return c.Pace()
}

// busyWhile lets so many writers write pages until do returns.
func busyWhile(t *testing.T, c *sink.Controller, target *served, writers int, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g, _ := group.New(ctx)
	g.Go("clock", func(ctx context.Context) error { defer cancel(); return do(ctx) })
	for range writers {
		g.Go("writer", func(ctx context.Context) error {
			w := sink.NewWriter(target, target, sink.Options{Index: "i", SourceIndex: "i", Controller: c})
			for written := page(4); ctx.Err() == nil; {
				if _, err := w.Write(ctx, written); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// settled is busyFor, and then gives the median of some paces: at any one moment
// the controller may be at a trial. Writers that stop and begin again would look
// like a slower target.
func settled(t *testing.T, c *sink.Controller, target *served, writers int, d time.Duration) sink.Pace {
	t.Helper()
	paces := make([]sink.Pace, 9)
	busyWhile(t, c, target, writers, func(ctx context.Context) error {
		err := retry.Sleep(ctx, d)
		for i := range paces {
			err = cmp.Or(err, retry.Sleep(ctx, 3*time.Second))
			paces[i] = c.Pace()
		}
		return err
	})
	slices.SortFunc(paces, func(a, b sink.Pace) int { return cmp.Compare(a.Writers, b.Writers) })
	return paces[len(paces)/2]
}

// Where the pace settles for targets of all kinds.
func TestControllerSettles(t *testing.T) {
	f := func(what string, l sink.Limits, target *served, writers, least, most int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p := settled(t, sink.NewController(l, nil), target, writers, time.Minute)
			if p.Writers < least || p.Writers > most || target.most > max(4, l.Writers, l.Most) {
				t.Errorf("%s: got %+v, %d at most at once, want %d to %d", what, p, target.most, least, most)
			}
			if share := float64(target.refused) / float64(target.bulks); share > 0.02 {
				t.Errorf("%s: %d of %d requests were refused", what, target.refused, target.bulks)
			}
			t.Logf("%s: %+v, %d of %d requests refused", what, p, target.refused, target.bulks)
		})
	}
	refusing := func(servers, queue int) *served { s := newServed(servers); s.queue = queue; return s }
	wide := sink.Limits{Most: 32}
	f("one at a time", wide, newServed(1), 20, 1, 2)
	f("two at a time", wide, newServed(2), 20, 1, 3)
	f("five at a time", wide, newServed(5), 20, 4, 7)
	f("twelve at a time", wide, newServed(12), 20, 11, 16)
	f("more than we may send", sink.Limits{Most: 6}, newServed(50), 20, 6, 6)
	f("more than there is to send", wide, newServed(50), 3, 1, 4)
	f("refuses above five", wide, refusing(50, 5), 20, 4, 6)
	f("refuses above one", wide, refusing(50, 1), 20, 1, 2)
	f("a fixed number", sink.Limits{Writers: 3}, newServed(1), 20, 3, 3)
	f("a fixed number above what is refused", sink.Limits{Writers: 8}, refusing(50, 5), 20, 4, 6)
}

// A target that becomes slower, or faster, is followed, with and without
// refusals.
func TestControllerFollowsTheTarget(t *testing.T) {
	f := func(what string, servers, queue, least, most int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			target := newServed(8)
			c := sink.NewController(sink.Limits{Most: 16}, nil)
			if p := settled(t, c, target, 20, time.Minute); p.Writers < 7 || p.Writers > 11 {
				t.Errorf("%s: got %+v at first, want about 8", what, p)
			}
			target.set(servers, queue)
			if p := settled(t, c, target, 20, 15*time.Minute); p.Writers < least || p.Writers > most {
				t.Errorf("%s: got %+v in the end, want %d to %d", what, p, least, most)
			}
		})
	}
	f("slower", 3, 0, 2, 5)
	f("faster", 14, 0, 13, 16)
	f("refuses above three", 8, 3, 2, 4)
}

// Outages do not leave it slow for good.
func TestControllerComesBackAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := newServed(8)
		c := sink.NewController(sink.Limits{Most: 8}, nil)
		busyFor(t, c, target, time.Minute)
		target.set(8, -1)
		target.largest = 1
		target.pressed = true
		if p := busyFor(t, c, target, 20*time.Second); p.Writers != 1 || p.BulkBytes != 1<<20 {
			t.Errorf("while nothing is taken: got %+v, want one writer of 1 MiB", p)
		}
		target.largest = 0
		if p := busyFor(t, c, target, time.Minute); p.Writers < 7 {
			t.Errorf("afterwards: got %+v, want about 8 writers", p)
		}
	})
}

// A size that was refused is not tried again; one document that is too large by
// itself does not make the others' bodies smaller.
func TestControllerRemembersWhatWasTooLarge(t *testing.T) {
	target := newServed(4)
	target.largest = 300 << 10
	c := sink.NewController(sink.Limits{MaxBytes: 1 << 20}, nil)
	w := sink.NewWriter(target, target, sink.Options{Index: "i", SourceIndex: "i", Controller: c})
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			if r, err := w.Write(t.Context(), page(2000)); err != nil || r.Applied != 2000 {
				t.Fatalf("got %+v, %v, want all applied", r, err)
			}
		}
		if p := c.Pace(); p.BulkBytes > target.largest || p.BulkBytes < target.largest/2 || target.missed != 2 {
			t.Errorf("got %+v after %d refusals, want 256 KiB after two", p, target.missed)
		}
		before := c.Pace()
		giant := doc("giant", 1, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)
		_, err := w.Write(t.Context(), batch.New(shard.Window{}, []batch.Doc{giant}, nil))
		var rejected *sink.RejectedError
		if !errors.As(err, &rejected) || c.Pace() != before {
			t.Errorf("got %v and %+v, want the document rejected and the pace as it was", err, c.Pace())
		}
	})
}

// Every new pace is told, in order, and stays within the bounds.
func TestControllerTellsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []sink.Pace
		target := newServed(8)
		c := sink.NewController(sink.Limits{Most: 8}, func(p sink.Pace) { told = append(told, p) })
		p := busyFor(t, c, target, time.Minute)
		if len(told) < 2 || told[len(told)-1] != p || told[0].Writers != 4 {
			t.Errorf("got %v, want 4 writers first and %v last", told, p)
		}
	})
}

// held is a target whose bulks end when they are let go of.
type held struct {
	served
	entered chan string
	release chan struct{}
}

func (h *held) Bulk(_ context.Context, index, _ string, _ []byte, items int) ([]cluster.Item, error) {
	h.entered <- index
	<-h.release
	out := make([]cluster.Item, items)
	for i := range out {
		out[i].Status = 201
	}
	return out, nil
}

// The urgent index goes first, and the others have every other turn.
func TestControllerLetsTheUrgentGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &held{entered: make(chan string), release: make(chan struct{})}
		c := sink.NewController(sink.Limits{Writers: 1}, nil)
		g, _ := group.New(t.Context())
		send := func(index string, urgency int64) {
			w := sink.NewWriter(h, h, sink.Options{Index: index, SourceIndex: index, Controller: c, Urgency: func() int64 { return urgency }})
			g.Go("writer of "+index, func(ctx context.Context) error {
				_, err := w.Write(ctx, page(1))
				return err
			})
			synctest.Wait()
		}
		send("a", 1)
		for range 3 {
			send("b", 1)
		}
		for range 3 {
			send("hot", 100)
		}
		var order []string
		for range 7 {
			order = append(order, <-h.entered)
			h.release <- struct{}{}
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(order, " "), "a b hot b hot b hot"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Whatever comes, leaves and changes: never above the bound, no turn lost, and
// whoever waits comes in or is told that its context has ended.
func TestControllerNeverLosesATurn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(rt, "most")
		plan := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 30).Draw(rt, "milliseconds until each gives up")
		servers := rapid.IntRange(1, 6).Draw(rt, "servers")
		urgencies := rapid.SliceOfN(rapid.Int64Range(0, 3), len(plan), len(plan)).Draw(rt, "urgencies")
		synctest.Test(t, func(t *testing.T) {
			target := newServed(servers)
			c := sink.NewController(sink.Limits{Writers: most}, nil)
			g, _ := group.New(t.Context())
			write := func(ctx context.Context, urgency int64) error {
				w := sink.NewWriter(target, target, sink.Options{Index: "i", SourceIndex: "i", Controller: c, Urgency: func() int64 { return urgency }})
				_, err := w.Write(ctx, page(3))
				return err
			}
			for i, ms := range plan {
				g.Go("writer", func(ctx context.Context) error {
					ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
					defer cancel()
					if err := write(ctx, urgencies[i]); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						return err
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			if target.most > most {
				t.Errorf("got %d at once, want %d at most", target.most, most)
			}
			// All turns are free again.
			all, _ := group.New(t.Context())
			began := time.Now()
			for range most {
				all.Go("writer", func(ctx context.Context) error { return write(ctx, 0) })
			}
			if err := all.Wait(); err != nil || time.Since(began) > time.Minute {
				t.Errorf("afterwards: %v in %s", err, time.Since(began))
			}
		})
	})
}

// TestPaceIsBounded: whatever the target answers, and whoever fixes or frees the
// writers in between, there is a request at once at least, never more than the
// bound, and no body larger than before or smaller than what is worth a request.
func TestPaceIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(0, 20).Draw(rt, "most")
		maxBytes := rapid.IntRange(1<<20, 16<<20).Draw(rt, "bytes")
		changes := rapid.SliceOfN(rapid.IntRange(-4, 30), 1, 12).Draw(rt, "changes")
		servers := rapid.IntRange(1, 8).Draw(rt, "servers")
		largest := rapid.SampledFrom([]int{0, 100, 64 << 10}).Draw(rt, "largest body")
		pressed := rapid.Bool().Draw(rt, "by memory")
		synctest.Test(t, func(t *testing.T) {
			target := newServed(servers)
			target.largest, target.pressed = largest, pressed
			var paces []sink.Pace
			var mu sync.Mutex
			c := sink.NewController(sink.Limits{Most: most, MaxBytes: maxBytes}, func(p sink.Pace) {
				mu.Lock()
				defer mu.Unlock()
				paces = append(paces, p)
			})
			for _, n := range changes {
				if n >= 0 {
					c.SetWriters(n)
				} else {
					target.set(servers, -n)
				}
				g, _ := group.New(t.Context())
				for range 6 {
					g.Go("writer", func(ctx context.Context) error {
						ctx, cancel := context.WithTimeout(ctx, time.Second)
						defer cancel()
						w := sink.NewWriter(target, target, sink.Options{Index: "i", SourceIndex: "i", Controller: c})
						_, _ = w.Write(ctx, page(3)) //nolint:errcheck // what the pace makes of it counts
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					t.Error(err)
				}
				mu.Lock()
				paces = append(paces, c.Pace())
				mu.Unlock()
			}
			for i, p := range paces {
				if p.Writers < 1 || p.Writers > p.Most || p.BulkBytes < 64<<10 || p.BulkBytes > maxBytes || i > 0 && p.BulkBytes > paces[i-1].BulkBytes {
					t.Errorf("after %d changes: got %+v of %v", i, p, paces)
				}
			}
		})
	})
}
