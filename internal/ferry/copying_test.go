package ferry //nolint:testpackage // a leader and a worker of one process

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/workers"
	"esferry/internal/workers/workerstest"
)

// heard keeps what is observed.
type heard struct {
	mu     sync.Mutex
	events []report.Event
}

func (h *heard) Observe(e report.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// TestBundlesAreHandedOn: a bundle reaches the worker's side as it was given; a
// worker that fails, has no buckets, or is lost in the middle refuses it, which is
// told; and what ends with its context is no refusal.
func TestBundlesAreHandedOn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`) //nolint:errcheck // the client may have left
	}))
	t.Cleanup(server.Close)
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}, Patience: retry.Policy{First: 1, Total: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if (&Ferry{}).copyists() != nil {
		t.Error("a ferry without workers has somebody who copies")
	}
	board, told := workerstest.New(), &heard{}
	f := &Ferry{source: c, target: c, options: Options{Observer: told}}
	f.pool = workers.NewPool(board)
	ctx, stop := context.WithCancel(t.Context())
	g, _ := group.New(ctx)
	g.Go("pool", f.pool.Run)
	// with has one worker copy one bundle.
	with := func(ctx context.Context, o *SnapshotOptions, meanwhile func(seat *workerstest.Seat)) (refused bool, err error) {
		seat := board.Sit(1)
		defer func() {
			seat.Lose()
			// The next one is not to find it there.
			for there, changed := f.pool.Workers(); len(there) > 0; there, changed = f.pool.Workers() {
				<-changed
			}
		}()
		carrier := &Carrier{ferry: &Ferry{source: c, target: c, options: Options{Snapshot: o}}}
		g.Go("worker", func(ctx context.Context) error {
			if err := workers.Serve(ctx, seat, carrier.Do); !errors.Is(err, workerstest.ErrLost) {
				return err
			}
			return nil
		})
		one, err := f.copyists().Hire(ctx)
		if err != nil {
			return false, err
		}
		defer one.Free()
		if meanwhile != nil {
			g.Go("meanwhile", func(context.Context) error { meanwhile(seat); return nil })
		}
		return one.Copy(ctx, json.RawMessage(`{"objects":["a"]}`))
	}

	got := make(chan string, 1)
	does := func(err error) *SnapshotOptions {
		return &SnapshotOptions{CopyBundle: func(_ context.Context, bundle json.RawMessage) error { got <- string(bundle); return err }}
	}
	if refused, err := with(ctx, does(nil), nil); refused || err != nil || <-got != `{"objects":["a"]}` {
		t.Errorf("one that does it: got %v, %v", refused, err)
	}
	if len(told.events) > 0 {
		t.Errorf("got events %v of what went well", told.events)
	}
	if refused, err := with(ctx, does(errors.New("no such key")), nil); !refused || err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("one that fails: got %v, %v", refused, err)
	}
	<-got
	if refused, err := with(ctx, nil, nil); !refused || err == nil || !strings.Contains(err.Error(), "has no snapshot.copy") {
		t.Errorf("one without buckets: got %v, %v", refused, err)
	}
	begun := make(chan struct{}, 1)
	forever := &SnapshotOptions{CopyBundle: func(ctx context.Context, _ json.RawMessage) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}}
	refused, err := with(ctx, forever, func(seat *workerstest.Seat) { <-begun; seat.Lose() })
	if _, lost := errors.AsType[*workers.LostError](err); !refused || !lost {
		t.Errorf("one that is lost: got %v, %v", refused, err)
	}
	ending, end := context.WithCancel(ctx)
	if refused, err := with(ending, forever, func(*workerstest.Seat) { <-begun; end() }); refused || !errors.Is(err, context.Canceled) {
		t.Errorf("a run that ends: got %v, %v", refused, err)
	}
	if len(told.events) != 3 || told.events[0].Kind != report.Retried || told.events[0].Phase != "copy" {
		t.Errorf("got events %v, want three refusals", told.events)
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
