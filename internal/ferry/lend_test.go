package ferry //nolint:testpackage // what bars a worker is the room's own seam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/internal/workers"
	"esferry/internal/workers/workerstest"
)

// aliased is a target of one index that knows aliases and nothing else, and refuses
// to take off one that is not there, as engines do.
type aliased struct {
	mu      sync.Mutex
	aliases []string
}

func (a *aliased) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := `{"acknowledged":true}`
	switch {
	case r.Method == http.MethodGet:
		there := map[string]struct{}{}
		for _, name := range a.aliases {
			there[name] = struct{}{}
		}
		text, err := json.Marshal(map[string]any{"new": map[string]any{"aliases": there}})
		if err != nil {
			panic(err)
		}
		answer = string(text)
	case r.URL.Path == "/_aliases":
		var body struct {
			Actions []map[string]struct{ Index, Alias string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			panic(err)
		}
		for _, action := range body.Actions {
			if add, ok := action["add"]; ok {
				a.aliases = append(a.aliases, add.Alias)
				continue
			}
			i := slices.Index(a.aliases, action["remove"].Alias)
			if i < 0 {
				w.WriteHeader(http.StatusNotFound)
				answer = `{"error":{"type":"aliases_not_found_exception","reason":"none"},"status":404}`
				break
			}
			a.aliases = slices.Delete(a.aliases, i, i+1)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = fmt.Sprintf(`{"error":{"type":"unexpected","reason":"%s %s"},"status":404}`, r.Method, r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer) //nolint:errcheck // the client may have left
}

func (a *aliased) through(t *testing.T) []string {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.aliases)
}

// TestWorkersAreBarred: each worker writes through an alias of its own; that of one
// that dies over a window is off before the window is given back to be carried here,
// that of one whose run ends is off before the next round writes, and others keep
// theirs.
func TestWorkersAreBarred(t *testing.T) {
	target := &aliased{}
	server := httptest.NewServer(target)
	t.Cleanup(server.Close)
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}, Patience: retry.Policy{First: 1, Total: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	board := workerstest.New()
	f := &Ferry{source: c, target: c, lease: checkpoint.Lease{Epoch: 7}}
	f.pool = workers.NewPool(board)
	ix := &index{ferry: f, rec: IndexRecord{Index: "old", Target: "new", Binding: Binding{TargetUUID: "u"}}}
	ctx, stop := context.WithCancel(t.Context())
	g, _ := group.New(ctx)
	g.Go("pool", f.pool.Run)

	asked := make(chan *CarryErrand, 1)
	carry := func(ctx context.Context) (refused bool, err error) {
		l := ix.lender(nil)
		hand, err := l.hire(ctx)
		if err != nil {
			return false, err
		}
		_, refused, err = l.carry(ctx, hand, task{window: shard.Window{To: 9}})
		return refused, err
	}
	work := func(seat *workerstest.Seat, do func(ctx context.Context) error) {
		g.Go("worker", func(ctx context.Context) error {
			err := workers.Serve(ctx, seat, func(ctx context.Context, text []byte) (json.RawMessage, error) {
				var e Errand
				if err := json.Unmarshal(text, &e); err != nil {
					return nil, err
				}
				asked <- e.Carry
				return json.RawMessage(`{"written":{"applied":9},"bytes":1}`), do(ctx)
			})
			if errors.Is(err, workerstest.ErrLost) {
				return nil
			}
			return err
		})
	}
	forever := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

	good := board.Sit(1)
	work(good, func(context.Context) error { return nil })
	if refused, err := carry(ctx); err != nil || refused {
		t.Fatalf("a worker that does it: got %v, %v", refused, err)
	}
	first := <-asked
	if got := target.through(t); !slices.Equal(got, []string{first.Alias}) || !strings.HasPrefix(first.Alias, writeAlias("u")+"-"+process(f.lease)) {
		t.Errorf("got aliases %v, want the worker's own: %s", got, first.Alias)
	}
	// It is at something else from now on: the next ones are asked.
	busy, err := f.pool.Hire(ctx)
	if err != nil {
		t.Fatal(err)
	}

	dying := board.Sit(1)
	work(dying, forever)
	g.Go("death", func(context.Context) error {
		e := <-asked
		if got := target.through(t); len(got) != 2 || e.Alias == first.Alias {
			return fmt.Errorf("got aliases %v, want one for each", got)
		}
		dying.Lose()
		return nil
	})
	refused, err := carry(ctx)
	if _, lost := errors.AsType[*workers.LostError](err); !refused || !lost {
		t.Errorf("a worker that dies: got %v, %v, want its window back", refused, err)
	}
	if got := target.through(t); !slices.Equal(got, []string{first.Alias}) {
		t.Errorf("got aliases %v, want that of the dead worker off", got)
	}

	slow := board.Sit(1)
	work(slow, forever)
	ending, end := context.WithCancel(ctx)
	g.Go("end of the run", func(context.Context) error { <-asked; end(); return nil })
	if refused, err := carry(ending); refused || !errors.Is(err, context.Canceled) {
		t.Errorf("a run that ends: got %v, %v", refused, err)
	}
	if err := ix.fence(ctx); err != nil {
		t.Fatal(err)
	}
	if got := target.through(t); !slices.Equal(got, []string{ix.writesThrough()}) {
		t.Errorf("got aliases %v after the next round's fence, want this process's alone", got)
	}
	busy.Free()
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
