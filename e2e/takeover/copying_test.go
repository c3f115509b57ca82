package takeover_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

// places is how many objects one process copies at once.
const places = 32

// narrow is a gateway that answers no request for a segment until it is opened.
type narrow struct {
	*faults.Wire
	// crowded is closed when more segments are asked for than one process asks for.
	crowded, opened chan struct{}
}

func newNarrow(t *testing.T, to string) *narrow {
	t.Helper()
	w, err := faults.NewWire(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	n := &narrow{Wire: w, crowded: make(chan struct{}), opened: make(chan struct{})}
	var mu sync.Mutex
	asked := 0
	n.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/__") {
			return false
		}
		mu.Lock()
		if asked++; asked == places+1 {
			close(n.crowded)
		}
		mu.Unlock()
		select {
		case <-n.opened:
		case <-r.Context().Done():
		}
		return false
	})
	return n
}

func gateway(t *testing.T, l *lab.Lab, name string) *lab.Gateway {
	t.Helper()
	folder, err := l.Folder(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.GatewayFor(t, folder)
}

// copiedByWorkers has three workers carry an index of many segments by a snapshot
// that goes from bucket to bucket. One of them is killed over its bundles: others
// copy them, and the index is whole.
func (w *world) copiedByWorkers(t *testing.T) {
	t.Helper()
	const index = "many"
	e, err := corpus.Open(t.Context(), w.source.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Create(t.Context(), index, 48, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), index, corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), 3000, 7)); err != nil {
		t.Fatal(err)
	}
	from := newNarrow(t, w.from.URL)
	yaml := w.copying(t, index, from.URL)
	began := time.Now()
	leader := start(t, "worker", "--json", "-c", yaml)
	leader.await(t, 1, `"snapshot"`)
	doomed, other := start(t, "worker", "--json", "-c", yaml), start(t, "worker", "--json", "-c", yaml)
	leader.await(t, 1, "2 workers carry beside this process")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-from.crowded:
	case <-ctx.Done():
		t.Fatalf("no other process copies: %s", leader.stderr)
	}
	doomed.signal(t, syscall.SIGKILL)
	doomed.end(t)
	close(from.opened)
	other.await(t, 1, `"progress","phase":"copy"`)
	// The lease of the one that was killed has to run out.
	leader.await(t, 1, `"retried","phase":"copy"`)
	leader.await(t, 1, "workers copied ")
	for _, p := range []*process{leader, other} {
		if code, stderr := p.end(t); code != 0 {
			t.Errorf("got exit code %d: %s", code, stderr)
		}
	}
	t.Logf("copied by workers in %.1f s", time.Since(began).Seconds())
	d, err := lab.Compare(t.Context(), w.source.URL(), w.target.URL(), index, index)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Equal() || d.Source == 0 {
		t.Errorf("index %s: %s", index, d)
	}
}

// copying writes the configuration of a ferry by snapshots for one index.
func (w *world) copying(t *testing.T, index, from string) (yaml string) {
	t.Helper()
	side := func(g *lab.Gateway, url string) (dir, copied string) {
		dir, err := g.Bucket("snaps")
		if err != nil {
			t.Fatal(err)
		}
		return dir, fmt.Sprintf("{bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}", url, g.Region, g.AccessKey, g.SecretKey)
	}
	source, copyFrom := side(w.from, from)
	target, copyTo := side(w.to, w.to.URL)
	yaml = filepath.Join(t.TempDir(), "copied.yaml")
	text := fmt.Sprintf(`name: copied
source: {url: %s}
target: {url: %s}
indices: {include: [%s]}
snapshot:
  source: {type: fs, settings: {location: %q}}
  target: {type: fs, settings: {location: %q}}
  copy: {from: %s, to: %s}
checkpoint: {store: etcd, endpoints: [%s]}
`, w.source.URL(), w.target.URL(), index, source, target, copyFrom, copyTo, strings.Join(w.etcd.endpoints(), ", "))
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return yaml
}
