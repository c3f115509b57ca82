package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/stream"
)

// lookup answers each request for documents with what its function says.
type lookup func(keys []cluster.Key) string

func (l lookup) Documents(_ context.Context, _ string, keys []cluster.Key) (cluster.Page, error) {
	text := l(keys)
	return cluster.Page{Body: io.NopCloser(strings.NewReader(text)), Length: int64(len(text))}, nil
}

func key(id string) cluster.Key { return cluster.Key{ID: fmt.Sprintf("%q", id)} }

func fetched(t *testing.T, l lookup, o stream.Options, keys ...cluster.Key) ([]string, error) {
	t.Helper()
	budget := batch.NewBudget(1 << 20)
	var out []string
	for b, err := range stream.NewFetcher(l, "i", budget, o).Fetch(t.Context(), keys) {
		if err != nil {
			return out, err
		}
		for _, d := range b.Docs {
			out = append(out, fmt.Sprintf("%s %s %d %s", d.ID, d.Routing, d.Version, d.Source))
		}
		b.Release()
	}
	return out, nil
}

func TestFetchGivesWhatIsFound(t *testing.T) {
	f := func(answer string, want ...string) {
		t.Helper()
		got, err := fetched(t, func([]cluster.Key) string { return answer }, stream.Options{}, key("a"), cluster.Key{ID: `"b"`, Routing: `"r"`})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	f(`{"docs":[{"_id":"a","_version":3,"found":true,"_source":{"n":1.10}},{"_id":"b","_version":1,"_routing":"r","found":true,"_source":{}}]}`,
		`"a"  3 {"n":1.10}`, `"b" "r" 1 {}`)
	f(`{"docs":[{"_type":null,"_id":"a","found":false},{"_id":"b","_version":1,"_routing":"other","found":true,"_source":{}}]}`)
}

func TestFetchRefusesWhatIsNoAnswer(t *testing.T) {
	faultcase.Shows(t, 20, "multi-get items with an error, or too few")
	f := func(answer string, want error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		asked := 0
		l := lookup(func([]cluster.Key) string {
			// What may pass is asked for again; once is enough here.
			if asked++; asked > 1 {
				cancel()
			}
			return answer
		})
		for b, err := range stream.NewFetcher(l, "i", batch.NewBudget(1<<20), stream.Options{}).Fetch(ctx, []cluster.Key{key("a")}) {
			if err == nil {
				t.Errorf("%s: got %d documents", answer, len(b.Docs))
				b.Release()
			}
			if want != nil && (!errors.Is(err, want) || asked != 1) {
				t.Errorf("%s: got %v after %d requests, want %v at once", answer, err, asked, want)
			}
		}
	}
	f(`{"docs":[{"_id":"a","error":{"type":"no_shard_available_action_exception"}}]}`, nil)
	f(`{"docs":[{"_id":"a"}]}`, nil)
	f(`{"docs":[]}`, nil)
	f(`{"docs":[{"_id":"a","found":false},{"_id":"b","found":false}]}`, nil)
	f(`{"docs":[{"_id":"a","fou`, nil)
	f(`{"docs":[{"_id":"a","_version":1,"found":true}]}`, stream.ErrNoSource)
}

// TestFetchCutsItsQuestions: documents turn out to be large, and the next
// questions ask for fewer.
func TestFetchCutsItsQuestions(t *testing.T) {
	var sizes []int
	l := lookup(func(keys []cluster.Key) string {
		sizes = append(sizes, len(keys))
		docs := make([]string, len(keys))
		for i, k := range keys {
			docs[i] = `{"_id":` + k.ID + `,"_version":1,"found":true,"_source":{"x":"` + strings.Repeat("x", 100_000) + `"}}`
		}
		return `{"docs":[` + strings.Join(docs, ",") + `]}`
	})
	var keys []cluster.Key
	for i := range 100 {
		keys = append(keys, key(fmt.Sprint("id-", i)))
	}
	got, err := fetched(t, l, stream.Options{PageBytes: 400_000}, keys...)
	if err != nil || len(got) != 100 {
		t.Fatalf("got %d documents, %v, want 100", len(got), err)
	}
	if sizes[0] < 20 || sizes[len(sizes)-2] > 4 {
		t.Errorf("got questions of %v documents, want few after the first", sizes)
	}
}
