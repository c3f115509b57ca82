package workers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/group"
	"esferry/internal/retry"
	"esferry/internal/workers"
	"esferry/internal/workers/workerstest"
)

// crew is a pool over a board, and workers that take a second for each errand.
type crew struct {
	board *workerstest.Board
	pool  *workers.Pool
	group *group.Group
	stop  context.CancelFunc
}

func newCrew(ctx context.Context) *crew {
	b := workerstest.New()
	c := &crew{board: b, pool: workers.NewPool(b)}
	ctx, c.stop = context.WithCancel(ctx)
	c.group, _ = group.New(ctx)
	c.group.Go("pool", c.pool.Run)
	return c
}

func (c *crew) hire(room int, do func(ctx context.Context, errand []byte) (json.RawMessage, error)) *workerstest.Seat {
	p := c.board.Sit(room)
	c.group.Go("worker", func(ctx context.Context) error {
		if err := workers.Serve(ctx, p, do); !errors.Is(err, workerstest.ErrLost) {
			return err
		}
		return nil
	})
	return p
}

func aSecond(ctx context.Context, errand []byte) (json.RawMessage, error) {
	return json.RawMessage(errand), retry.Sleep(ctx, time.Second)
}

func (c *crew) do(ctx context.Context, errand string) error {
	h, err := c.pool.Hire(ctx)
	if err != nil {
		return err
	}
	defer h.Free()
	got, err := h.Do(ctx, []byte(errand))
	if err == nil && string(got) != errand {
		err = fmt.Errorf("%s came back as %s", errand, got)
	}
	return err
}

// TestRoom: ten errands of a second each take two seconds by workers with room for
// two and for three, and nobody has more at a time than that.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t.Context())
		began := time.Now()
		g, _ := group.New(t.Context())
		for i := range 10 {
			g.Go("errand", func(ctx context.Context) error { return c.do(ctx, strconv.Itoa(i)) })
		}
		c.hire(2, aSecond)
		c.hire(3, aSecond)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %s, want two seconds", took)
		}
		c.stop()
		if err := c.group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestFirstCome: those who wait longest get the first hand; who gives up waiting
// takes none along.
func TestFirstCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t.Context())
		var mu sync.Mutex
		var order []int
		g, _ := group.New(t.Context())
		for i := range 5 {
			g.Go("errand", func(ctx context.Context) error {
				if i == 1 {
					ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
					defer cancel()
					if err := c.do(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
						return fmt.Errorf("got %w, want its deadline", err)
					}
					return nil
				}
				err := c.do(ctx, strconv.Itoa(i))
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
				return err
			})
			synctest.Wait()
		}
		if err := retry.Sleep(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		c.hire(1, aSecond)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if want := []int{0, 2, 3, 4}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
		c.stop()
		if err := c.group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestGone: who asks a worker that dies hears so at once; one that fails again and
// again is asked no more.
func TestGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t.Context())
		dying := c.hire(1, aSecond)
		g, _ := group.New(t.Context())
		g.Go("errand", func(ctx context.Context) error {
			err := c.do(ctx, "1")
			if _, lost := errors.AsType[*workers.LostError](err); !lost {
				return fmt.Errorf("got %w, want the worker lost", err)
			}
			return nil
		})
		synctest.Wait()
		dying.Lose()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		c.hire(1, func(context.Context, []byte) (json.RawMessage, error) { return nil, errors.New("no") })
		for range 3 {
			if _, failed := errors.AsType[*workers.FailedError](c.do(t.Context(), "1")); !failed {
				t.Error("want a failure")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.do(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want nobody to ask", err)
		}
		c.stop()
		if err := c.group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// silent is a seat that hears of being lost, and whose store does not answer.
type silent struct{ *workerstest.Seat }

func (silent) Answer(context.Context, string, []byte) error { return errors.New("no answer") }

// TestRefused: late answers that the store has refused are counted where a seat is
// lost, and no others: a store that is gone has refused nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	f := func(seat func(s *workerstest.Seat) workers.Seat, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			c := newCrew(t.Context())
			s := c.board.Sit(2)
			var err error
			c.group.Go("worker", func(ctx context.Context) error {
				err = workers.Serve(ctx, seat(s), aSecond)
				return nil
			})
			g, _ := group.New(t.Context())
			for range 2 {
				g.Go("errand", func(ctx context.Context) error { _ = c.do(ctx, "1"); return nil }) //nolint:errcheck // its worker is lost
			}
			synctest.Wait()
			s.Lose()
			_ = g.Wait() //nolint:errcheck // see above
			c.stop()
			if ended := c.group.Wait(); ended != nil || !errors.Is(err, workerstest.ErrLost) || err.Error() != want {
				t.Errorf("got %v, %v, want %q", ended, err, want)
			}
		})
	}
	f(func(s *workerstest.Seat) workers.Seat { return s }, "the seat is lost; the store has refused 2 late answers")
	f(func(s *workerstest.Seat) workers.Seat { return silent{s} }, "the seat is lost")
}

// deaf is a seat whose store takes no answers for some time.
type deaf struct {
	*workerstest.Seat
	until time.Time
}

func (d deaf) Answer(ctx context.Context, errand string, text []byte) error {
	if time.Now().Before(d.until) {
		<-ctx.Done()
		return ctx.Err()
	}
	return d.Seat.Answer(ctx, errand, text)
}

// TestWithdrawnInVain: where the end of a withdrawn errand cannot be told, nobody
// waits for it, and the worker goes on.
func TestWithdrawnInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t.Context())
		s := deaf{Seat: c.board.Sit(1), until: time.Now().Add(3 * time.Second)}
		c.group.Go("worker", func(ctx context.Context) error { return workers.Serve(ctx, s, aSecond) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := c.do(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if err := retry.Sleep(t.Context(), 5*time.Second); err != nil {
			t.Fatal(err)
		}
		later, enough := context.WithTimeout(t.Context(), time.Minute)
		defer enough()
		if err := c.do(later, "2"); err != nil {
			t.Errorf("an errand later: %v", err)
		}
		c.stop()
		if err := c.group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestWithdrawn: whoever gives up an errand has its worker stop at once.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t.Context())
		c.hire(1, func(ctx context.Context, errand []byte) (json.RawMessage, error) {
			return json.RawMessage(errand), retry.Sleep(ctx, time.Hour)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.do(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		began := time.Now()
		c.stop()
		if err := c.group.Wait(); err != nil || time.Since(began) > time.Second {
			t.Errorf("got %v after %s, want the worker free", err, time.Since(began))
		}
	})
}
