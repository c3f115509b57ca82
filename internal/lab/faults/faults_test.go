package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"esferry/internal/group"
	"esferry/internal/lab/faults"
)

const (
	page = `{"_scroll_id":"c2Nyb2xs","took":3,"timed_out":false,"_shards":{"total":5,"successful":5,"skipped":0,"failed":0},` +
		`"hits":{"total":2,"hits":[{"_id":"1","_source":{"_shards":{"failed":0},"timed_out":false, "n":1.0}},{"_id":"2","_source":{"hits":[1,2,3]}}]}}`
	bulk = `{"index":{"_index":"b","_id":"1"}}` + "\n" + `{"index":{"x":1}}` + "\n" +
		`{"delete":{"_index":"b","_id":"2"}}` + "\n" +
		`{"create":{"_id":"three \"3\""}}` + "\n" + `{"n":3.0}` + "\n" +
		`{"index":{"_index":"b","_id":"4"}}` + "\n" + `{"n":4}` + "\n"
)

func TestPassesUnchanged(t *testing.T) {
	t.Parallel()
	e, p, c := start(t, gives(page))
	const path = "/a%2Fb,%3Cx-%7Bnow%2Fd%7D%3E/_search?q=a;b&&x=%20+%zz"
	a := c.send(http.MethodPost, path, "{ }", "Authorization", "Basic eA==", "X-Odd", "1", "Accept-Encoding", "identity")
	if a.err != nil || a.status != 200 || a.body != page || a.length != int64(len(page)) {
		t.Fatalf("answer: got %+v, want the engine's", a)
	}
	request := e.saw()[0]
	if request.line != "POST "+path || request.body != "{ }" {
		t.Errorf("the engine saw %q with %q, want %q unchanged", request.line, request.body, path)
	}
	want := http.Header{
		"Authorization": {"Basic eA=="}, "X-Odd": {"1"}, "Accept-Encoding": {"identity"},
		"Content-Length": {"3"}, "User-Agent": {"Go-http-client/1.1"},
	}
	if d := cmp.Diff(want, request.header); d != "" {
		t.Errorf("headers at the engine (-want +got):\n%s", d)
	}
	if p.Injected() != 0 {
		t.Errorf("injected: got %d, want none", p.Injected())
	}
}

func TestPassesAnswersAsTheyAre(t *testing.T) {
	t.Parallel()
	f := func(method string, answer http.HandlerFunc, want got) {
		t.Helper()
		_, _, c := start(t, answer)
		a := c.send(method, "/i/_search?scroll=1m", "")
		if a.err != nil || !reflect.DeepEqual(a, want) {
			t.Errorf("%s: got %+v, want %+v", method, a, want)
		}
	}
	bare := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
			for i := 0; i < len(header); i += 2 {
				w.Header().Add(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) //nolint:errcheck // a HEAD has no body
		}
	}
	f("GET", bare(200, "<html>", "Warning", "299 a", "Warning", "299 b"),
		got{200, http.Header{"Warning": {"299 a", "299 b"}, "Content-Length": {"6"}}, 6, "<html>", nil})
	f("GET", bare(404, "", "Content-Length", "0"), got{404, http.Header{"Content-Length": {"0"}}, 0, "", nil})
	f("HEAD", bare(200, "", "Content-Length", "77"), got{200, http.Header{"Content-Length": {"77"}}, 77, "", nil})
	f("GET", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		chunks("short")(w, r)
	}, got{200, http.Header{}, -1, "short", nil})
	packed := zipped(t, page)
	f("GET", bare(200, packed, "Content-Encoding", "gzip"),
		got{200, http.Header{"Content-Encoding": {"gzip"}, "Content-Length": {strconv.Itoa(len(packed))}}, int64(len(packed)), packed, nil})
}

func TestPassesLargeAnswersWhileTheyCome(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	body := strings.Repeat("0123456789abcdef", 1<<16)
	_, _, c := start(t, func(w http.ResponseWriter, r *http.Request) {
		chunks(body)(w, r)
		select {
		case <-begun:
		case <-r.Context().Done():
		}
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.next.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadFull(answer.Body, make([]byte, len(body)/2)); err != nil {
		t.Fatalf("before the engine ends: %v", err)
	}
	close(begun)
	rest, err := io.ReadAll(answer.Body)
	if err != nil || string(rest) != body[len(body)/2:] {
		t.Errorf("got the other %d bytes (%v), want %d", len(rest), err, len(body)/2)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	_, p, c := start(t, gives(page))
	for _, r := range []struct{ request, body string }{
		{"POST /i/_bulk", bulk},
		{"POST /i/doc/_bulk?pipeline=_none", bulk},
		{"PUT /_bulk", "nonsense\n\n"},
		{"POST /i/_search?scroll=60s", "{}"},
		{"POST /_search/scroll", "{}"},
		{"POST /_search/scroll", "{}"},
		{"DELETE /_search/scroll", "{}"},
		{"POST /i/_search", "{}"},
		{"POST /i/_mget?_source=false", `{"docs":[{"_id":"1"},{"_id":"2"},{"_id":"3"}]}`},
		{"POST /i/_mget", `{"ids":["1","2"]}`},
		{"GET /i/_count", ""},
		{"GET /i/_stats/docs", ""},
		{"GET /_cluster/state/metadata/i", ""},
		{"GET /_cluster/health", ""},
		{"POST /i/_refresh", ""},
		{"GET /", ""},
	} {
		method, path, _ := strings.Cut(r.request, " ")
		if a := c.send(method, path, r.body); a.err != nil {
			t.Fatalf("%s: %v", r.request, a.err)
		}
	}
	want := faults.Counts{
		Requests: 16, Documents: 6, Items: 8, Asked: 5,
		ByKind: map[faults.Kind]int64{
			faults.Bulk: 3, faults.Scroll: 1, faults.Page: 2, faults.CloseScroll: 1, faults.Search: 1, faults.MGet: 2,
			faults.Count: 1, faults.Stats: 1, faults.State: 1, faults.Refresh: 1, faults.Other: 2,
		},
	}
	if d := cmp.Diff(want, p.Counts()); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	p.Reset()
	if d := cmp.Diff(faults.Counts{ByKind: map[faults.Kind]int64{}}, p.Counts()); d != "" {
		t.Errorf("counts after a reset (-want +got):\n%s", d)
	}
}

func TestCountsCompressedBodies(t *testing.T) {
	t.Parallel()
	packed := zipped(t, page)
	e, p, c := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		gives(packed)(w, r)
	})
	sent := zipped(t, bulk)
	c.send("POST", "/i/_bulk", sent, "Content-Encoding", "gzip")
	if a := c.send("POST", "/_search/scroll", "{}", "Accept-Encoding", "gzip"); a.body != packed {
		t.Errorf("answer: got %q, want it packed as it came", a.body)
	}
	if n := p.Counts(); n.Items != 4 || n.Documents != 2 {
		t.Errorf("got %d items and %d documents, want 4 and 2", n.Items, n.Documents)
	}
	if e.saw()[0].body != sent {
		t.Error("the bulk was packed anew")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const json429 = `{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution: the queue is full (injected)"},"status":429}`
	const json403 = `{"error":{"type":"security_exception","reason":"action is unauthorized (injected)"},"status":403}`
	const json503 = `{"error":{"type":"cluster_block_exception","reason":"blocked by: no master (injected)"},"status":503}`
	html := func(title string) string {
		return "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\r\n"
	}
	failed := strings.Replace(page, `"successful":5,"skipped":0,"failed":0`, `"successful":4,"skipped":0,"failed":1`, 1)
	late := strings.Replace(page, `"timed_out":false`, `"timed_out":true`, 1)
	for _, f := range []struct {
		fault  faults.Fault
		answer http.HandlerFunc
		// seen is how many requests the engine sees.
		seen int
		// status is zero where the connection is reset without an answer.
		status int
		length int64
		body   string
		err    error
	}{
		{faults.Refuse, gives(page), 0, 0, 0, "", syscall.ECONNRESET},
		{faults.TooMany, gives(page), 0, 429, int64(len(json429)), json429, nil},
		{faults.Unavailable, gives(page), 0, 503, int64(len(json503)), json503, nil},
		{faults.Forbidden, gives(page), 0, 403, int64(len(json403)), json403, nil},
		{faults.TooLarge, gives(page), 0, 413, int64(len(html("413 Request Entity Too Large"))), html("413 Request Entity Too Large"), nil},
		{faults.LoseAnswer, gives(page), 1, 0, 0, "", syscall.ECONNRESET},
		{faults.GatewayTimeout, gives(page), 1, 504, int64(len(html("504 Gateway Timeout"))), html("504 Gateway Timeout"), nil},
		{faults.HalfAnswer, gives(page), 1, 200, int64(len(page)), page[:len(page)/2], io.ErrUnexpectedEOF},
		{faults.HalfAnswer, chunks(page), 1, 200, -1, page[:len(page)/2], io.ErrUnexpectedEOF},
		{faults.ShortAnswer, gives(page), 1, 200, int64(len(page) / 2), page[:len(page)/2], nil},
		{faults.ShortAnswer, chunks(page), 1, 200, int64(len(page) / 2), page[:len(page)/2], nil},
		{faults.EmptyAnswer, gives(page), 1, 200, 0, "", nil},
		{faults.EmptyAnswer, chunks(page), 1, 200, 0, "", nil},
		{faults.FailedShards, gives(page), 1, 200, int64(len(failed)), failed, nil},
		{faults.FailedShards, chunks(page), 1, 200, -1, failed, nil},
		{faults.TimedOut, gives(page), 1, 200, int64(len(late)), late, nil},
		{faults.Delay, gives(page), 1, 200, int64(len(page)), page, nil},
		{faults.Trickle, gives(page), 1, 200, int64(len(page)), page, nil},
		{faults.Trickle, chunks(page), 1, 200, -1, page, nil},
	} {
		t.Run(string(f.fault), func(t *testing.T) {
			t.Parallel()
			e, p, c := start(t, f.answer, faults.Rule{Fault: f.fault, Kinds: []faults.Kind{faults.Page}, Times: 1, For: time.Millisecond})
			a := c.send("POST", "/_search/scroll", "{}", "Accept-Encoding", "gzip")
			if a.status != f.status || a.length != f.length || a.body != f.body || !errors.Is(a.err, f.err) {
				t.Errorf("the client got %d, %d bytes promised, %q, error %v\nwant %d, %d, %q, %v",
					a.status, a.length, a.body, a.err, f.status, f.length, f.body, f.err)
			}
			requests := e.saw()
			if len(requests) != f.seen {
				t.Errorf("the engine saw %d requests, want %d", len(requests), f.seen)
			}
			if f.seen > 0 && f.fault != faults.Delay && requests[0].header.Get("Accept-Encoding") != "" {
				t.Error("the engine was asked to compress what is to be spoilt")
			}
			if n := p.Counts(); n.Requests != 1 || n.Documents != int64(2*f.seen) {
				t.Errorf("counted %d requests and %d documents, want 1 and %d", n.Requests, n.Documents, 2*f.seen)
			}
			if a = c.post("/_search/scroll", "{}"); a.err != nil || a.body != page {
				t.Errorf("after the fault: got %+v, want the engine's answer", a)
			}
			if p.Injected() != 1 {
				t.Errorf("injected: got %d, want 1", p.Injected())
			}
		})
	}
}

// An answer with nothing to spoil is passed on, and is no injection.
func TestNothingToSpoil(t *testing.T) {
	t.Parallel()
	const red = `{"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"shard":0}]},"hits":{"hits":[]}}`
	const bare = `{"hits":{"hits":[{"_source":{"_shards":{"successful":1,"failed":0},"timed_out":false}}]}}`
	two, _, _ := strings.Cut(bulk, `{"create"`)
	f := func(fault faults.Fault, path, body, answer string) {
		t.Helper()
		e, p, c := start(t, gives(answer), faults.Rule{Fault: fault, Bytes: 100, Times: 1})
		a := c.post(path, body)
		if a.err != nil || a.status != 200 || a.body != answer || len(e.saw()) != 1 || p.Injected() != 0 {
			t.Errorf("%s on %s: got %+v and %d injections, want the engine's answer %q", fault, path, a, p.Injected(), answer)
		}
	}
	f(faults.FailedShards, "/i/_search", "{}", red)
	f(faults.FailedShards, "/i/_search", "{}", bare)
	f(faults.FailedShards, "/i/_refresh", "{}", page)
	f(faults.TimedOut, "/i/_search", "{}", bare)
	f(faults.TimedOut, "/i/_count", "{}", page)
	f(faults.HalfAnswer, "/i/_count", "{}", "")
	f(faults.ShortAnswer, "/i/_count", "{}", "")
	f(faults.Trickle, "/i/_count", "{}", "")
	f(faults.TooLarge, "/i/_bulk", strings.Repeat("x", 100), page)
	f(faults.BusyItems, "/i/_search", bulk, page)
	f(faults.BusyItems, "/i/_bulk", two, page)
}

func TestFullQueue(t *testing.T) {
	t.Parallel()
	const idle = `{"nodes":{"a":{"thread_pool":{"get":{"queue":0},"search":{"threads":4,"queue":0,"rejected":0}}},"b":{"thread_pool":{"search":{"queue":7}}}}}`
	const full = `{"nodes":{"a":{"thread_pool":{"get":{"queue":0},"search":{"threads":4,"queue":1000,"rejected":0}}},"b":{"thread_pool":{"search":{"queue":1000}}}}}`
	f := func(path, want string, injected int64) {
		t.Helper()
		_, p, c := start(t, gives(idle), faults.Rule{Fault: faults.FullQueue})
		if a := c.post(path, "{}"); a.status != 200 || a.body != want || p.Injected() != injected {
			t.Errorf("%s: got %+v and %d injections, want %q", path, a, p.Injected(), want)
		}
	}
	f("/_nodes/stats/thread_pool,os", full, 1)
	f("/_nodes/thread_pool", idle, 0)
	f("/i/_stats", idle, 0)
}

func TestBusyItems(t *testing.T) {
	t.Parallel()
	const answer = `{"took":7,"errors":false,"items":[{"index":{"status":201}},{"delete":{"status":404}},{"index":{"status":200}}]}`
	for _, packed := range []bool{false, true} {
		e, p, c := start(t, gives(answer), faults.Rule{Fault: faults.BusyItems})
		body, header := bulk, []string(nil)
		if packed {
			body, header = zipped(t, bulk), []string{"Content-Encoding", "gzip", "Accept-Encoding", "gzip"}
		}
		a := c.send("POST", "/b/_bulk", body, header...)
		const want = `{"errors":true,"items":[{"index":{"status":201}},{"delete":{"status":404}},` +
			`{"create":{"_index":"b","_id":"three \"3\"","status":429,"error":{"type":"es_rejected_execution_exception",` +
			`"reason":"rejected execution: the queue is full (injected)"}}},{"index":{"status":200}}],"took":7}`
		if a.err != nil || a.status != 200 || a.body != want || a.length != int64(len(want)) || !json.Valid([]byte(a.body)) {
			t.Errorf("answer: got %+v\nwant %s", a, want)
		}
		from, to := strings.Index(bulk, `{"create"`), strings.LastIndex(bulk, `{"index"`)
		if kept := bulk[:from] + bulk[to:]; e.saw()[0].body != kept || e.saw()[0].header.Get("Content-Encoding") != "" {
			t.Errorf("the engine saw %+v, want %q", e.saw()[0], kept)
		}
		if n := p.Counts(); n.Items != 4 || p.Injected() != 1 {
			t.Errorf("counted %d items and %d injections, want 4 and 1", n.Items, p.Injected())
		}
	}
}

// A refusal of the whole bulk is passed on; an answer on other items is not.
func TestBusyItemsOfOddAnswers(t *testing.T) {
	t.Parallel()
	const whole = `{"error":{"type":"circuit_breaking_exception"},"status":429}`
	_, p, c := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, whole) //nolint:errcheck // the client has left
	}, faults.Rule{Fault: faults.BusyItems})
	if a := c.post("/_bulk", bulk); a.status != 429 || a.body != whole || p.Injected() != 0 {
		t.Errorf("refused: got %+v and %d injections, want the engine's answer", a, p.Injected())
	}
	_, p, c = start(t, gives(`{"errors":false}`), faults.Rule{Fault: faults.BusyItems})
	if a := c.post("/_bulk", bulk); a.err == nil || p.Injected() != 0 {
		t.Errorf("no items: got %+v and %d injections, want a cut connection and none", a, p.Injected())
	}
}

func TestTrickleTakesItsTime(t *testing.T) {
	t.Parallel()
	_, _, c := start(t, gives(strings.Repeat("x", 20*512)), faults.Rule{Fault: faults.Trickle})
	begun := time.Now()
	if a := c.post("/x", ""); a.err != nil || len(a.body) != 20*512 {
		t.Fatalf("got %d bytes (%v)", len(a.body), a.err)
	}
	if d := time.Since(begun); d < 19*time.Millisecond {
		t.Errorf("it took %s, want a pause after each of 20 pieces", d)
	}
}

func TestDelayWaitsBeforeTheEngineHears(t *testing.T) {
	t.Parallel()
	heard := make(chan time.Time, 1)
	_, _, c := start(t, func(http.ResponseWriter, *http.Request) { heard <- time.Now() },
		faults.Rule{Fault: faults.Delay, For: 30 * time.Millisecond})
	begun := time.Now()
	if a := c.post("/x", ""); a.err != nil {
		t.Fatal(a.err)
	}
	if d := (<-heard).Sub(begun); d < 30*time.Millisecond {
		t.Errorf("the engine heard of it after %s, want 30ms", d)
	}
}

func TestWhichRequestsAreHit(t *testing.T) {
	t.Parallel()
	many := func(r faults.Rule) faults.Rule {
		r.Fault = faults.TooMany
		return r
	}
	f := func(want string, rules ...faults.Rule) {
		t.Helper()
		_, p, c := start(t, gives("{}"), rules...)
		got, hit := "", int64(0)
		for i := range 12 {
			switch a := c.post([]string{"/i/_count", "/i/_refresh"}[i%2], ""); a.status {
			case 200:
				got += "."
			case 429:
				got += "m"
				hit++
			case 503:
				got += "u"
				hit++
			default:
				t.Fatalf("got %+v", a)
			}
		}
		if got != want || p.Injected() != hit {
			t.Errorf("%+v: got %s with %d injections, want %s", rules, got, p.Injected(), want)
		}
	}
	count := []faults.Kind{faults.Count}
	f("............")
	f("mmmmmmmmmmmm", many(faults.Rule{}))
	f("m.m.m.m.m.m.", many(faults.Rule{Kinds: count}))
	f("mm..........", many(faults.Rule{Times: 2}))
	f("..m..m..m..m", many(faults.Rule{Every: 3}))
	f("..m...m.....", many(faults.Rule{Kinds: count, Every: 2, Times: 2}))
	f("mumu.u.u.u.u", many(faults.Rule{Kinds: count, Times: 2}), faults.Rule{Kinds: []faults.Kind{faults.Refresh}, Fault: faults.Unavailable})
	// The second rule counts what the first one left.
	f("m.mum.mum.mu", many(faults.Rule{Kinds: count}), faults.Rule{Every: 2, Fault: faults.Unavailable})
	f("mmmmmmmmmmmm", many(faults.Rule{Chance: 1}))
	f(diced, many(faults.Rule{Chance: 0.5, Seed: 7}))
	f("............", faults.Rule{})
}

// diced is what seed 7 does; another run with it does the same.
const diced = "..mmmmmm.mm."

// An answer that is not spoilt spends none of the times.
func TestTimesCountInjections(t *testing.T) {
	t.Parallel()
	_, p, c := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			gives("{}")(w, r)
		} else {
			gives(page)(w, r)
		}
	}, faults.Rule{Fault: faults.TimedOut, Times: 1})
	for range 3 {
		c.post("/i/_search", "{}")
	}
	if a := c.post("/i/_search?size=2", "{}"); !strings.Contains(a.body, `"timed_out":true`) || p.Injected() != 1 {
		t.Errorf("got %+v and %d injections, want it timed out and 1", a, p.Injected())
	}
}

// The engine carries a request out although its client has left.
func TestCarriedOutWithoutTheClient(t *testing.T) {
	t.Parallel()
	f := func(fault faults.Fault, want bool) {
		t.Helper()
		patience := 10 * time.Second
		if want {
			patience = 200 * time.Millisecond
		}
		arrived, left, ended := make(chan struct{}), make(chan struct{}), make(chan bool, 1)
		_, p, c := start(t, func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-left
			select {
			case <-r.Context().Done():
				ended <- false
			case <-time.After(patience):
				ended <- true
			}
		}, faults.Rule{Fault: fault})
		ctx, leave := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/i/_bulk", strings.NewReader(bulk))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-arrived
			leave()
			close(left)
		}()
		if answer, err := c.next.RoundTrip(request); err == nil {
			_ = answer.Body.Close()
			t.Fatal("the client got an answer after it had left")
		}
		if got := <-ended; got != want {
			t.Errorf("%s: carried out: got %t, want %t", fault, got, want)
		}
		p.Close()
	}
	f(faults.LoseAnswer, true)
	f(faults.GatewayTimeout, true)
	f(faults.Delay, false)
}

// What the engine breaks, the client sees broken.
func TestEngineThatFails(t *testing.T) {
	t.Parallel()
	broken := func(length bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if length {
				w.Header().Set("Content-Length", "1000")
			}
			_, _ = io.WriteString(w, page)            //nolint:errcheck // the client has left
			_ = http.NewResponseController(w).Flush() //nolint:errcheck // the client has left
			panic(http.ErrAbortHandler)
		}
	}
	for _, length := range []bool{false, true} {
		_, p, c := start(t, broken(length))
		if a := c.post("/_search/scroll", "{}"); a.err == nil {
			t.Errorf("a broken answer: got %+v, want an error", a)
		}
		p.Use(faults.Rule{Fault: faults.Trickle})
		if a := c.post("/_search/scroll", "{}"); a.err == nil {
			t.Errorf("a broken answer under a fault: got %+v, want an error", a)
		}
		if n := p.Counts(); n.Documents != 0 || p.Injected() != 0 {
			t.Errorf("counted %d documents and %d injections, want none", n.Documents, p.Injected())
		}
	}
	p, err := faults.Start(t.Context(), "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if a := (client{t, p.URL, transport}).post("/", ""); a.err == nil {
		t.Errorf("no engine: got %+v, want an error", a)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	e, p, c := start(t, gives(page))
	p.Use(faults.Rule{Kinds: []faults.Kind{faults.Page}, Every: 2, Fault: faults.LoseAnswer, Times: 30})
	var wg sync.WaitGroup
	var mu sync.Mutex
	lost := 0
	for range 8 {
		wg.Go(func() {
			for range 10 {
				a := c.post("/_search/scroll", "{}")
				mu.Lock()
				if a.err != nil {
					lost++
				}
				mu.Unlock()
				_ = p.Counts()
			}
		})
	}
	wg.Wait()
	if n := p.Counts(); n.Requests != 80 || n.Documents != 160 || len(e.saw()) != 80 || lost != 30 || p.Injected() != 30 {
		t.Errorf("got %d requests, %d documents, %d at the engine, %d lost, %d injected; want 80, 160, 80, 30, 30",
			n.Requests, n.Documents, len(e.saw()), lost, p.Injected())
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	_, p, c := start(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}, faults.Rule{Fault: faults.GatewayTimeout})
	go func() {
		<-arrived
		p.Close()
	}()
	if a := c.post("/x", ""); a.err == nil {
		t.Errorf("a request under way: got %+v, want an error", a)
	}
	p.Close()
	if a := c.post("/x", ""); !errors.Is(a.err, syscall.ECONNREFUSED) {
		t.Errorf("after Close: got %+v, want a refused connection", a)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	f := func(target, want string) {
		t.Helper()
		if p, err := faults.Start(t.Context(), target); err == nil {
			p.Close()
			t.Errorf("%q: started", target)
		} else if err.Error() != want {
			t.Errorf("%q: got %q, want %q", target, err, want)
		}
	}
	f("localhost:9200", `start a proxy: "localhost:9200" is no URL of a server without a path`)
	f("http://a/b", `start a proxy: "http://a/b" is no URL of a server without a path`)
	f("http://%zz", `start a proxy: parse "http://%zz": invalid URL escape "%zz"`)
}

// A rule for crowds hits only what comes while enough others of its kind are
// under way.
func TestAboveHitsCrowdsOnly(t *testing.T) {
	t.Parallel()
	inside, release := make(chan struct{}), make(chan struct{})
	_, p, c := start(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_bulk") {
			inside <- struct{}{}
			<-release
		}
		gives(`{}`)(w, r)
	}, faults.Rule{Kinds: []faults.Kind{faults.Bulk}, Above: 2, Fault: faults.TooMany})
	g, _ := group.New(t.Context())
	passes := func(context.Context) error {
		if a := c.post("/i/_bulk", bulk); a.status != 200 { //nolint:contextcheck // it has the test's own
			return fmt.Errorf("got %+v, want the engine's answer", a)
		}
		return nil
	}
	for range 2 {
		g.Go("bulk", passes)
		<-inside
	}
	if a := c.post("/i/_search", `{}`); a.status != 200 {
		t.Errorf("another kind: got %+v, want the engine's answer", a)
	}
	if a := c.post("/i/_bulk", bulk); a.status != 429 {
		t.Errorf("the third: got %+v, want 429", a)
	}
	close(release)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	g, _ = group.New(t.Context())
	g.Go("bulk alone again", passes)
	<-inside
	if err := g.Wait(); err != nil || p.Injected() != 1 {
		t.Errorf("got %v and %d injections, want 1", err, p.Injected())
	}
}
