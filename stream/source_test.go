package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/shard"
	"esferry/stream"
)

// step is one answer of a fake engine.
type step struct {
	// body is a page; "abc" in it becomes the scroll's id, a new one each page.
	body string
	// length overrides the length that the answer announces; -1 for none.
	length int64
	// err comes in place of an answer; broken ends the body with it.
	err, broken error
	// before runs first.
	before func()
	// rest, where there is one, lets the body behind the page's beginning come.
	rest <-chan struct{}
}

// scroll is what one scan answers, page by page.
type scroll []step

// engine is a strict stand-in: it answers scrolls as they are written down, in
// order, and holds the reader to the rules of protocol 1.2. No page is asked for
// after trouble or beyond the end, each one with the newest id; no page is asked
// for while another is unread; every scroll that the reader can know of is
// closed, once, under a context that is alive. Under ahead the next page may be asked
// for while one is under way, also one in trouble, and a scroll be closed by the name
// that it had before that.
type engine struct {
	t *testing.T

	mu      sync.Mutex
	scrolls []scroll
	scans   []cluster.Scan
	// at is the page that comes next of the scroll that is open, id its newest
	// id that went out, "" before the first page.
	open      scroll
	at        int
	id        string
	names     int
	unread    int
	closed    []string
	holdClose bool
	ahead     bool
	// before is the id before the newest one.
	before string
	// sample answers those who ask for one; by default there are no documents.
	sample  step
	samples []cluster.Scan
}

func newEngine(t *testing.T, scrolls ...scroll) *engine {
	t.Helper()
	return &engine{t: t, scrolls: scrolls, sample: step{body: unnamed(page("0", ""))}}
}

// pages is a scroll without trouble.
func pages(bodies ...string) scroll {
	var out scroll
	for _, b := range bodies {
		out = append(out, step{body: b})
	}
	return out
}

func (e *engine) OpenScroll(ctx context.Context, s cluster.Scan) (cluster.Page, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.Sample {
		e.samples = append(e.samples, s)
		return e.send(ctx, e.sample)
	}
	e.scans = append(e.scans, s)
	if e.id != "" {
		e.t.Errorf("a scroll is opened while %s is not closed", e.id)
	}
	if len(e.scrolls) == 0 {
		e.t.Error("more scrolls are opened than there are")
		return cluster.Page{}, io.ErrClosedPipe
	}
	e.open, e.scrolls, e.at = e.scrolls[0], e.scrolls[1:], 0
	return e.answer(ctx)
}

func (e *engine) NextPage(ctx context.Context, w shard.Window, id string, alive time.Duration) (cluster.Page, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w != window || alive < time.Second {
		e.t.Errorf("the next page is asked for with window %s and keep-alive %s", w, alive)
	}
	if id != e.id || id == "" {
		e.t.Errorf("the next page is asked for under id %q, want the newest one, %q", id, e.id)
	}
	if e.at == 0 || e.open[e.at-1].err != nil || e.open[e.at-1].broken != nil && !e.ahead {
		e.t.Error("a page is asked for after trouble: the answer would be the one after it")
	}
	return e.answer(ctx)
}

func (e *engine) CloseScroll(ctx context.Context, id string) error {
	e.mu.Lock()
	if id == "" || id != e.id && (!e.ahead || id != e.before) {
		e.t.Errorf("scroll %q is closed, want %q", id, e.id)
	}
	if ctx.Err() != nil {
		e.t.Errorf("scroll %q is closed under a context that has ended", id)
	}
	e.closed, e.id = append(e.closed, id), ""
	hold := e.holdClose
	e.mu.Unlock()
	if hold {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (e *engine) answer(ctx context.Context) (cluster.Page, error) {
	if e.unread > 1 || e.unread > 0 && !e.ahead {
		e.t.Error("a page is asked for while another is not closed")
	}
	if e.at == len(e.open) {
		e.t.Error("more pages are asked for than there are")
		return cluster.Page{}, io.ErrClosedPipe
	}
	s := e.open[e.at]
	e.at++
	return e.send(ctx, s)
}

func (e *engine) send(ctx context.Context, s step) (cluster.Page, error) {
	if s.before != nil {
		s.before()
	}
	if err := ctx.Err(); err != nil {
		return cluster.Page{}, err
	}
	if s.err != nil {
		return cluster.Page{}, s.err
	}
	id := "id-" + strconv.Itoa(e.names)
	if strings.Contains(s.body, `"abc"`) {
		e.names++
		e.before, e.id = e.id, id
	}
	body := strings.Replace(s.body, `"abc"`, strconv.Quote(id), 1)
	length := int64(len(body))
	if s.length != 0 {
		length = s.length
	}
	e.unread++
	wire := io.Reader(strings.NewReader(body))
	if s.rest != nil {
		wire = io.MultiReader(strings.NewReader(body[:preface]), held{s.rest}, strings.NewReader(body[preface:]))
	}
	if s.broken != nil {
		wire = io.MultiReader(wire, broken{s.broken})
	}
	return cluster.Page{Body: &answerBody{Reader: wire, engine: e}, Length: length}, nil
}

// preface is at most what a reader needs of a page to ask for the one after it.
const preface = 64 << 10

// held is what of a body does not come yet.
type held struct{ rest <-chan struct{} }

func (h held) Read([]byte) (int, error) { <-h.rest; return 0, io.EOF }

// broken is where a connection is lost.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

type answerBody struct {
	io.Reader
	engine *engine
	closed bool
}

func (b *answerBody) Close() error {
	b.engine.mu.Lock()
	defer b.engine.mu.Unlock()
	if !b.closed {
		b.engine.unread--
	}
	b.closed = true
	return nil
}

var window = shard.Window{Shard: shard.ID{Index: "i"}, From: -1, To: 1<<40 - 1}

// capacity is the budget of most tests: little, so that bytes which are not
// given back show.
const capacity = 4096

// reading reads the window once, each batch released, and checks that nothing is
// left open or held.
func (e *engine) reading(ctx context.Context, o stream.Options) (ids []string, err error) {
	e.t.Helper()
	budget := batch.NewBudget(capacity)
	ids, err = drain(ctx, stream.NewReader(e, budget, o))
	e.settled(budget) //nolint:contextcheck // it looks whether all room came back, whatever became of the context
	return ids, err
}

func drain(ctx context.Context, r *stream.Reader) (ids []string, err error) {
	for b, err := range r.Read(ctx, shard.Position{}, window) {
		if err != nil {
			return ids, err
		}
		for _, d := range b.Docs {
			ids = append(ids, string(d.ID))
		}
		b.Release()
	}
	return ids, nil
}

func (e *engine) settled(budget *batch.Budget) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Second)
	defer cancel()
	release, err := budget.Acquire(ctx, capacity)
	if err != nil {
		e.t.Errorf("after the read: bytes of the budget are still held: %v", err)
		return
	}
	release()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unread != 0 {
		e.t.Errorf("after the read: %d pages are not closed", e.unread)
	}
	if e.id != "" {
		e.t.Errorf("after the read: scroll %s is not closed", e.id)
	}
}

// interrupted checks that err ends a window, names it, and says whether to try
// again.
func (e *engine) interrupted(name string, err error, temporary bool) {
	e.t.Helper()
	var i *stream.InterruptedError
	if !errors.As(err, &i) {
		e.t.Errorf("%s: got %v, want an InterruptedError", name, err)
		return
	}
	if i.Window != window || !strings.Contains(err.Error(), "i[0](-1,1099511627775]") || i.Temporary() != temporary {
		e.t.Errorf("%s: got %q, temporary %t, want it to name the window and temporary %t", name, err, i.Temporary(), temporary)
	}
}

// hit is one document of version 1 as an engine answers it; id with its quotes.
func hit(id string, seqNo int64, source string) string {
	return fmt.Sprintf(`{"_index":"i","_type":"_doc","_id":%s,"_version":1,"_seq_no":%d,"_primary_term":1,"_score":null,"_source":%s}`, id, seqNo, source)
}
