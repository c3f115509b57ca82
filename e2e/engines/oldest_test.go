package engines_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/retry"
)

// TestOldest writes to Elasticsearch 2.4, reads it by scroll, freezes and
// kills it, and restores its snapshot with 5.6, which can read indices of one
// major version before its own.
func TestOldest(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	dir := filepath.Join(t.TempDir(), "snaps")
	source := l.StartFor(t, lab.Spec{Engine: lab.ES24, RepoDirs: []string{dir}})
	e := open(t, source.URL())
	create(t, e, "logs", "")
	load(t, e, "logs", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 2000, 1))
	load(t, e, "logs", corpus.Of(corpus.Doc{ID: "routed", Routing: "elsewhere", Source: []byte(`{"bytes":1}`)}))
	equal(t, source.URL(), source.URL(), "logs", "logs")
	family(t, e, 50)

	put(t, source.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, dir))
	put(t, source.URL()+"/_snapshot/ferry/one?wait_for_completion=true", `{"indices":"logs,family"}`)
	freezes(t, source)

	target := l.StartFor(t, lab.Spec{Engine: lab.ES56, RepoDirs: []string{dir}})
	put(t, target.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"readonly":true}}`, dir))
	post(t, target.URL()+"/_snapshot/ferry/one/_restore?wait_for_completion=true", `{"indices":"logs,family","include_global_state":false}`)
	equal(t, source.URL(), target.URL(), "logs", "logs")
	equal(t, source.URL(), target.URL(), "family", "family")
	// One family more, so that the comparison is seen to look at them.
	load(t, open(t, target.URL()), "family", corpus.Family(51))
	diff, err := lab.Compare(t.Context(), source.URL(), target.URL(), "family", "family")
	if err != nil || diff.Source != 200 || diff.Surplus.Count != 4 || diff.Different.Count != 200 {
		t.Errorf("got %v (%v), want four members more, and all others with another version", diff, err)
	}

	pids := source.PIDs()
	source.KillNode(0)
	gone(t, pids)
	if err := source.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = retry.Poll(t.Context(), "all shards", 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		diff, err := lab.Compare(ctx, source.URL(), target.URL(), "logs", "logs")
		return err == nil && diff.Equal(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, source.URL()+"/_snapshot/ferry/two?wait_for_completion=true", `{"indices":"logs"}`)
}

// family makes an index of two types.
func family(t *testing.T, e *corpus.Engine, n int) {
	t.Helper()
	if err := e.CreateTypes(t.Context(), "family", 3, corpus.FamilyMappings); err != nil {
		t.Fatal(err)
	}
	load(t, e, "family", corpus.Family(n))
}

// freezes wants no answer from a frozen engine, and one after the thaw. The
// system stops the engine's threads a moment after it was told to, so that the
// first questions may still be answered.
func freezes(t *testing.T, c *lab.Cluster) {
	t.Helper()
	c.Freeze()
	err := retry.Poll(t.Context(), "the stop of the engine", 10*time.Millisecond, func(ctx context.Context) (bool, error) {
		return !answers(ctx, t, c), nil
	})
	if err != nil {
		t.Error(err)
	}
	if answers(t.Context(), t, c) {
		t.Error("a frozen engine answered")
	}
	c.Thaw()
	open(t, c.URL())
}

// answers asks once and waits half a second.
func answers(ctx context.Context, t *testing.T, c *lab.Cluster) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return true
}
