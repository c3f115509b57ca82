package corpus_test

import (
	"bufio"
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
	"time"

	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/retry"
)

// engine is a stand-in that keeps documents in memory.
type engine struct {
	root string

	mu      sync.Mutex
	docs    map[string]string
	lines   []string
	blocked bool
	broken  bool
}

func (e *engine) start(t *testing.T) string {
	t.Helper()
	e.docs = map[string]string{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		if e.root == "" {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		fmt.Fprint(w, e.root)
	})
	mux.HandleFunc("POST /{index}/_refresh", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	mux.HandleFunc("POST /{index}/_search", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"hits":{"hits":[{"_id":"old-1"},{"_id":"old-2","_routing":"r"}]}}`)
	})
	mux.HandleFunc("PUT /{index}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.lines = append(e.lines, string(text))
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("PUT /{index}/{type}/{id}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.docs[r.PathValue("index")+"/"+r.PathValue("id")] = string(text)
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("POST /_bulk", func(w http.ResponseWriter, r *http.Request) { e.bulk(t, w, r) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// bulk refuses ids that begin with "bad", and all of them behind the block.
func (e *engine) bulk(t *testing.T, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var items []string
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 20<<20)
	for lines.Scan() {
		var line map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("line %q: %v", lines.Text(), err)
		}
		e.lines = append(e.lines, lines.Text())
		for do, to := range line {
			status, fault := 200, `"type":"","reason":""`
			switch {
			case e.blocked:
				status, fault = 403, `"type":"cluster_block_exception","reason":"blocked"`
			case strings.HasPrefix(to.ID, "bad"):
				status, fault = 400, `"type":"mapper_parsing_exception","reason":"poison"`
			}
			items = append(items, fmt.Sprintf(`{%q:{"status":%d,"error":{%s}}}`, do, status, fault))
			if do != "delete" {
				lines.Scan()
				if status == 200 {
					e.docs[to.Index+"/"+to.ID] = lines.Text()
				}
			} else if status == 200 {
				delete(e.docs, to.Index+"/"+to.ID)
			}
		}
	}
	fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(items, ","))
}

func (e *engine) set(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	do()
}

func TestLoadSpeaksEveryVersion(t *testing.T) {
	f := func(root, want string) {
		t.Helper()
		e := &engine{root: root}
		docs := corpus.Of(corpus.Doc{ID: `a"b`, Routing: "r", Source: []byte(`{"x":1.10}`)})
		if _, err := corpus.Load(t.Context(), e.start(t), "index", docs); err != nil {
			t.Errorf("%s: %v", root, err)
		}
		if len(e.lines) != 1 || e.lines[0] != want {
			t.Errorf("%s: got %q, want %q", root, e.lines, want)
		}
	}
	version := func(n string) string { return fmt.Sprintf(`{"version":{"number":%q}}`, n) }
	f(version("2.4.6"), `{"index":{"_index":"index","_type":"doc","_id":"a\"b","routing":"r"}}`)
	f(version("5.6.16"), `{"index":{"_index":"index","_type":"doc","_id":"a\"b","routing":"r"}}`)
	f(version("6.8.23"), `{"index":{"_index":"index","_type":"_doc","_id":"a\"b","routing":"r"}}`)
	typeless := `{"index":{"_index":"index","_id":"a\"b","routing":"r"}}`
	f(version("7.10.2"), typeless)
	f(`{"version":{"number":"2.19.1","distribution":"opensearch"}}`, typeless)
	f("", typeless)
}

func TestCreateSpeaksEveryVersion(t *testing.T) {
	f := func(version, mapping string, types bool, want string) {
		t.Helper()
		e := &engine{root: fmt.Sprintf(`{"version":{"number":%q}}`, version)}
		c, err := corpus.Open(t.Context(), e.start(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		create := c.Create
		if types {
			create = c.CreateTypes
		}
		if err := create(t.Context(), "index", 2, mapping); err != nil {
			t.Fatal(err)
		}
		if len(e.lines) != 1 || e.lines[0] != want {
			t.Errorf("%s: got %q, want %q", version, e.lines, want)
		}
	}
	const settings = `{"settings":{"number_of_shards":2,"number_of_replicas":0}`
	const mapping = `{"properties":{"a":{"type":"keyword"},"b":{"type":"text"}}}`
	f("2.4.6", "", false, settings+`}`)
	f("2.4.6", mapping, false, settings+`,"mappings":{"doc":{"properties":{"a":{"type":"string","index":"not_analyzed"},"b":{"type":"string"}}}}}`)
	f("2.4.6", `{"x":{}}`, true, settings+`,"mappings":{"x":{}}}`)
	f("5.6.16", mapping, false, settings+`,"mappings":{"doc":`+mapping+`}}`)
	f("5.6.16", `{"x":`+mapping+`}`, true, settings+`,"mappings":{"x":`+mapping+`}}`)
	f("7.10.2", mapping, false, settings+`,"mappings":`+mapping+`}`)
}

func TestFamilyLines(t *testing.T) {
	e := &engine{root: `{"version":{"number":"2.4.6"}}`}
	if _, err := corpus.Load(t.Context(), e.start(t), "family", corpus.Family(1)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"index":{"_index":"family","_type":"parent","_id":"p-0"}}`,
		`{"index":{"_index":"family","_type":"child","_id":"c-0","parent":"p-0"}}`,
		`{"index":{"_index":"family","_type":"child","_id":"r-0","routing":"route-0","parent":"p-0"}}`,
		`{"index":{"_index":"family","_type":"child","_id":"p-0","parent":"p-0"}}`,
	}
	if !slices.Equal(e.lines, want) {
		t.Errorf("got %q, want %q", e.lines, want)
	}
}

func TestLoadKeepsBytes(t *testing.T) {
	e := &engine{}
	url := e.start(t)
	loaded, err := corpus.Load(t.Context(), url, "index", corpus.Hostile())
	if err != nil {
		t.Fatal(err)
	}
	for d, err := range corpus.Hostile() {
		if err != nil {
			t.Fatal(err)
		}
		if got := e.docs["index/"+d.ID]; got != string(d.Source) && d.ID != "same-id" {
			t.Errorf("document %.50q: got %.100q, want %.100q", d.ID, got, d.Source)
		}
	}
	if loaded.Docs < 100 || loaded.Bytes < 20<<20 || loaded.Refused != nil {
		t.Errorf("got %d documents, %d bytes, refused %v", loaded.Docs, loaded.Bytes, loaded.Refused)
	}
}

func TestLoadRefusals(t *testing.T) {
	url := (&engine{}).start(t)
	optional := corpus.Doc{ID: "bad-1", Source: []byte(`{}`), Optional: true}
	loaded, err := corpus.Load(t.Context(), url, "index", corpus.Of(optional, corpus.Doc{ID: "good", Source: []byte(`{}`)}))
	if err != nil || loaded.Docs != 1 || len(loaded.Refused) != 1 {
		t.Errorf("an optional document: got %+v, %v", loaded, err)
	}
	_, err = corpus.Load(t.Context(), url, "index", corpus.Of(corpus.Doc{ID: "bad-2", Source: []byte(`{}`)}))
	if err == nil || !strings.Contains(err.Error(), `"bad-2" was refused: status 400: mapper_parsing_exception: poison`) {
		t.Errorf("got %v, want the refusal", err)
	}
	broken := func(yield func(corpus.Doc, error) bool) { yield(corpus.Doc{}, errors.New("no more")) }
	if _, err := corpus.Load(t.Context(), url, "index", broken); err == nil {
		t.Error("an error of the documents was swallowed")
	}
}

func TestNoPasswordInErrors(t *testing.T) {
	_, err := corpus.Open(t.Context(), "http://ferry:secret@127.0.0.1:1", nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func until(t *testing.T, w *corpus.Writer, what string, enough func(corpus.Stats) bool) corpus.Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := retry.Poll(ctx, what, time.Millisecond, func(context.Context) (bool, error) { return enough(w.Stats()), nil })
	if err != nil {
		t.Fatalf("%v: %v", err, w.Stats())
	}
	return w.Stats()
}

func TestWriterCountsWhatHappens(t *testing.T) {
	old, anew := &engine{}, &engine{}
	oldURL, newURL := old.start(t), anew.start(t)
	w := corpus.NewWriter(corpus.WriterOptions{URL: oldURL, Indices: []string{"logs", "code"}, Rate: 2000, Seed: 3})
	g, _ := group.New(t.Context())
	g.Go("writer", w.Run)

	until(t, w, "every kind of change", func(s corpus.Stats) bool {
		return s.Inserted > 50 && s.Updated > 50 && s.Deleted > 20 && s.Remade > 20
	})
	old.set(func() { old.blocked = true })
	s := until(t, w, "refusals", func(s corpus.Stats) bool { return s.Refused > 20 })
	if s.Failed != 0 || s.FirstRefusal.IsZero() {
		t.Errorf("the block: %v", s)
	}
	old.set(func() { old.blocked, old.broken = false, true })
	until(t, w, "failures", func(s corpus.Stats) bool { return s.Failed > 20 && strings.Contains(s.FirstError, "503") })

	if err := w.Switch(t.Context(), newURL, map[string]string{"code": "code-v2"}); err != nil {
		t.Fatal(err)
	}
	before := w.Stats()
	until(t, w, "writes after the switch", func(s corpus.Stats) bool { return s.Inserted > before.Inserted+50 })
	w.Stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := w.Switch(t.Context(), "http://127.0.0.1:1", nil); err == nil {
		t.Error("a switch to nowhere succeeded")
	}
	names := map[string]bool{}
	for name := range anew.docs {
		index, _, _ := strings.Cut(name, "/")
		names[index] = true
	}
	if !names["logs"] || !names["code-v2"] || len(names) != 2 {
		t.Errorf("got indices %v after the switch, want logs and code-v2", names)
	}
	if got := w.Stats(); got.Done() == 0 || got.Pause <= 0 || !strings.Contains(got.String(), "refused by the write block") {
		t.Errorf("got %v", got)
	}
}

// TestWriterRevives wants documents back under their own ids, and family
// members with their types and parents.
func TestWriterRevives(t *testing.T) {
	e := &engine{root: `{"version":{"number":"5.6.16"}}`}
	w := corpus.NewWriter(corpus.WriterOptions{URL: e.start(t), Indices: []string{"family"}, Rate: 2000, Seed: 3, Revive: 20 * time.Millisecond})
	g, _ := group.New(t.Context())
	g.Go("writer", w.Run)
	until(t, w, "revived documents", func(s corpus.Stats) bool { return s.Revived > 20 && s.Updated > 20 && s.Remade > 5 })
	w.Stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := w.Stats(); got.Failed > 0 {
		t.Errorf("got %v", got)
	}
	made, twice, children := map[string]bool{}, 0, 0
	for _, line := range e.lines {
		if !strings.HasPrefix(line, `{"create"`) {
			continue
		}
		if made[line] {
			twice++
		}
		made[line] = true
		child := strings.Contains(line, `"_type":"child"`)
		if child {
			children++
		}
		if child != strings.Contains(line, `"parent":"live-parent-`) {
			t.Errorf("got %s, want a parent for children only", line)
		}
	}
	if twice < 20 || children < 20 {
		t.Errorf("got %d documents made again and %d children, want more", twice, children)
	}
}

func TestWriterNeedsIndices(t *testing.T) {
	if err := corpus.NewWriter(corpus.WriterOptions{URL: "http://127.0.0.1:1"}).Run(t.Context()); err == nil {
		t.Error("a writer without indices ran")
	}
}
