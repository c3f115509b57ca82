package ferry_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"esferry/internal/ferry"
	"esferry/internal/group"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/internal/workers"
	"esferry/internal/workers/workerstest"
)

// simulation is a source of many shards, carried by many workers that come and go,
// in simulated time: the gate, the dealer and the pool are the real ones, what a
// window costs is drawn (docs/scale.md).
type simulation struct {
	indices, shards int
	// crew is how many workers there are, and room how many windows each carries at
	// a time.
	crew, room int
	// dying is the share of the workers that are lost in an hour. One that is lost is
	// known to be after leaseRunsOut, and replaced after aNewOne.
	dying float64
	// atOnce bounds the windows that the engines work on at full speed.
	atOnce int64

	board   *workerstest.Board
	pool    *workers.Pool
	engines *semaphore.Weighted
	// places of the leader's own readers.
	places *semaphore.Weighted

	mu    sync.Mutex
	draw  *rand.Rand
	work  time.Duration
	lost  int
	twice int
	// begun is when a window of the shard was begun last, for shards under way.
	begun map[shard.ID]time.Time
	wait  time.Duration
}

const (
	leaseRunsOut = 10 * time.Second
	aNewOne      = time.Minute
	// leaderReads is how many windows the leader reads itself: four of four indices.
	leaderReads = 16
)

// run gives how long it takes until each window of each shard was carried.
func (s *simulation) run(ctx context.Context, t *testing.T) time.Duration {
	t.Helper()
	s.board, s.engines, s.draw = workerstest.New(), semaphore.NewWeighted(s.atOnce), rand.New(rand.NewPCG(42, 0))
	s.begun, s.places = map[shard.ID]time.Time{}, semaphore.NewWeighted(leaderReads)
	s.pool = workers.NewPool(s.board)
	going, stop := context.WithCancel(ctx)
	crew, _ := group.New(going)
	crew.Go("pool", s.pool.Run)
	for range s.crew {
		crew.Go("worker", s.worker)
	}
	synctest.Wait()
	began := time.Now()
	gate := ferry.NewGate(4, func() int { return s.crew + 1 })
	g, inner := group.New(ctx)
	for i := range s.indices {
		leave, err := gate(inner)
		if err != nil {
			break
		}
		g.Go("index", func(ctx context.Context) error {
			defer leave()
			return s.index(ctx, strconv.Itoa(i))
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	stop()
	if err := crew.Wait(); err != nil {
		t.Fatal(err)
	}
	return took
}

// index carries all windows of one index: from one to forty a shard, as they are in
// an estate of daily indices beside a few large ones.
func (s *simulation) index(ctx context.Context, name string) error {
	var windows []shard.Window
	costs := map[shard.Window]time.Duration{}
	s.mu.Lock()
	for n := range s.shards {
		many := 1 + s.draw.IntN(12)
		if s.draw.IntN(20) == 0 {
			many = 40
		}
		id := shard.ID{Index: name, Number: n}
		s.begun[id] = time.Now()
		for i := range many {
			w := shard.Window{Shard: id, From: int64(i), To: int64(i + 1)}
			// 64 MB at 5 to 20 MB/s.
			costs[w] = time.Duration(3200+s.draw.IntN(9600)) * time.Millisecond
			s.work += costs[w]
			windows = append(windows, w)
		}
	}
	s.mu.Unlock()
	here := func(ctx context.Context, w shard.Window) error { return s.carry(ctx, w, costs[w]) }
	there := func(ctx context.Context, hand *workers.Hand, w shard.Window) error {
		text, err := json.Marshal(errand{Window: w, Cost: costs[w]})
		if err != nil {
			return err
		}
		_, err = hand.Do(ctx, text)
		hand.Free()
		if _, lost := errors.AsType[*workers.LostError](err); lost {
			s.mu.Lock()
			s.twice++
			s.mu.Unlock()
			return here(ctx, w)
		}
		return err
	}
	err := ferry.Deal(ctx, windows, 4, s.places, here, s.pool.Hire, there)
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.shards {
		delete(s.begun, shard.ID{Index: name, Number: n})
	}
	return err
}

type errand struct {
	Window shard.Window
	Cost   time.Duration
}

// carry takes its time, and longer where the engines have more to do than they can.
func (s *simulation) carry(ctx context.Context, w shard.Window, cost time.Duration) error {
	s.mu.Lock()
	s.wait = max(s.wait, time.Since(s.begun[w.Shard]))
	s.begun[w.Shard] = time.Now()
	s.mu.Unlock()
	if err := s.engines.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.engines.Release(1)
	return retry.Sleep(ctx, cost)
}

// worker carries until it is lost, and is replaced.
func (s *simulation) worker(ctx context.Context) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		lives := time.Duration(s.draw.ExpFloat64() / s.dying * float64(time.Hour))
		s.mu.Unlock()
		seat := s.board.Sit(s.room)
		living, dead := context.WithTimeout(ctx, lives)
		err := workers.Serve(living, mute{seat, living}, func(ctx context.Context, text []byte) (json.RawMessage, error) {
			var e errand
			if err := json.Unmarshal(text, &e); err != nil {
				return nil, err
			}
			return json.RawMessage("1"), s.carry(ctx, e.Window, e.Cost)
		})
		dead()
		if err != nil || ctx.Err() != nil {
			return err
		}
		s.mu.Lock()
		s.lost++
		s.mu.Unlock()
		_ = retry.Sleep(ctx, leaseRunsOut) //nolint:errcheck // ctx is asked above
		seat.Lose()
		_ = retry.Sleep(ctx, aNewOne-leaseRunsOut) //nolint:errcheck // ctx is asked above
	}
	return nil
}

// mute is a seat whose worker says nothing any more once it is dead.
type mute struct {
	*workerstest.Seat
	living context.Context
}

// Answer implements workers.Seat.
func (m mute) Answer(ctx context.Context, errand string, text []byte) error {
	if m.living.Err() != nil {
		return workers.ErrWithdrawn
	}
	return m.Seat.Answer(ctx, errand, text)
}

// simulated runs a simulation, and wants its makespan near the bound of all work at
// full room, no shard waiting long for its next window, and little to write for the
// store.
func simulated(t *testing.T, s *simulation, most float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		took := s.run(t.Context(), t)
		bound := s.work / time.Duration(s.crew*s.room+leaderReads)
		writes := float64(s.board.Writes()) / took.Seconds()
		t.Logf("%d shards, %s of work by %d workers with room for %d: %s, %.2f times the bound of %s; %d workers lost, %d windows carried twice; longest wait of a shard %s; %.0f writes/s to the store",
			s.indices*s.shards, s.work.Round(time.Hour), s.crew, s.room, took.Round(time.Second), took.Seconds()/bound.Seconds(), bound.Round(time.Second), s.lost, s.twice, s.wait.Round(time.Second), writes)
		if ratio := took.Seconds() / bound.Seconds(); ratio > most || ratio < 1 {
			t.Errorf("it took %s, %.2f times the bound of %s, want 1 to %.2f", took, ratio, bound, most)
		}
		if s.wait > 2*time.Minute {
			t.Errorf("a shard waited %s for its next window", s.wait)
		}
		if s.lost == 0 || writes > 200 {
			t.Errorf("got %d workers lost and %.0f writes/s", s.lost, writes)
		}
	})
}

// TestAThousandShards has ten workers, half of which are lost in an hour.
func TestAThousandShards(t *testing.T) {
	t.Parallel()
	simulated(t, &simulation{indices: 200, shards: 5, crew: 10, room: 4, dying: 0.5, atOnce: 1000}, 1.15)
}
