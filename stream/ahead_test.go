package stream_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/stream"
)

// newAhead gives an engine that may be asked for a page ahead, and options for pages
// of one document that do.
func newAhead(t *testing.T, scrolls ...scroll) (*engine, stream.Options) {
	t.Helper()
	e := newEngine(t, scrolls...)
	e.ahead = true
	return e, stream.Options{Ahead: true, PageDocs: 1, Pace: batch.NewPace(batch.Rates{Requests: 1000})}
}

// TestAPageIsAskedForAhead: as soon as a page has named its scroll, while the rest of
// it is under way; where the consumer may be slow only once it is done with it.
func TestAPageIsAskedForAhead(t *testing.T) {
	large := page("4", hit(`"b"`, 1, `{"x":"`+strings.Repeat("x", 2*preface)+`"}`))
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan struct{})
		e, o := newAhead(t, scroll{{body: page("4", a)}, {body: large, rest: asked}, {body: page("4", c), before: func() { close(asked) }}, {body: page("4", hit(`"d"`, 3, `{}`))}})
		ids, err := drain(t.Context(), stream.NewReader(e, batch.NewBudget(1<<20), o))
		if got := strings.Join(ids, ""); err != nil || got != `"a""b""c""d"` || len(e.closed) != 1 || e.at != 4 {
			t.Errorf("got %s, %v, %d pages asked for, %d scrolls closed", got, err, e.at, len(e.closed))
		}
	})
	e := newEngine(t, pages(page("2", a), page("2", b)))
	for got, err := range stream.NewReader(e, batch.NewBudget(capacity), stream.Options{PageDocs: 1}).Read(t.Context(), shard.Position{}, window) {
		if err != nil {
			t.Fatal(err)
		}
		if want := len(e.scans) + int(got.Docs[0].SeqNo); e.at != want {
			t.Errorf("got %d pages asked for while one is consumed, want %d", e.at, want)
		}
		got.Release()
	}
}

// TestTroubleOfAPageThatWasAskedForAhead: of the page that is asked for ahead, or of
// the one before it, which may be cut off after it was. The window is to be read
// again, and nothing is left open.
func TestTroubleOfAPageThatWasAskedForAhead(t *testing.T) {
	whole := page("4", b)
	f := func(name string, trouble step) {
		t.Helper()
		for at := 1; at <= 3; at++ {
			answers := pages(page("4", a), page("4", b), page("4", c), page("4", hit(`"d"`, 3, `{}`)))
			answers[at] = trouble
			e, o := newAhead(t, answers)
			ids, err := e.reading(t.Context(), o)
			e.interrupted(name, err, true)
			if len(ids) != at {
				t.Errorf("%s on page %d: got %v, want the documents before it", name, at+1, ids)
			}
		}
	}
	f("connection lost", step{err: &cluster.Error{Op: "scan", Err: io.ErrUnexpectedEOF}})
	f("busy", step{err: &cluster.Error{Op: "scan", Status: 429}})
	f("cut in the middle", step{body: whole[:200], length: int64(len(whole)), broken: io.ErrUnexpectedEOF})
	f("a failed shard", step{body: strings.Replace(whole, `"failed":0`, `"failed":1`, 1)})
	f("timed out", step{body: strings.Replace(whole, `"timed_out":false`, `"timed_out":true`, 1)})
	f("too large", step{body: whole, length: 1 << 40})
	f("no page", step{body: "<html>Bad Gateway</html>"})
}

// TestAPageThatWasAskedForAheadIsNotWanted: the consumer stops, or the context ends,
// while it is asked for, or there.
func TestAPageThatWasAskedForAheadIsNotWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := newAhead(t, pages(page("4", a), page("4", b), page("4", c)))
		o.Pace = nil
		budget := batch.NewBudget(capacity)
		for got, err := range stream.NewReader(e, budget, o).Read(t.Context(), shard.Position{}, window) {
			if err != nil {
				t.Fatal(err)
			}
			last := string(got.Docs[0].ID) == `"b"`
			got.Release()
			if synctest.Wait(); last {
				break
			}
		}
		e.settled(budget)
		if len(e.closed) != 1 || e.at != 3 {
			t.Errorf("got %d pages asked for and %d scrolls closed, want three and one", e.at, len(e.closed))
		}
	})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e, o := newAhead(t, scroll{{body: page("4", a)}, {body: page("4", b)}, {body: page("4", c), before: cancel}})
	_, err := e.reading(ctx, o)
	var i *stream.InterruptedError
	if !errors.Is(err, context.Canceled) || errors.As(err, &i) || retry.Retryable(err) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// TestAPageThatIsAskedForAheadKeepsThePace: it is a request like any other.
func TestAPageThatIsAskedForAheadKeepsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := newAhead(t, pages(page("4", a), page("4", b), page("4", c), page("4", hit(`"d"`, 3, `{}`))))
		o.Pace = batch.NewPace(batch.Rates{Requests: 1})
		began := time.Now()
		ids, err := e.reading(t.Context(), o)
		if took := time.Since(began); err != nil || len(ids) != 4 || took < 2*time.Second || took > 5*time.Second {
			t.Errorf("got %v, %v after %s, want four documents at a request a second", ids, err, took)
		}
	})
}
