package ferry //nolint:testpackage // the pipe is the room's own seam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/semaphore"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is a source whose document i has sequence number i, and a target that
// remembers what it was sent. It fails as it is told to.
type engine struct {
	mu       sync.Mutex
	written  map[string]int
	scans    int
	failScan func(n int) error
	failBulk func(n int) error
	bulks    int
}

func (e *engine) OpenScroll(_ context.Context, s cluster.Scan) (cluster.Page, error) {
	e.mu.Lock()
	e.scans++
	n, fail := e.scans, e.failScan
	e.mu.Unlock()
	if fail != nil {
		if err := fail(n); err != nil {
			return cluster.Page{}, err
		}
	}
	var hits []string
	for i := s.Window.From + 1; i <= s.Window.To; i++ {
		hits = append(hits, fmt.Sprintf(`{"_id":"%d","_version":1,"_seq_no":%d,"_primary_term":1,"_source":{"n":%d}}`, i, i, i))
	}
	page := fmt.Sprintf(`{"_scroll_id":"x","timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":%d,"hits":[%s]}}`, len(hits), strings.Join(hits, ","))
	return cluster.Page{Body: io.NopCloser(strings.NewReader(page)), Length: int64(len(page))}, nil
}

func (e *engine) NextPage(context.Context, shard.Window, string, time.Duration) (cluster.Page, error) {
	return cluster.Page{}, errors.New("there is no next page")
}

func (e *engine) CloseScroll(context.Context, string) error { return nil }

func (e *engine) Bulk(_ context.Context, _, _ string, ndjson []byte, items int) ([]cluster.Item, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bulks++
	if e.failBulk != nil {
		if err := e.failBulk(e.bulks); err != nil {
			return nil, err
		}
	}
	lines := strings.Split(string(ndjson), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		var action struct {
			Index struct {
				ID string `json:"_id"`
			}
		}
		if err := json.Unmarshal([]byte(lines[i]), &action); err != nil {
			return nil, err
		}
		e.written[action.Index.ID]++
	}
	out := make([]cluster.Item, items)
	for i := range out {
		out[i].Status = 201
	}
	return out, nil
}

func (e *engine) Versions(context.Context, string, []cluster.Key) ([]cluster.Found, error) {
	return nil, errors.New("there are no conflicts")
}

func (e *engine) Refresh(context.Context, string) error { return nil }

// carry runs a pipe over windows of ten numbers up to last.
func carry(t *testing.T, e *engine, last int64) (landed []shard.Window, committed int, err error) {
	t.Helper()
	e.written = map[string]int{}
	c := sink.NewController(sink.Limits{}, nil)
	p := &pipe{
		index: "i", readers: 3, places: semaphore.NewWeighted(3), controller: c,
		reader: stream.NewReader(e, batch.NewBudget(1<<20), stream.Options{}),
		writer: sink.NewWriter(e, e, sink.Options{SourceIndex: "i", Index: "i", Controller: c}),
	}
	p.landed = func(w shard.Window) error { landed = append(landed, w); return nil }
	p.commit = func(context.Context) error { committed++; return nil }
	var tasks []task
	for from := int64(0); from < last; from += 10 {
		tasks = append(tasks, task{window: shard.Window{Shard: shard.ID{Index: "i"}, From: from, To: from + 10}, versioning: batch.External})
	}
	err = p.run(t.Context(), tasks)
	return landed, committed, err
}

func TestPipeCarriesEveryWindowOnce(t *testing.T) {
	e := &engine{}
	landed, _, err := carry(t, e, 500)
	if err != nil {
		t.Fatal(err)
	}
	if len(landed) != 50 || len(e.written) != 500 {
		t.Errorf("got %d windows and %d documents, want 50 and 500", len(landed), len(e.written))
	}
	for id, n := range e.written {
		if n != 1 {
			t.Errorf("document %s was written %d times, want once", id, n)
		}
	}
}

func TestPipeReadsAnInterruptedWindowAgainAsAWhole(t *testing.T) {
	e := &engine{failScan: func(n int) error {
		if n%3 == 0 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}}
	landed, _, err := carry(t, e, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(landed) != 10 || len(e.written) != 100 {
		t.Errorf("got %d windows and %d documents, want 10 and 100", len(landed), len(e.written))
	}
}

func TestPipeEndsWithTheFirstErrorAndAcknowledgesNothingUnwritten(t *testing.T) {
	refused := errors.New("disk full")
	e := &engine{failBulk: func(n int) error {
		if n > 5 {
			return refused
		}
		return nil
	}}
	landed, _, err := carry(t, e, 1000)
	if !errors.Is(err, refused) {
		t.Fatalf("got error %v, want %v", err, refused)
	}
	for _, w := range landed {
		for i := w.From + 1; i <= w.To; i++ {
			if e.written[strconv.FormatInt(i, 10)] == 0 {
				t.Errorf("%s was acknowledged, but document %d is not on the target", w, i)
			}
		}
	}
}

func TestPipeWithNothingToDo(t *testing.T) {
	if _, committed, err := carry(t, &engine{}, 0); err != nil || committed != 0 {
		t.Errorf("got %v and %d commits, want neither", err, committed)
	}
}
