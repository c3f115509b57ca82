package engines_test

import (
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

func open(t *testing.T, url string) *corpus.Engine {
	t.Helper()
	e, err := corpus.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func create(t *testing.T, e *corpus.Engine, index, mapping string) {
	t.Helper()
	if err := e.Create(t.Context(), index, 3, mapping); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, e *corpus.Engine, index string, docs corpus.Docs) corpus.Loaded {
	t.Helper()
	loaded, err := e.Load(t.Context(), index, docs)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// equal wants two indices to hold the same.
func equal(t *testing.T, sourceURL, targetURL, source, target string) {
	t.Helper()
	diff, err := lab.Compare(t.Context(), sourceURL, targetURL, source, target)
	if err != nil || !diff.Equal() {
		t.Errorf("%s and %s: %v (%v)", source, target, diff, err)
	}
}
