package takeover_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/verify"
)

// verifyTogether compares all contents by two processes, in more than half a minute,
// so that the other one comes in time.
func (w *world) verifyTogether(t *testing.T, docs int) {
	t.Helper()
	w.edit(t, "max_delete:", fmt.Sprintf("stream: {rate: {docs_per_second: %d}}\nmax_delete:", docs/40))
	leader := start(t, "verify", "--level", "content", "--json", "-c", w.yaml)
	leader.await(t, 1, `"progress"`)
	worker := start(t, "worker", "--json", "-c", w.yaml)
	worker.await(t, 1, `"phase":"verify"`)
	for _, p := range []*process{leader, worker} {
		if code, stderr := p.end(t); code != 0 {
			t.Errorf("both sides are equal: got exit code %d: %s", code, stderr)
		}
	}
}

// byQuery deletes or updates so many documents of an index.
func byQuery(t *testing.T, url, index, what string, docs int) {
	t.Helper()
	at := fmt.Sprintf("%s/%s/_%s_by_query?conflicts=proceed&refresh=true&size=%d", url, index, what, docs)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(`{"query":{"match_all":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), fmt.Sprintf(`"%sd":%d,`, what, docs)) {
		t.Fatalf("%s: %v: %s", at, err, text)
	}
}

// pairUp starts a leader that follows, and a worker beside it.
func (w *world) pairUp(t *testing.T, interval string) (leader, worker *process) {
	t.Helper()
	leader = start(t, "sync", "--follow", "--interval", interval, "--json", "-c", w.yaml)
	leader.await(t, 1, `"round_ended"`)
	worker = start(t, "worker", "--follow", "--json", "-c", w.yaml)
	leader.await(t, 1, "1 workers carry beside this process")
	return leader, worker
}

// stop ends processes that would go on.
func stop(t *testing.T, all ...*process) {
	t.Helper()
	for _, p := range all {
		p.signal(t, syscall.SIGTERM)
	}
	for _, p := range all {
		if code, stderr := p.end(t); code != 130 {
			t.Errorf("told to end: got exit code %d, want 130: %s", code, stderr)
		}
	}
}

// looksTogether has two processes look for what was deleted: the leader deletes what
// both have found.
func (w *world) looksTogether(t *testing.T) {
	t.Helper()
	leader, worker := w.pairUp(t, "100ms")
	for range 20 {
		leader.forget()
		byQuery(t, w.source.URL(), indices[0], "delete", 50)
		leader.await(t, 1, `"phase":"deletes"`)
		if events, _ := worker.heard(); strings.Contains(strings.Join(events, ""), `"phase":"look for deletes"`) {
			stop(t, leader, worker)
			return
		}
	}
	t.Error("twenty times documents were deleted, and no worker was asked to look")
}

// TestReconcileByWorkers keeps up an index without sequence numbers by two processes:
// each round compares all documents, and both read. Where few differ, the leader
// reads again just these; where many do, all.
func TestReconcileByWorkers(t *testing.T) {
	l := lab.For(t)
	w := &world{etcd: cluster(t, 3)}
	w.source = l.StartFor(t, lab.Spec{Engine: lab.ES56, Name: "source"})
	w.target = l.StartFor(t, lab.Spec{Engine: lab.ES68, Name: "target"})
	e, err := corpus.Open(t.Context(), w.source.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const index, docs = "logs-a", verify.Sketched + 4000
	if err := e.Create(t.Context(), index, 4, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), index, corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), docs, 3)); err != nil {
		t.Fatal(err)
	}
	w.yaml = filepath.Join(t.TempDir(), "night.yaml")
	text := fmt.Sprintf("name: night\nsource: {url: %s}\ntarget: {url: %s}\nindices: {include: [%s]}\ncheckpoint: {store: etcd, endpoints: [%s]}\nmax_delete: 90%%\n",
		w.source.URL(), w.target.URL(), index, strings.Join(w.etcd.endpoints(), ", "))
	if err := os.WriteFile(w.yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	esferry(t, 0, "run", "-c", w.yaml)
	// So long a pause that many changes come between two rounds.
	leader, worker := w.pairUp(t, "8s")
	const all = "all are read by this process"
	for _, step := range []struct {
		what   string
		docs   int
		narrow bool
	}{
		{"delete", 300, true},
		{"update", 200, true},
		{"update", verify.Sketched, false},
	} {
		worker.forget()
		for {
			leader.forget()
			byQuery(t, w.source.URL(), index, step.what, step.docs)
			said := w.roundsOf(t, leader, step.docs)
			d, err := lab.Compare(t.Context(), w.source.URL(), w.target.URL(), index, index)
			if err != nil || !d.Equal() || d.Source == 0 {
				t.Errorf("index %s: %s, %v", index, d, err)
			}
			if strings.Contains(said, all) != step.narrow {
				break
			}
			if step.narrow || t.Failed() {
				t.Fatalf("%s of %d documents: got %s", step.what, step.docs, said)
			}
			// A round came in their midst.
		}
		worker.await(t, 1, `"progress","phase":"reconcile"`)
	}
	stop(t, leader, worker)
}

// roundsOf hears a leader until its rounds have found so many documents to differ.
func (w *world) roundsOf(t *testing.T, leader *process, docs int) string {
	t.Helper()
	var said strings.Builder
	for found := 0; found < docs; {
		before, line := leader.next(t, `"round_ended"`)
		said.WriteString(strings.Join(append(before, line), "\n"))
		var ended struct{ Docs int }
		if err := json.Unmarshal([]byte(line), &ended); err != nil {
			t.Fatal(err)
		}
		found += ended.Docs
	}
	return said.String()
}
