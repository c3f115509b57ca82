package ferry //nolint:testpackage // the pipe is the room's own seam

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

// slow is an engine that takes its time for a bulk and counts those at once.
type slow struct {
	*engine
	mu           sync.Mutex
	inside, most int
}

func (s *slow) Bulk(ctx context.Context, index, typ string, ndjson []byte, items int) ([]cluster.Item, error) {
	s.mu.Lock()
	s.inside++
	s.most = max(s.most, s.inside)
	s.mu.Unlock()
	err := retry.Sleep(ctx, 100*time.Millisecond)
	s.mu.Lock()
	s.inside--
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.engine.Bulk(ctx, index, typ, ndjson, items)
}

// A pipe has as many writers as the pace lets send, however many that are, and
// follows it up and down.
func TestPipeHasTheWritersThatThePaceAllows(t *testing.T) {
	for _, writers := range []int{1, 2, 7} {
		synctest.Test(t, func(t *testing.T) {
			e := &slow{engine: &engine{written: map[string]int{}}}
			c := sink.NewController(sink.Limits{Writers: writers}, nil)
			p := &pipe{
				index: "i", readers: 3, places: semaphore.NewWeighted(3), controller: c,
				reader: stream.NewReader(e, batch.NewBudget(1<<20), stream.Options{}),
				writer: sink.NewWriter(e, e, sink.Options{SourceIndex: "i", Index: "i", Controller: c}),
				landed: func(shard.Window) error { return nil }, commit: func(context.Context) error { return nil },
			}
			var tasks []task
			for from := int64(0); from < 500; from += 10 {
				tasks = append(tasks, task{window: shard.Window{Shard: shard.ID{Index: "i"}, From: from, To: from + 10}, versioning: batch.External})
			}
			if err := p.run(t.Context(), tasks); err != nil {
				t.Fatal(err)
			}
			if e.most != writers || len(e.written) != 500 || p.outstanding.Load() != 0 {
				t.Errorf("got %d bulks at once, %d documents, %d outstanding, want %d, 500, 0", e.most, len(e.written), p.outstanding.Load(), writers)
			}
		})
	}
}

// An interrupted pipe waits for the bulks that are under way, and makes durable
// what they brought.
func TestPipeFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slow{engine: &engine{written: map[string]int{}}}
		c := sink.NewController(sink.Limits{Writers: 3}, nil)
		var landed, durable int
		p := &pipe{
			index: "i", readers: 1, places: semaphore.NewWeighted(1), controller: c,
			reader: stream.NewReader(e, batch.NewBudget(1<<20), stream.Options{}),
			writer: sink.NewWriter(e, e, sink.Options{SourceIndex: "i", Index: "i", Controller: c}),
			landed: func(shard.Window) error { landed++; return nil },
			commit: func(ctx context.Context) error { durable = landed; return ctx.Err() },
		}
		var tasks []task
		for from := int64(0); from < 500; from += 10 {
			tasks = append(tasks, task{window: shard.Window{Shard: shard.ID{Index: "i"}, From: from, To: from + 10}, versioning: batch.External})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		err := p.run(ctx, tasks)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the interruption", err)
		}
		if e.bulks == 0 || e.bulks == 50 || landed != e.bulks || durable != landed {
			t.Errorf("got %d bulks, %d landed, %d durable, want all of some", e.bulks, landed, durable)
		}
	})
}

func TestReadersOf(t *testing.T) {
	f := func(configured, shards, want int) {
		t.Helper()
		var tasks []task
		for i := range 3 * shards {
			tasks = append(tasks, task{window: shard.Window{Shard: shard.ID{Index: "i", Number: i % shards}}})
		}
		if got := readersOf(configured, tasks); got != want {
			t.Errorf("%d configured, %d shards: got %d readers, want %d", configured, shards, got, want)
		}
	}
	f(0, 1, 2)
	f(0, 2, 2)
	f(0, 3, 3)
	f(0, 30, 4)
	f(1, 30, 1)
	f(9, 1, 9)
}

// All shards are worked on at once, each from its lowest window on.
func TestSpread(t *testing.T) {
	at := func(number int, from int64) task {
		return task{window: shard.Window{Shard: shard.ID{Index: "i", Number: number}, From: from}}
	}
	got := spread([]task{at(0, 0), at(0, 10), at(0, 20), at(1, 5), at(2, 0), at(2, 7)})
	want := []task{at(0, 0), at(1, 5), at(2, 0), at(0, 10), at(2, 7), at(0, 20)}
	for i := range want {
		if got[i].window != want[i].window {
			t.Errorf("%d: got %s, want %s", i, got[i].window, want[i].window)
		}
	}
}

// The largest index begins first, by what is left of it.
func TestEachBeginsWithTheMostOutstanding(t *testing.T) {
	f := &Ferry{options: Options{Stream: StreamOptions{Indices: 1}}}
	made := func(name string, phase Phase, lag, docs int64) *index {
		return &index{ferry: f, rec: IndexRecord{Index: name, Phase: phase, Lag: lag}, docs: docs}
	}
	all := []*index{made("small", Planned, 0, 10), made("current", Current, 500, 100_000), made("half", Bound, 4000, 90_000), made("same", Planned, 0, 10), made("large", Planned, 0, 70_000)}
	order := ""
	do := func(_ context.Context, ix *index) error { order += ix.id() + " "; return nil }
	if err := f.largestFirst(t.Context(), all, do); err != nil || order != "half large current small same " {
		t.Errorf("got %q, %v", order, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.largestFirst(ended, all, do); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: got %v, want it told", err)
	}
}
