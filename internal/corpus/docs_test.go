package corpus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"esferry/internal/corpus"
)

var day = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

// sum stands for all documents and their order.
func sum(t *testing.T, docs corpus.Docs) (n, size int, hash string) {
	t.Helper()
	h := sha256.New()
	for d, err := range docs {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%q %q %s\n", d.ID, d.Routing, d.Source)
		n++
		size += len(d.Source)
	}
	return n, size, hex.EncodeToString(h.Sum(nil))
}

func TestSameDocumentsEveryTime(t *testing.T) {
	f := func(name string, docs func() corpus.Docs) {
		t.Helper()
		n, _, first := sum(t, docs())
		if _, _, second := sum(t, docs()); first != second || n == 0 {
			t.Errorf("%s: %d documents, and another time others", name, n)
		}
	}
	f("library", func() corpus.Docs { return corpus.Take(3000, corpus.Library(t.Context())) })
	f("logs", func() corpus.Docs { return corpus.Logs(day, 500, 42) })
	f("articles", func() corpus.Docs { return corpus.Articles(50, 42) })
	f("hostile", corpus.Hostile)
	f("joined", func() corpus.Docs { return corpus.Joined(10) })
	f("family", func() corpus.Docs { return corpus.Family(10) })

	_, _, one := sum(t, corpus.Logs(day, 10, 1))
	_, _, other := sum(t, corpus.Logs(day, 10, 2))
	_, _, next := sum(t, corpus.Logs(day.AddDate(0, 0, 1), 10, 1))
	if one == other || one == next {
		t.Error("another seed or another day gives the same logs")
	}
}

func TestLibraryIsWholeAndUnique(t *testing.T) {
	ids := map[string]bool{}
	for d, err := range corpus.Library(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if ids[d.ID] {
			t.Errorf("id %q came twice", d.ID)
		}
		ids[d.ID] = true
		if len(d.ID) > 512 {
			t.Errorf("id %q is longer than engines take", d.ID)
		}
		// Every twentieth is enough under the race detector.
		if bytes.IndexByte(d.Source, '\n') >= 0 || len(ids)%20 == 0 && !json.Valid(d.Source) {
			t.Errorf("document %q is no line of JSON", d.ID)
		}
	}
	if len(ids) < 30_000 {
		t.Errorf("got %d declarations, want the whole library", len(ids))
	}
	for _, want := range []string{"net/http.Server.Serve", "fmt.Println", "io.Reader", "os.Args", "slices.Sort"} {
		if !ids[want] {
			t.Errorf("no declaration %q", want)
		}
	}
}

func TestLogSize(t *testing.T) {
	n, size, _ := sum(t, corpus.Logs(day, 1000, 1))
	if mean := size / n; n != 1000 || mean < 600 || mean > 800 {
		t.Errorf("got %d lines of %d bytes, want 1000 of about 700", n, mean)
	}
}

func TestArticles(t *testing.T) {
	ids := map[string]bool{}
	for d, err := range corpus.Articles(500, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if ids[d.ID] {
			t.Errorf("id %q came twice", d.ID)
		}
		ids[d.ID] = true
		if bytes.IndexByte(d.Source, '\n') >= 0 || !json.Valid(d.Source) {
			t.Errorf("document %q is no line of JSON", d.ID)
		}
		if len(d.Source) < 19_500 || len(d.Source) > 20_500 {
			t.Errorf("document %q has %d bytes, want about 20,000", d.ID, len(d.Source))
		}
	}
	if len(ids) != 500 {
		t.Errorf("got %d articles, want 500", len(ids))
	}
}

func TestHostileIsWhatItSays(t *testing.T) {
	keys := map[string]bool{}
	most := 0
	for d, err := range corpus.Hostile() {
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(d.Source) {
			t.Errorf("document %q is no JSON", d.ID)
		}
		if len(d.ID) > 512 || d.ID == "" {
			t.Errorf("id %q has %d bytes", d.ID, len(d.ID))
		}
		if k := fmt.Sprintf("%q %q", d.ID, d.Routing); keys[k] {
			t.Errorf("%s came twice", k)
		} else {
			keys[k] = true
		}
		most = max(most, len(d.Source))
	}
	if most < 9<<20 || most > 11<<20 {
		t.Errorf("the largest has %d bytes, want about 10 MB", most)
	}
}

func TestTake(t *testing.T) {
	f := func(n int, want ...string) {
		t.Helper()
		var got []string
		for d, err := range corpus.Take(n, corpus.Of(corpus.Doc{ID: "a"}, corpus.Doc{ID: "b"})) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("take %d: got %v, want %v", n, got, want)
		}
	}
	f(-1)
	f(0)
	f(1, "a")
	f(2, "a", "b")
	f(3, "a", "b")
}
