package stream_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/retry"
	"esferry/internal/shard"
	"esferry/stream"
)

// script is a source that answers with prepared pages, and fails the test when
// a page is asked for again after trouble.
type script struct {
	t      *testing.T
	pages  []any
	sizes  []int
	closed int
	failed bool
}

func (s *script) OpenScroll(_ context.Context, scan cluster.Scan) (cluster.Page, error) {
	s.failed = false
	s.sizes = append(s.sizes, scan.Size)
	return s.next()
}

func (s *script) NextPage(context.Context, shard.Window, string, time.Duration) (cluster.Page, error) {
	if s.failed {
		s.t.Error("a page was asked for again: the answer would be the next page")
	}
	return s.next()
}

func (s *script) CloseScroll(context.Context, string) error { s.closed++; return nil }

func (s *script) next() (cluster.Page, error) {
	if len(s.pages) == 0 {
		s.t.Fatal("more pages were asked for than there are")
	}
	p := s.pages[0]
	s.pages = s.pages[1:]
	switch p := p.(type) {
	case error:
		s.failed = true
		return cluster.Page{}, p
	case cluster.Page:
		s.failed = true
		return p, nil
	case string:
		return cluster.Page{Body: io.NopCloser(strings.NewReader(p)), Length: int64(len(p))}, nil
	default:
		s.t.Fatalf("unknown page %T", p)
		return cluster.Page{}, nil
	}
}

const (
	a = `{"_id":"a","_version":1,"_source":{}}`
	b = `{"_id":"b","_version":1,"_source":{}}`
)

// read reads a window and gives the ids; every batch is released.
func read(t *testing.T, s *script, budget *batch.Budget) (ids []string, err error) {
	t.Helper()
	s.t = t
	w := shard.Window{Shard: shard.ID{Index: "i"}, From: -1, To: 9}
	for got, err := range stream.NewReader(s, budget, stream.Options{}).Read(t.Context(), shard.Position{}, w) {
		if err != nil {
			return ids, err
		}
		for _, d := range got.Docs {
			ids = append(ids, string(d.ID))
		}
		got.Release()
	}
	return ids, nil
}

func TestReadEndsWithTheAnnouncedTotal(t *testing.T) {
	s := &script{pages: []any{page("2", a), page("2", b)}}
	ids, err := read(t, s, batch.NewBudget(1<<20))
	if err != nil || len(ids) != 2 || s.closed != 1 {
		t.Errorf("got %v, %v and %d scrolls closed, want both documents and one", ids, err, s.closed)
	}
}

func TestReadAnEmptyWindow(t *testing.T) {
	s := &script{pages: []any{page("0", "")}}
	if ids, err := read(t, s, batch.NewBudget(1<<20)); err != nil || len(ids) != 0 {
		t.Errorf("got %v, %v", ids, err)
	}
}

func TestTroubleEndsTheWindow(t *testing.T) {
	f := func(name string, temporary bool, pages ...any) {
		t.Helper()
		// A budget of one page: what is not given back shows as a hang.
		budget := batch.NewBudget(512)
		for range 3 {
			s := &script{pages: append([]any(nil), pages...)}
			_, err := read(t, s, budget)
			if _, interrupted := errors.AsType[*stream.InterruptedError](err); !interrupted {
				t.Errorf("%s: got %v, want an InterruptedError", name, err)
				return
			}
			if got := retry.Retryable(err); got != temporary {
				t.Errorf("%s: got temporary %t, want %t: %v", name, got, temporary, err)
			}
			if !strings.Contains(err.Error(), "i[0](-1,9]") {
				t.Errorf("%s: got %q, want it to name the window", name, err)
			}
		}
	}
	cutPage := page("2", a)
	f("connection lost", true, &cluster.Error{Op: "scan", Err: io.ErrUnexpectedEOF})
	f("expired scroll", true, page("2", a), &cluster.Error{Op: "scan", Status: 404, Type: "search_context_missing_exception"})
	f("index gone", false, &cluster.Error{Op: "scan", Status: 404, Type: "index_not_found_exception"})
	f("refused", false, &cluster.Error{Op: "scan", Status: 403})
	f("busy", true, &cluster.Error{Op: "scan", Status: 429})
	f("body shorter than announced", true, page("2", a), cluster.Page{Body: io.NopCloser(strings.NewReader(cutPage[:50])), Length: int64(len(cutPage))})
	f("body ends without a length", true, cluster.Page{Body: io.NopCloser(strings.NewReader(cutPage[:50])), Length: -1})
	f("shards failed on the second page", true, page("2", a), strings.Replace(page("2", b), `"failed":0`, `"failed":1`, 1))
	f("fewer than announced", true, page("3", a), page("3", ""))
	f("more than announced", true, page("1", a+","+b))
	f("terminated early on the first page", true, strings.Replace(page("2", a), `"timed_out":false`, `"timed_out":false,"terminated_early":true`, 1))
	f("no _source", false, page("1", `{"_id":"a","_version":1}`))
}

// Elasticsearch 6.8 and 7 say so of each full page of an unsorted scroll.
func TestTerminatedEarlyMeansNothingAfterTheFirstPage(t *testing.T) {
	second := strings.Replace(page("2", b), `"timed_out":false`, `"timed_out":false,"terminated_early":true`, 1)
	ids, err := read(t, &script{pages: []any{page("2", a), second}}, batch.NewBudget(1<<20))
	if err != nil || len(ids) != 2 {
		t.Errorf("got %v, %v, want both documents", ids, err)
	}
}

func TestAGiantFirstPageIsAskedForAgainSmaller(t *testing.T) {
	s := &script{pages: []any{cluster.Page{Body: io.NopCloser(strings.NewReader("")), Length: 64 << 20}, page("1", a)}}
	if _, err := read(t, s, batch.NewBudget(1<<20)); err != nil {
		t.Fatal(err)
	}
	if len(s.sizes) != 2 || s.sizes[1] >= s.sizes[0] {
		t.Errorf("got page sizes %v, want a second, smaller one", s.sizes)
	}
}

func TestTheConsumerMayStopEarly(t *testing.T) {
	s := &script{t: t, pages: []any{page("9", a)}}
	w := shard.Window{Shard: shard.ID{Index: "i"}, To: 9}
	for got, err := range stream.NewReader(s, batch.NewBudget(1<<20), stream.Options{}).Read(t.Context(), shard.Position{}, w) {
		if err != nil {
			t.Fatal(err)
		}
		got.Release()
		break
	}
	if s.closed != 1 {
		t.Errorf("got %d scrolls closed, want 1", s.closed)
	}
}
