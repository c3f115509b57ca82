package engines_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEngines starts every version, gives it the documents that break movers,
// and wants each of them back as it was; and has it restore one snapshot of
// several out of a repository that holds only what that one needs.
func TestEngines(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	for _, engine := range lab.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "repositories")
			c := l.StartFor(t, lab.Spec{Engine: engine, RepoDirs: []string{dir}})
			keepsBytes(t, c)
			restores(t, c, dir)
			readsRepository(t, c, filepath.Join(dir, "read"))
			pids := c.PIDs()
			if len(pids) == 0 {
				t.Error("a running cluster has no process")
			}
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
			gone(t, pids)
		})
	}
}

// keepsBytes loads the hostile documents and reads each one back, and all
// together.
func keepsBytes(t *testing.T, c *lab.Cluster) {
	t.Helper()
	e := open(t, c.URL())
	create(t, e, "hostile", corpus.HostileMapping)
	create(t, e, "large", corpus.HostileMapping)
	loaded := load(t, e, "hostile", small(corpus.Hostile()))
	if refused := strings.Join(loaded.Refused, ","); (refused == "") != (c.Engine.Major() < 6 && c.Engine.Product() == "elasticsearch") {
		t.Errorf("refused %q; only %s and %s take duplicate keys", refused, lab.ES24, lab.ES56)
	}
	for d, err := range corpus.Hostile() {
		if err != nil {
			t.Fatal(err)
		}
		if d.ID == "same-id" || d.Optional {
			continue
		}
		index := "hostile"
		if len(d.Source) > megabyte {
			index = "large"
			load(t, e, index, corpus.Of(d))
		}
		got, err := e.Get(t.Context(), index, d.ID, d.Routing)
		if err != nil {
			t.Errorf("document %.50q: %v", d.ID, err)
			continue
		}
		if !bytes.Equal(got, bytes.TrimSpace(d.Source)) {
			t.Errorf("document %.50q: got %.200s, want %.200s", d.ID, got, d.Source)
		}
	}
	equal(t, c.URL(), c.URL(), "hostile", "hostile")
	// The stripped distributions have no module for it, the oldest has parents
	// instead.
	if c.Engine != lab.ES24 && c.Engine != lab.ES717 && c.Engine != lab.ES819 && c.Engine != lab.ES90 {
		create(t, e, "joined", corpus.JoinMapping)
		load(t, e, "joined", corpus.Joined(20))
		equal(t, c.URL(), c.URL(), "joined", "joined")
	}
	finds(t, c, e)
}

const megabyte = 1 << 20

// small leaves the large documents out: the race detector makes reading them
// all again slow.
func small(docs corpus.Docs) corpus.Docs {
	return func(yield func(corpus.Doc, error) bool) {
		for d, err := range docs {
			if len(d.Source) <= megabyte && !yield(d, err) {
				return
			}
		}
	}
}

// finds shows that the comparison sees a difference of each kind.
func finds(t *testing.T, c *lab.Cluster, e *corpus.Engine) {
	t.Helper()
	docs := slices.Collect(func(yield func(corpus.Doc) bool) {
		for i := range 1200 {
			yield(corpus.Doc{ID: strconv.Itoa(i), Source: fmt.Appendf(nil, `{"double":1.%d0}`, i)})
		}
	})
	load(t, e, "left", corpus.Of(docs...))
	// One less, one more, another spelling, another routing, another version.
	docs[1].Source = []byte(`{"double":1.1}`)
	docs[2].Routing = "elsewhere"
	docs = append(docs[1:], docs[3], corpus.Doc{ID: "more", Source: []byte(`{}`)})
	load(t, e, "right", corpus.Of(docs...))
	diff, err := lab.Compare(t.Context(), c.URL(), c.URL(), "left", "right")
	if err != nil {
		t.Fatal(err)
	}
	if diff.Missing.Count != 2 || diff.Surplus.Count != 2 || diff.Different.Count != 2 {
		t.Errorf("got %v, want two missing, two surplus, two different", diff)
	}
}

// gone fails when a process of a group is left.
func gone(t *testing.T, groups []int) {
	t.Helper()
	for _, pid := range groups {
		if lab.Alive(pid) {
			t.Errorf("process group %d is still there", pid)
		}
	}
}
