package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/stream"
)

var (
	a = hit(`"a"`, 0, `{}`)
	b = hit(`"b"`, 1, `{}`)
	c = hit(`"c"`, 2, `{}`)
)

func TestReadEndsWithTheAnnouncedTotal(t *testing.T) {
	f := func(want string, scrolls ...scroll) {
		t.Helper()
		e := newEngine(t, scrolls...)
		ids, err := e.reading(t.Context(), stream.Options{})
		if err != nil || strings.Join(ids, "") != want || len(e.closed) != 1 {
			t.Errorf("got %v, %v and %d scrolls closed, want %s and one", ids, err, len(e.closed), want)
		}
		if e.at != len(e.open) {
			t.Errorf("got %d pages asked for, want %d", e.at, len(e.open))
		}
	}
	f(``, pages(page("0", "")))
	f(``, pages(page(`{"value":0,"relation":"eq"}`, "")))
	f(`"a"`, pages(page("1", a)))
	f(`"a""b"`, pages(page("2", a), page("2", b)))
	f(`"a""b""c"`, pages(page(`{"value":3,"relation":"eq"}`, a+","+b), page(`{"value":3,"relation":"eq"}`, c)))
	// A later page may go without an id: then the last one holds.
	f(`"a""b""c"`, pages(page("3", a), unnamed(page("3", b)), page("3", c)))
	// Elasticsearch 6.8 and 7 say of each full page of an unsorted scroll that it
	// was terminated early.
	early := func(page string) string {
		return strings.Replace(page, `"timed_out":false`, `"timed_out":false,"terminated_early":true`, 1)
	}
	f(`"a""b""c"`, pages(page("3", a), early(page("3", b)), early(page("3", c))))
	f(`"a"`, pages(strings.Replace(page("1", a), `"timed_out":false`, `"timed_out":false,"terminated_early":false`, 1)))
	// All is there, so that nobody needs the scroll's name.
	e := newEngine(t, pages(unnamed(page("1", a))))
	if ids, err := e.reading(t.Context(), stream.Options{}); err != nil || len(ids) != 1 || len(e.scans) != 1 {
		t.Errorf("got %v, %v and %d scans, want one document of one scan", ids, err, len(e.scans))
	}
	// No length announced, as behind a proxy that packs answers.
	f(`"a""b"`, scroll{{body: page("2", a), length: -1}, {body: page("2", b), length: -1}})
}

// TestTroubleEndsTheWindow: whatever happens to a page, it is not asked for
// again; the window is, as a whole, where that can help.
func TestTroubleEndsTheWindow(t *testing.T) {
	faultcase.Shows(t, 5, "a page is cut in the middle of a document")
	faultcase.Shows(t, 5, "a Content-Length that is too long, or too short")
	faultcase.Shows(t, 5, "no length, and the end is missing")
	faultcase.Shows(t, 6, "trouble of every kind on a page")
	faultcase.Shows(t, 8, "429 of a page")
	faultcase.Shows(t, 20, "failed shards, timed_out, terminated_early, no shard at all, on any page")
	faultcase.Shows(t, 21, "the scroll expires between pages")
	f := func(name string, temporary bool, trouble scroll) {
		t.Helper()
		e := newEngine(t, trouble, pages(page("2", a), page("2", b)))
		ids, err := e.reading(t.Context(), stream.Options{})
		e.interrupted(name, err, temporary)
		if retry.Retryable(err) != temporary {
			t.Errorf("%s: got retryable %t, want %t", name, !temporary, temporary)
		}
		for _, id := range ids {
			if id != `"a"` && id != `"b"` {
				t.Errorf("%s: got document %s of a page in trouble", name, id)
			}
		}
		// A new scroll gives the whole window.
		if ids, err := e.reading(t.Context(), stream.Options{}); err != nil || len(ids) != 2 {
			t.Errorf("%s, read again: got %v, %v, want both documents", name, ids, err)
		}
	}
	whole, missing := page("9", a), hit(`"x"`, 3, `{}`)
	engineSays := func(status int, kind, reason string) error {
		return &cluster.Error{Op: "scan", URL: "u", Status: status, Type: kind, Reason: reason}
	}

	// The wire.
	f("connection refused", true, scroll{{err: &cluster.Error{Op: "scan", Err: io.ErrUnexpectedEOF}}})
	f("connection lost between pages", true, scroll{{body: page("9", a)}, {err: &cluster.Error{Op: "scan", Err: io.ErrUnexpectedEOF}}})
	f("an error of no engine", true, scroll{{err: io.ErrUnexpectedEOF}})
	f("the first page is cut in the middle", true, scroll{{body: whole[:200], length: int64(len(whole)), broken: io.ErrUnexpectedEOF}})
	f("a page is cut in the middle", true, scroll{{body: page("9", a)}, {body: whole[:200], length: int64(len(whole)), broken: io.ErrUnexpectedEOF}})
	f("a body shorter than announced", true, scroll{{body: page("9", a)}, {body: whole, length: int64(len(whole) + 10)}})
	f("a body longer than announced", true, scroll{{body: page("9", a)}, {body: whole, length: int64(len(whole) - 10)}})
	f("a body that ends early, without a length", true, scroll{{body: page("9", a)}, {body: whole[:250], length: -1}})
	f("a body that breaks off, without a length", true, scroll{{body: page("9", a)}, {body: whole[:250], length: -1, broken: io.ErrUnexpectedEOF}})
	f("an empty body", true, scroll{{body: page("9", a)}, {length: -1}})
	f("a proxy's page", true, scroll{{body: "<html>Bad Gateway</html>"}})
	f("two pages in one", true, scroll{{body: whole + whole}})

	// What engines answer.
	f("expired scroll", true, scroll{{body: page("9", a)}, {body: page("9", b)}, {err: engineSays(404, "search_phase_execution_exception", "all shards failed; root cause: No search context found for id [1]")}})
	f("index gone", false, scroll{{err: engineSays(404, "index_not_found_exception", "no such index [i]")}})
	f("no privilege", false, scroll{{err: engineSays(403, "security_exception", "action [indices:data/read/search] is unauthorized")}})
	f("a query that is none", false, scroll{{err: engineSays(400, "parsing_exception", "unknown query [x]")}})
	f("busy", true, scroll{{body: page("9", a)}, {err: engineSays(429, "es_rejected_execution_exception", "rejected")}})
	f("not ready", true, scroll{{err: engineSays(503, "search_phase_execution_exception", "all shards failed")}})
	f("a gateway's time-out", true, scroll{{body: page("9", a)}, {err: engineSays(504, "", "")}})

	// Partial answers, which come with 200.
	partial := func(text, was, is string) string {
		out := strings.Replace(text, was, is, 1)
		if out == text {
			t.Fatalf("%s is not in %s", was, text)
		}
		return out
	}
	f("shards failed on page 3", true, pages(page("9", a), page("9", b), partial(page("9", missing), `"successful":1,"skipped":0,"failed":0`, `"successful":0,"skipped":0,"failed":1,"failures":[{"reason":{"type":"x"}}]`)))
	f("timed out", true, pages(page("9", a), partial(page("9", missing), `"timed_out":false`, `"timed_out":true`)))
	f("timed out on the first page", true, pages(partial(page("9", missing), `"timed_out":false`, `"timed_out":true`)))
	f("terminated early on the first page", true, pages(partial(page("9", missing), `"timed_out":false`, `"timed_out":false,"terminated_early":true`)))
	f("a wrong shard number", true, pages(partial(page("0", ""), `"total":1,"successful":1`, `"total":0,"successful":0`)))
	f("two shards", true, pages(partial(page("9", missing), `"total":1,"successful":1`, `"total":2,"successful":2`)))
	f("fewer than announced", true, pages(page("9", a), page("9", "")))
	f("nothing where something was announced", true, pages(page("9", "")))
	f("more than announced", true, pages(page("1", missing+","+missing)))
	f("more than announced, on a later page", true, pages(page("2", a), page("2", missing+","+missing)))
	f("no total", true, pages(partial(page("9", missing), `"total":9,`, ``)))
	f("an error in a 200", true, pages(`{"error":{"type":"search_phase_execution_exception"},"status":503}`))
	// Without an id there is no next page: opening the scan anew in its place
	// would give the first page twice.
	f("no scroll id, and more to come", true, pages(partial(page("2", missing), `"_scroll_id":"abc",`, ``)))
	f("an empty scroll id, and more to come", true, pages(partial(page("2", missing), `"abc"`, `""`)))

	// What no second try cures.
	f("no _source", false, pages(page("1", `{"_id":"x","_version":1}`)))
	f("no _source, on a later page", false, pages(page("9", a), page("9", b+`,{"_id":"x","_version":1}`)))
}

func TestErrNoSource(t *testing.T) {
	faultcase.Shows(t, 26, "no _source")
	_, err := newEngine(t, pages(page("1", `{"_id":"x","_version":1}`))).reading(t.Context(), stream.Options{})
	if !errors.Is(err, stream.ErrNoSource) || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("got %v, want ErrNoSource and the document", err)
	}
	ids, err := newEngine(t, pages(page("1", `{"_id":"x","_version":1}`))).reading(t.Context(), stream.Options{IDsOnly: true})
	if err != nil || len(ids) != 1 {
		t.Errorf("with ids only: got %v, %v", ids, err)
	}
}

// TestReadAsksForWhatItIsTold: the scan is that of the window, on the primary.
func TestReadAsksForWhatItIsTold(t *testing.T) {
	e := newEngine(t, pages(page("0", "")), pages(page("0", "")))
	budget := batch.NewBudget(capacity)
	p := shard.Position{Shard: window.Shard, Node: "n1", Term: 3}
	read := func(o stream.Options) {
		for _, err := range stream.NewReader(e, budget, o).Read(t.Context(), p, window) {
			t.Errorf("got %v from an empty window", err)
		}
	}
	read(stream.Options{})
	read(stream.Options{Query: json.RawMessage(`{"term":{"x":1}}`), IDsOnly: true, Unnumbered: true, KeepAlive: time.Hour, PageDocs: 20000})
	if s := e.scans[0]; s.Position != p || s.Window != window || len(s.Query) > 0 || s.IDsOnly || s.Unnumbered || s.KeepAlive != 5*time.Minute || s.Size != 512 {
		t.Errorf("got scan %+v", s)
	}
	if s := e.scans[1]; string(s.Query) != `{"term":{"x":1}}` || !s.IDsOnly || !s.Unnumbered || s.KeepAlive != time.Hour || s.Size != 10000 {
		t.Errorf("got scan %+v, want the options", s)
	}
}

func TestPageSizesFollowTheDocuments(t *testing.T) {
	e := newEngine(t)
	r := stream.NewReader(e, batch.NewBudget(1<<30), stream.Options{PageBytes: 1 << 20})
	read := func(docs, bytes int) int {
		e.scrolls = append(e.scrolls, pages(page(strconv.Itoa(docs), strings.TrimSuffix(strings.Repeat(hit(`"x"`, 1, `{"x":"`+strings.Repeat("x", bytes)+`"}`)+",", docs), ","))))
		if _, err := drain(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return e.scans[len(e.scans)-1].Size
	}
	first := read(10, 100<<10)
	second := read(10, 100)
	if first != 64 || second > 10 || second < 9 {
		t.Errorf("got sizes %d and %d, want 64 for unknown documents, and 10 of 100 kB for a megabyte", first, second)
	}
	last := second
	for range 40 {
		size := read(1, 100)
		if size < last || size > 10000 {
			t.Fatalf("got size %d after %d, want it to rise, up to the engines' bound", size, last)
		}
		last = size
	}
	if last < 2500 {
		t.Errorf("got size %d in the end, want thousands of small documents", last)
	}
	// A window without documents tells nothing of their size.
	e.scrolls = append(e.scrolls, pages(page("0", "")))
	if _, err := drain(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if size := read(1, 100); size < last {
		t.Errorf("got size %d after an empty window, want at least %d", size, last)
	}
}

// TestASmallWindowNeedsNoScroll: what goes into one page is asked for without a
// scroll, and a giant among its documents brings the scroll back.
func TestASmallWindowNeedsNoScroll(t *testing.T) {
	few := shard.Window{Shard: window.Shard, From: 4, To: 1004}
	none := unnamed(page("2", a+","+b))
	giant := step{body: unnamed(page("9", a)), length: 64 << 20}
	f := func(o stream.Options, w shard.Window, want []cluster.Scan, answers ...scroll) {
		t.Helper()
		e := newEngine(t, answers...)
		budget := batch.NewBudget(1 << 30)
		n := 0
		for got, err := range stream.NewReader(e, budget, o).Read(t.Context(), shard.Position{}, w) {
			if err != nil {
				t.Fatal(err)
			}
			n += len(got.Docs)
			got.Release()
		}
		if n != 2 || len(e.scans) != len(want) {
			t.Fatalf("%s: got %d documents from %d scans, want 2 from %d", w, n, len(e.scans), len(want))
		}
		for i, s := range e.scans {
			if s.Size != want[i].Size || s.KeepAlive != want[i].KeepAlive {
				t.Errorf("%s: got scan %d of %d documents, kept for %s, want %d, %s", w, i, s.Size, s.KeepAlive, want[i].Size, want[i].KeepAlive)
			}
		}
	}
	const alive = 5 * time.Minute
	f(stream.Options{PageDocs: 1000}, few, []cluster.Scan{{Size: 1000}}, scroll{{body: none}})
	f(stream.Options{PageDocs: 999}, few, []cluster.Scan{{Size: 999, KeepAlive: alive}}, pages(page("2", a+","+b)))
	// 512 unknown documents are expected in a page; twice as many may come.
	f(stream.Options{}, few, []cluster.Scan{{Size: 1000}}, scroll{{body: none}})
	few.To += 25
	f(stream.Options{}, few, []cluster.Scan{{Size: 512, KeepAlive: alive}}, pages(page("2", a+","+b)))
	few.To -= 25
	f(stream.Options{}, few, []cluster.Scan{{Size: 1000}, {Size: 124, KeepAlive: alive}}, scroll{giant}, pages(page("2", a+","+b)))
}

// TestPagesAreSizedByASample: a scroll cannot change its pages, so that a few documents
// are looked at before the first one is opened; where it is known what they weigh, or
// does not matter, none are.
func TestPagesAreSizedByASample(t *testing.T) {
	p := shard.Position{Shard: window.Shard, Node: "n1", Term: 3}
	f := func(o stream.Options, sample step, samples, size, closed int) *engine {
		t.Helper()
		e := newEngine(t, pages(page("1", a)), pages(page("1", a)))
		e.sample = sample
		r := stream.NewReader(e, batch.NewBudget(1<<20), o)
		for range 2 {
			for got, err := range r.Read(t.Context(), p, window) {
				if err != nil {
					t.Fatal(err)
				}
				got.Release()
			}
		}
		if len(e.samples) != samples || e.scans[0].Size != size || len(e.closed) != closed {
			t.Errorf("%+v: got %d samples, pages of %d documents, %d scrolls closed, want %d, %d, %d", o, len(e.samples), e.scans[0].Size, len(e.closed), samples, size, closed)
		}
		return e
	}
	of := func(docs, bytes int) step {
		one := hit(`"x"`, 1, `{"x":"`+strings.Repeat("x", bytes)+`"}`)
		text := page("1000000", strings.TrimSuffix(strings.Repeat(one+",", docs), ","))
		return step{body: unnamed(text)}
	}
	query := json.RawMessage(`{"term":{"x":1}}`)
	e := f(stream.Options{Query: query, Unnumbered: true}, of(100, 100), 1, 10000, 2)
	if s := e.samples[0]; s.Position != p || s.Window != window || string(s.Query) != string(query) || !s.Unnumbered || s.KeepAlive != 0 || s.Size != 100 {
		t.Errorf("got sample %+v", s)
	}
	f(stream.Options{PageBytes: 1 << 20}, of(100, 10000-125), 1, 104, 2)
	f(stream.Options{}, of(0, 0), 1, 512, 2)
	f(stream.Options{}, step{body: of(1, 0).body, length: 100 << 20}, 1, 7, 2)
	f(stream.Options{PageDocs: 700}, of(100, 100), 0, 700, 2)
	f(stream.Options{PageBytes: 1 << 20}, of(0, 0), 1, 64, 2)
	f(stream.Options{Pace: batch.NewPace(batch.Rates{Docs: 1000})}, of(100, 100), 1, 5000, 2)
	f(stream.Options{Pace: batch.NewPace(batch.Rates{Docs: 100})}, of(100, 100), 0, 500, 2)
	f(stream.Options{IDsOnly: true}, of(100, 100), 0, 10000, 2)
	e = newEngine(t)
	e.sample = step{body: "<html>Bad Gateway</html>"}
	_, err := e.reading(t.Context(), stream.Options{})
	e.interrupted("a broken sample", err, true)
}

// TestAGiantFirstPageIsAskedForAgainSmaller: nothing of it is kept in memory,
// and its scroll is not left to the keep-alive: engines hold 500 of them.
func TestAGiantFirstPageIsAskedForAgainSmaller(t *testing.T) {
	giant := step{body: page("9", a), length: 64 << 20}
	e := newEngine(t, scroll{giant}, scroll{giant}, pages(page("1", a)))
	ids, err := e.reading(t.Context(), stream.Options{})
	if err != nil || len(ids) != 1 {
		t.Errorf("got %v, %v", ids, err)
	}
	if len(e.scans) != 3 || e.scans[1].Size > e.scans[0].Size/4 || e.scans[2].Size > e.scans[1].Size/4 || len(e.closed) != 3 {
		t.Errorf("got page sizes %d, %d and %d and %d scrolls closed, want each a quarter at most, and three closed", e.scans[0].Size, e.scans[1].Size, e.scans[2].Size, len(e.closed))
	}
}

// TestAGiantLaterPageMeansTheWindowAgain: documents grow within a long window, and
// a scroll cannot change its pages.
func TestAGiantLaterPageMeansTheWindowAgain(t *testing.T) {
	e := newEngine(t, scroll{{body: page("9", a)}, {body: page("9", b), length: 64 << 20}}, pages(page("1", a)))
	r := stream.NewReader(e, batch.NewBudget(1<<20), stream.Options{})
	_, err := drain(t.Context(), r)
	e.interrupted("a giant later page", err, true)
	if _, err := drain(t.Context(), r); err != nil {
		t.Error(err)
	}
	if len(e.scans) != 2 || e.scans[1].Size > e.scans[0].Size/4 || len(e.closed) != 2 {
		t.Errorf("got scans %+v, %d of them closed, want the second of a quarter at most, and both closed", e.scans, len(e.closed))
	}
}

// TestAGiantDocumentPassesAlone, and so does a page whose size the operator fixed.
func TestAGiantDocumentPassesAlone(t *testing.T) {
	faultcase.Shows(t, 24, "one document larger than all memory for pages")
	big := page("1", hit(`"big"`, 1, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`))
	for _, length := range []int64{0, -1} {
		for _, o := range []stream.Options{{PageBytes: 1000}, {PageBytes: 1000, PageDocs: 500}} {
			e := newEngine(t, scroll{{body: big, length: length}})
			if ids, err := e.reading(t.Context(), o); err != nil || len(ids) != 1 {
				t.Errorf("length %d, %d documents a page: got %v, %v", length, o.PageDocs, ids, err)
			}
		}
	}
}

// TestAPageOfUnknownLengthIsBounded: a packed answer may be of any size. What is
// far over the page's bytes is given up, and the window read again, smaller.
func TestAPageOfUnknownLengthIsBounded(t *testing.T) {
	endless := &countingReader{}
	e := newEngine(t)
	source := &endlessSource{engine: e, body: endless}
	r := stream.NewReader(source, batch.NewBudget(1<<20), stream.Options{PageBytes: 1 << 20})
	_, err := drain(t.Context(), r)
	e.interrupted("an endless page", err, true)
	if endless.n > 8<<20 {
		t.Errorf("got %d bytes read of an endless page, want it to be given up soon after 4 MiB", endless.n)
	}
	first := source.size
	if _, err := drain(t.Context(), r); err == nil || source.size > first/4 {
		t.Errorf("got a page of %d documents after one of %d was too large, want a quarter at most", source.size, first)
	}
}

// An announced length is foreign input: it must not decide how much memory is
// taken, beyond what an engine can send.
func TestAnAbsurdLengthIsRefused(t *testing.T) {
	for _, length := range []int64{1 << 40, 1<<63 - 1} {
		e := newEngine(t, scroll{{body: page("2", a)}, {body: page("2", b), length: length}})
		_, err := e.reading(t.Context(), stream.Options{})
		e.interrupted("a later page", err, true)
		e = newEngine(t, scroll{{body: page("2", b), length: length}})
		_, err = e.reading(t.Context(), stream.Options{PageDocs: 10})
		e.interrupted("a page of fixed size", err, true)
	}
}

func TestTheConsumerMayStopEarly(t *testing.T) {
	e := newEngine(t, pages(page("9", a), page("9", b)))
	budget := batch.NewBudget(capacity)
	for got, err := range stream.NewReader(e, budget, stream.Options{}).Read(t.Context(), shard.Position{}, window) {
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
		break
	}
	e.settled(budget)
	if len(e.closed) != 1 || e.at != 1 {
		t.Errorf("got %d pages asked for and %d scrolls closed, want one and one", e.at, len(e.closed))
	}
}

// TestABatchHoldsItsPage: the next page waits for room until it is released.
func TestABatchHoldsItsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, pages(page("2", a), page("2", b)))
		budget := batch.NewBudget(int64(len(page("2", a))) + 10)
		var held atomic.Pointer[batch.Batch]
		var read atomic.Int64
		g, _ := group.New(t.Context())
		g.Go("read", func(ctx context.Context) error {
			for got, err := range stream.NewReader(e, budget, stream.Options{}).Read(ctx, shard.Position{}, window) {
				if err != nil {
					return err
				}
				if got.Window != window || got.Versioning != batch.External {
					t.Errorf("got a batch of %s, %s", got.Window, got.Versioning)
				}
				if read.Add(1) == 1 {
					held.Store(got)
				} else {
					got.Release()
				}
			}
			return nil
		})
		synctest.Wait()
		if n := read.Load(); n != 1 {
			t.Errorf("got %d batches while the first is held, want one", n)
		}
		held.Load().Release()
		if err := g.Wait(); err != nil || read.Load() != 2 {
			t.Errorf("got %d batches, %v, want two", read.Load(), err)
		}
	})
}

func TestAnEndedContextIsNoInterruption(t *testing.T) {
	f := func(name string, cut func(t *testing.T, cancel func()) (*engine, *batch.Budget)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e, budget := cut(t, cancel)
			_, err := drain(ctx, stream.NewReader(e, budget, stream.Options{}))
			var i *stream.InterruptedError
			if !errors.Is(err, context.Canceled) || errors.As(err, &i) || retry.Retryable(err) || !strings.Contains(err.Error(), "i[0](-1,1099511627775]") {
				t.Errorf("%s: got %v, want the context's error, with the window", name, err)
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.unread != 0 || e.id != "" {
				t.Errorf("%s: %d pages and scroll %q are left open", name, e.unread, e.id)
			}
		})
	}
	f("before the first page", func(t *testing.T, cancel func()) (*engine, *batch.Budget) {
		t.Helper()
		cancel()
		return newEngine(t, pages(page("1", a))), batch.NewBudget(capacity)
	})
	f("between pages", func(t *testing.T, cancel func()) (*engine, *batch.Budget) {
		t.Helper()
		return newEngine(t, scroll{{body: page("2", a)}, {body: page("2", b), before: cancel}}), batch.NewBudget(capacity)
	})
	f("while an engine refuses", func(t *testing.T, cancel func()) (*engine, *batch.Budget) {
		t.Helper()
		return newEngine(t, scroll{{body: page("2", a)}, {before: cancel, err: &cluster.Error{Op: "scan", Status: 503}}}), batch.NewBudget(capacity)
	})
	f("while waiting for room", func(t *testing.T, cancel func()) (*engine, *batch.Budget) {
		t.Helper()
		budget := batch.NewBudget(capacity)
		if _, err := budget.Acquire(t.Context(), capacity); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Minute, cancel)
		e := newEngine(t, pages(unnamed(page("2", a))))
		return e, budget
	})
}

// TestAClosingThatHangsIsGivenUp: a scroll expires by itself.
func TestAClosingThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, pages(page("1", a)))
		e.holdClose = true
		began := time.Now()
		ids, err := drain(t.Context(), stream.NewReader(e, batch.NewBudget(capacity), stream.Options{}))
		if took := time.Since(began); err != nil || len(ids) != 1 || took > time.Minute {
			t.Errorf("got %v, %v after %s, want the document and some seconds", ids, err, took)
		}
	})
}

// TestManyWindowsAtOnce shares one reader and one budget between goroutines.
func TestManyWindowsAtOnce(t *testing.T) {
	budget := batch.NewBudget(capacity)
	var seen atomic.Int64
	r := stream.NewReader(&endlessly{}, budget, stream.Options{})
	g, _ := group.New(t.Context())
	for n := range 8 {
		g.Go("read", func(ctx context.Context) error {
			for i := range 20 {
				w := shard.Window{Shard: shard.ID{Index: "i", Number: n}, From: int64(i), To: int64(i + 3)}
				var got []string
				for b, err := range r.Read(ctx, shard.Position{}, w) {
					if err != nil {
						return err
					}
					for _, d := range b.Docs {
						got = append(got, string(d.ID))
					}
					b.Release()
				}
				want := []string{fmt.Sprintf(`"%d-%d"`, n, i+1), fmt.Sprintf(`"%d-%d"`, n, i+2), fmt.Sprintf(`"%d-%d"`, n, i+3)}
				if !slices.Equal(got, want) {
					t.Errorf("window %s: got %v, want %v", w, got, want)
				}
				seen.Add(int64(len(got)))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || seen.Load() != 8*20*3 {
		t.Errorf("got %d documents, %v", seen.Load(), err)
	}
	if release, err := budget.Acquire(t.Context(), capacity); err != nil {
		t.Error(err)
	} else {
		release()
	}
}

// endlessly answers every window with a page a document.
type endlessly struct{}

func (endlessly) OpenScroll(_ context.Context, s cluster.Scan) (cluster.Page, error) {
	return windowPage(s.Window, s.Window.From+1), nil
}

func (endlessly) NextPage(_ context.Context, w shard.Window, id string, _ time.Duration) (cluster.Page, error) {
	var last int64
	if _, err := fmt.Sscanf(id, "after %d", &last); err != nil {
		return cluster.Page{}, err
	}
	return windowPage(w, last+1), nil
}

func (endlessly) CloseScroll(context.Context, string) error { return nil }

func windowPage(w shard.Window, n int64) cluster.Page {
	text := strings.Replace(page(strconv.FormatInt(w.Span(), 10), hit(fmt.Sprintf(`"%d-%d"`, w.Shard.Number, n), n, `{}`)), "abc", fmt.Sprintf("after %d", n), 1)
	return cluster.Page{Body: io.NopCloser(strings.NewReader(text)), Length: int64(len(text))}
}

// endlessSource opens scrolls whose pages announce no length and never end.
type endlessSource struct {
	*engine
	body io.Reader
	size int
}

func (s *endlessSource) OpenScroll(_ context.Context, scan cluster.Scan) (cluster.Page, error) {
	s.size = scan.Size
	return cluster.Page{Body: io.NopCloser(s.body), Length: -1}, nil
}

type countingReader struct{ n int64 }

func (r *countingReader) Read(p []byte) (int, error) {
	// More than anybody may read of it: a test that fails must end.
	if r.n > 64<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	r.n += int64(len(p))
	return len(p), nil
}
