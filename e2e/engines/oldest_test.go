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
	l := lab.For(t)
	dir := filepath.Join(t.TempDir(), "snaps")
	source := l.StartFor(t, lab.Spec{Engine: lab.ES24, RepoDirs: []string{dir}})
	e := open(t, source.URL())
	create(t, e, "logs", "")
	load(t, e, "logs", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 2000, 1))
	load(t, e, "logs", corpus.Of(corpus.Doc{ID: "routed", Routing: "elsewhere", Source: []byte(`{"bytes":1}`)}))
	equal(t, source.URL(), source.URL(), "logs", "logs")

	put(t, source.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, dir))
	put(t, source.URL()+"/_snapshot/ferry/one?wait_for_completion=true", `{"indices":"logs"}`)
	freezes(t, source)

	target := l.StartFor(t, lab.Spec{Engine: lab.ES56, RepoDirs: []string{dir}})
	put(t, target.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"readonly":true}}`, dir))
	post(t, target.URL()+"/_snapshot/ferry/one/_restore?wait_for_completion=true", `{"indices":"logs","include_global_state":false}`)
	equal(t, source.URL(), target.URL(), "logs", "logs")

	pids := source.PIDs()
	source.KillNode(0)
	gone(t, pids)
	if err := source.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := retry.Poll(t.Context(), "all shards", 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		diff, err := lab.Compare(ctx, source.URL(), target.URL(), "logs", "logs")
		return err == nil && diff.Equal(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, source.URL()+"/_snapshot/ferry/two?wait_for_completion=true", `{"indices":"logs"}`)
}

// freezes wants no answer from a frozen engine, and one after the thaw.
func freezes(t *testing.T, c *lab.Cluster) {
	t.Helper()
	c.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err == nil {
		t.Errorf("a frozen engine answered with status %d", answer.StatusCode)
		_ = answer.Body.Close() //nolint:errcheck // The test has failed.
	}
	c.Thaw()
	open(t, c.URL())
}
