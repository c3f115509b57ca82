package journey_test

import (
	"fmt"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab"
)

// cargo is an index of the source before the journey.
type cargo struct {
	name, mapping string
	shards        int
	docs          corpus.Docs
}

// load fills the source, and gives an alias to the first index.
func (p *pair) load(t *testing.T, all ...cargo) {
	t.Helper()
	e, err := corpus.Open(t.Context(), p.source.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if err := e.Create(t.Context(), c.name, c.shards, c.mapping); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Load(t.Context(), c.name, c.docs); err != nil {
			t.Fatal(err)
		}
	}
	patterns := `"index_patterns":["never-*"]`
	if p.source.Engine.Major() < 6 && p.source.Engine.Product() == "elasticsearch" {
		patterns = `"template":"never-*"`
	}
	call(t, "PUT", p.source.URL()+"/_template/carried", `{`+patterns+`,"settings":{"index.number_of_shards":"2"}}`)
	call(t, "POST", p.source.URL()+"/_aliases", fmt.Sprintf(`{"actions":[{"add":{"index":%q,"alias":"search"}}]}`, all[0].name))
}

// library is real text; logs are many and small.
func library(t *testing.T, n int) cargo {
	t.Helper()
	return cargo{name: "code", mapping: corpus.LibraryMapping, shards: 3, docs: corpus.Take(n, corpus.Library(t.Context()))}
}

func logs(name string, n int) cargo {
	return cargo{name: name, shards: 2, docs: corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), n, 7)}
}

// writing starts a live writer and gives the function that stops it and tells
// what it did.
func (p *pair) writing(t *testing.T, rate int, indices ...string) (stop func() corpus.Stats) {
	t.Helper()
	_, stop = p.writer(t, rate, indices...)
	return stop
}

// writer is writing, with the writer itself to be asked meanwhile.
func (p *pair) writer(t *testing.T, rate int, indices ...string) (w *corpus.Writer, stop func() corpus.Stats) {
	t.Helper()
	w = corpus.NewWriter(corpus.WriterOptions{URL: p.source.URL(), Indices: indices, Rate: rate, Seed: 42})
	g, _ := group.New(t.Context())
	g.Go("live writer", w.Run)
	stop = func() corpus.Stats {
		w.Stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		return w.Stats()
	}
	t.Cleanup(w.Stop)
	return w, stop
}

// mustBeEqualQuietly compares one index and says nothing where all is well.
func (p *pair) mustBeEqualQuietly(t *testing.T, when, index string) {
	t.Helper()
	d, err := lab.Compare(t.Context(), p.source.URL(), p.target.URL(), index, index)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Equal() || d.Source == 0 {
		t.Errorf("%s: index %s: %s", when, index, d)
	}
}

// mustBeEqual compares every document of both sides.
func (p *pair) mustBeEqual(t *testing.T, indices ...string) {
	t.Helper()
	for _, index := range indices {
		d, err := lab.Compare(t.Context(), p.source.URL(), p.target.URL(), index, index)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Equal() || d.Source == 0 {
			t.Errorf("index %s: %s", index, d)
		}
		t.Logf("index %s: %s", index, d)
	}
}
