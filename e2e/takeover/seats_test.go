package takeover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/group"
	"esferry/internal/workers"
)

// led is a ferry's leader on a real etcd, and its pool.
type led struct {
	store *etcdstore.Store
	desk  *etcdstore.Desk
	pool  *workers.Pool
	group *group.Group
	stop  context.CancelFunc
}

func lead(t *testing.T, o etcdstore.Options) *led {
	t.Helper()
	l := &led{store: open(t, o)}
	lease, err := l.store.Acquire(t.Context(), checkpoint.Holder{Host: "leader", PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	if l.desk, err = l.store.Desk(lease); err != nil {
		t.Fatal(err)
	}
	l.pool = workers.NewPool(l.desk)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l.stop = stop
	l.group, _ = group.New(ctx)
	l.group.Go("pool", l.pool.Run)
	return l
}

func (l *led) end(t *testing.T) {
	t.Helper()
	l.stop()
	if err := l.group.Wait(); err != nil {
		t.Error(err)
	}
}

// serving has a worker double numbers until stop, which gives its end.
func serving(t *testing.T, o etcdstore.Options, pid int, do func(ctx context.Context, n int) error) (stop func() error) {
	t.Helper()
	s := open(t, o)
	seat, err := s.Sit(t.Context(), []byte(fmt.Sprintf(`{"host":"h","pid":%d,"room":2}`, pid)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	g, _ := group.New(ctx)
	g.Go("worker", func(ctx context.Context) error {
		return workers.Serve(ctx, seat, func(ctx context.Context, errand []byte) (json.RawMessage, error) {
			var n int
			if err := errors.Join(json.Unmarshal(errand, &n), do(ctx, n)); err != nil {
				return nil, err
			}
			return json.Marshal(2 * n)
		})
	})
	return sync.OnceValue(func() error {
		cancel()
		err := g.Wait()
		seat.Leave()
		return errors.Join(err, s.Close())
	})
}

// TestErrands spreads numbers over two workers: each comes back doubled, once; one
// that cannot do something says why, and one that leaves in the middle is known to
// have left.
func TestErrands(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	o := etcdstore.Options{Endpoints: c.endpoints(), Root: "/errands/", TTL: 3 * time.Second}
	l := lead(t, o)
	var mu sync.Mutex
	var done []int
	do := func(_ context.Context, n int) error {
		if n%10 == 7 {
			return errors.New("not this one")
		}
		mu.Lock()
		defer mu.Unlock()
		done = append(done, n)
		return nil
	}
	first, second := serving(t, o, 1, do), serving(t, o, 2, do)
	g, _ := group.New(t.Context())
	var doubled, failed int
	for n := range 40 {
		g.Go("errand", func(ctx context.Context) error {
			h, err := l.pool.Hire(ctx)
			if err != nil {
				return err
			}
			defer h.Free()
			text, err := h.Do(ctx, []byte(strconv.Itoa(n)))
			mu.Lock()
			defer mu.Unlock()
			switch _, no := errors.AsType[*workers.FailedError](err); {
			case no && n%10 == 7:
				failed++
			case err != nil:
				return err
			case string(text) != strconv.Itoa(2*n):
				return fmt.Errorf("%d came back as %s", n, text)
			default:
				doubled++
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(done)
	if doubled != 36 || failed != 4 || len(slices.Compact(done)) != 36 {
		t.Errorf("got %d doubled, %d failed, %d done, want 36, 4 and 36", doubled, failed, len(done))
	}
	if err := errors.Join(first(), second()); err != nil {
		t.Errorf("workers that leave: %v", err)
	}
	leaving := make(chan struct{})
	third := serving(t, o, 3, func(ctx context.Context, _ int) error { close(leaving); <-ctx.Done(); return ctx.Err() })
	g.Go("leaver", func(context.Context) error { <-leaving; return third() })
	h, err := l.pool.Hire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Do(t.Context(), []byte("1"))
	if _, back := errors.AsType[*workers.FailedError](err); !back {
		t.Errorf("one that leaves: got %v, want the errand handed back", err)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	l.end(t)
	left, err := c.client(t).Get(t.Context(), "/errands/errand/")
	if err != nil || len(left.Kvs) > 0 {
		t.Errorf("got %v, %v, want no errand left", left, err)
	}
}

// TestLateAnswer lets a seat's lease run out under an errand: its answer is refused
// by the store, and the leader hears that the worker is gone. A leader that has lost
// the ferry can ask nothing any more.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	o := etcdstore.Options{Endpoints: c.endpoints(), Root: "/late/", TTL: 3 * time.Second}
	l := lead(t, o)
	s := open(t, o)
	seat, err := s.Sit(t.Context(), []byte(`{"host":"h","pid":1,"room":1}`))
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.pool.Hire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	following, enough := context.WithCancel(t.Context())
	g, _ := group.New(context.WithoutCancel(t.Context()))
	g.Go("errands", func(context.Context) error {
		return seat.Follow(following, func(errand string, text []byte) {
			if text != nil {
				asked <- errand
			}
		})
	})
	g.Go("leader", func(ctx context.Context) error {
		_, err := h.Do(ctx, []byte("1"))
		if _, lost := errors.AsType[*workers.LostError](err); !lost {
			return fmt.Errorf("got %w, want the worker lost", err)
		}
		return nil
	})
	errand := <-asked
	if err := seat.Answer(t.Context(), "no such", []byte("{}")); !errors.Is(err, workers.ErrWithdrawn) {
		t.Errorf("an answer to nothing: got %v, want it withdrawn", err)
	}
	// As when the process was stopped for too long.
	operator := c.client(t)
	leases, err := operator.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range leases.Leases {
		if fmt.Sprintf("%x", int64(found.ID)) == seat.Name() {
			_, err = operator.Revoke(t.Context(), found.ID)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := seat.Answer(t.Context(), errand, []byte(`{"result":2}`)); !errors.Is(err, checkpoint.ErrLeaseLost) || !errors.Is(err, workers.ErrRefused) {
		t.Errorf("an answer after the lease: got %v, want it refused", err)
	}
	if err := seat.Lost(t.Context()); !errors.Is(err, checkpoint.ErrLeaseLost) {
		t.Errorf("got %v, want the seat lost", err)
	}
	enough()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	seat.Leave()
	l.end(t)

	if _, err := operator.Delete(t.Context(), "/late/claim"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"assign": l.desk.Assign(t.Context(), "1", "1", []byte("1")), "announce": l.desk.Announce(t.Context(), []byte("1")), "conclude": l.desk.Conclude(t.Context(), []byte("1")),
	} {
		if !errors.Is(err, checkpoint.ErrLeaseLost) {
			t.Errorf("%s without the ferry: got %v, want it refused", what, err)
		}
	}
}
