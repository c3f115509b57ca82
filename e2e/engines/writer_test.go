package engines_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab"
	"esferry/internal/retry"
)

// TestWriter lets the writer work, blocks its indices, and sends it on to
// another pair.
func TestWriter(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	c := l.StartFor(t, lab.Spec{Engine: lab.ES710})
	e := open(t, c.URL())
	for _, index := range []string{"logs", "code", "logs-new", "code-new"} {
		create(t, e, index, "")
	}
	load(t, e, "logs", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 300, 1))
	load(t, e, "code", corpus.Take(300, corpus.Library(t.Context())))

	w := corpus.NewWriter(corpus.WriterOptions{URL: c.URL(), Indices: []string{"logs", "code"}, Rate: 400, Seed: 7})
	g, _ := group.New(t.Context())
	g.Go("writer", w.Run)
	until(t, w, "every kind of change", func(s corpus.Stats) bool {
		return s.Inserted > 100 && s.Updated > 100 && s.Deleted > 50 && s.Remade > 30
	})

	block(t, c.URL(), "logs,code", true)
	until(t, w, "refusals", func(s corpus.Stats) bool { return s.Refused > 100 })
	blocked := w.Stats()
	if blocked.FirstRefusal.IsZero() || blocked.Failed > 0 {
		t.Errorf("at the block: %v", blocked)
	}
	if err := w.Switch(t.Context(), c.URL(), map[string]string{"logs": "logs-new", "code": "code-new"}); err != nil {
		t.Fatal(err)
	}
	until(t, w, "writes after the switch", func(s corpus.Stats) bool { return s.Inserted > blocked.Inserted+100 })
	w.Stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := w.Stats(); s.Pause <= 0 {
		t.Errorf("the block was no pause: %v", s)
	}
	block(t, c.URL(), "logs,code", false)
	for _, index := range []string{"logs", "code", "logs-new", "code-new"} {
		equal(t, c.URL(), c.URL(), index, index)
	}
}

// TestWriterOnOld lets the writer work on the engines with types and parents,
// and delete documents for so long that their versions begin anew.
func TestWriterOnOld(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	for _, engine := range []lab.Engine{lab.ES24, lab.ES56} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			c := l.StartFor(t, lab.Spec{Engine: engine})
			e := open(t, c.URL())
			create(t, e, "logs", corpus.LogMapping)
			family(t, e, 100)
			logs := corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 300, 1)
			for range 3 {
				load(t, e, "logs", logs)
			}
			put(t, c.URL()+"/logs,family/_settings", `{"index.gc_deletes":"1s"}`)

			w := corpus.NewWriter(corpus.WriterOptions{URL: c.URL(), Indices: []string{"logs", "family"}, Rate: 400, Seed: 7, Revive: 3 * time.Second / 2})
			g, _ := group.New(t.Context())
			g.Go("writer", w.Run)
			until(t, w, "every kind of change", func(s corpus.Stats) bool {
				return s.Inserted > 100 && s.Updated > 100 && s.Deleted > 50 && s.Remade > 30 && s.Revived > 100
			})
			block(t, c.URL(), "logs,family", true)
			until(t, w, "refusals", func(s corpus.Stats) bool { return s.Refused > 100 })
			w.Stop()
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if s := w.Stats(); s.Failed > 0 {
				t.Errorf("at the end: %v", s)
			}
			block(t, c.URL(), "logs,family", false)
			for _, index := range []string{"logs", "family"} {
				equal(t, c.URL(), c.URL(), index, index)
			}
			if n := begunAnew(t, c.URL()); n == 0 {
				t.Error("no version began anew")
			}
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// begunAnew counts the documents of Logs, each written three times, whose
// version is lower by now.
func begunAnew(t *testing.T, url string) (n int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/logs/_search?size=10000&version=true&_source=false", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct {
		Hits struct {
			Hits []struct {
				ID      string `json:"_id"`
				Version int    `json:"_version"`
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	for _, h := range page.Hits.Hits {
		if strings.HasPrefix(h.ID, "2026-08-01-") && h.Version < 3 {
			n++
		}
	}
	return n
}

func until(t *testing.T, w *corpus.Writer, what string, enough func(corpus.Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := retry.Poll(ctx, what, 20*time.Millisecond, func(context.Context) (bool, error) { return enough(w.Stats()), nil })
	if err != nil {
		t.Fatalf("%v: %v", err, w.Stats())
	}
}

// block sets or lifts the write block.
func block(t *testing.T, url, indices string, on bool) {
	t.Helper()
	// Elasticsearch 2 takes no null for a setting.
	body := `{"index.blocks.write":false}`
	if on {
		body = `{"index.blocks.write":true}`
	}
	put(t, url+"/"+indices+"/_settings", body)
}
