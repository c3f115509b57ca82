package engines_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/lab"
	"esferry/snapshotpath"
)

// rung is one engine of the ladder, and what is left of it once it is stopped.
type rung struct {
	lab  *lab.Cluster
	api  *cluster.Cluster
	repo string
	// created gives each index of the snapshot its creation version.
	created map[string]string
	held
}

// TestLadder climbs from the oldest engine to the newest, starting each once.
// Each is asked to restore every index of every snapshot made below it, and the
// one below is asked for what the one above wrote: what they do is what the
// version table says. And each is given, translated, the definitions that were
// read below it.
func TestLadder(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	folder, err := l.Folder("ladder")
	if err != nil {
		t.Fatal(err)
	}
	var below []*rung
	for _, engine := range lab.Engines() {
		r := climb(t, l, engine, folder)
		for _, from := range below {
			r.restores(t, from)
			r.accepts(t, from)
		}
		r.snapshot(t)
		r.hold(t)
		if len(below) > 0 {
			last := below[len(below)-1]
			last.restores(t, r)
			if err := last.lab.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		below = append(below, r)
	}
}

// climb starts an engine with an index of its own.
func climb(t *testing.T, l *lab.Lab, engine lab.Engine, folder string) *rung {
	t.Helper()
	r := &rung{repo: filepath.Join(folder, string(engine)), created: map[string]string{}}
	r.lab = l.StartFor(t, lab.Spec{Engine: engine, RepoDirs: []string{folder}})
	var err error
	if r.api, err = cluster.Dial(cluster.Options{URLs: []string{r.lab.URL()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.api.Close)
	if _, err := r.api.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := "made-by-" + string(engine)
	r.want(t, http.StatusOK, http.MethodPut, "/"+own, `{"settings":{"number_of_shards":1,"number_of_replicas":0}}`)
	r.want(t, http.StatusCreated, http.MethodPut, "/"+own+"/"+r.typ("")+"/1?refresh=true", `{"n":1}`)
	return r
}

// typ is the type that documents are written under: a given one, where the
// engine has types at all.
func (r *rung) typ(name string) string {
	switch {
	case r.api.Identity().AtLeast(7, 0):
		return "_doc"
	case name == "":
		return "doc"
	default:
		return name
	}
}

// snapshot keeps everything the engine holds by now, what it restored included.
func (r *rung) snapshot(t *testing.T) {
	t.Helper()
	all, err := r.api.Indices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range all {
		if strings.HasPrefix(index.Name, "made-by-") {
			r.created[index.Name] = index.Created()
		}
	}
	r.want(t, http.StatusOK, http.MethodPut, "/_snapshot/own", fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, r.repo))
	r.want(t, http.StatusOK, http.MethodPut, "/_snapshot/own/all?wait_for_completion=true", `{"indices":"made-by-*","include_global_state":false}`)
}

// restores asks the engine for every index of another one's snapshot.
func (r *rung) restores(t *testing.T, from *rung) {
	t.Helper()
	repository := "of-" + string(from.lab.Engine)
	// An engine that cannot read the repository at all says so here, or later.
	r.ask(t, http.MethodPut, "/_snapshot/"+repository, fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"readonly":true}}`, from.repo))
	for index, created := range from.created {
		want, reason := snapshotpath.CanRestore(created, from.api.Identity(), r.api.Identity())
		if got, why := r.restore(t, repository, index); got != want {
			t.Errorf("%s, created %s, from a snapshot of %s to %s: the table says %t because %q, the engine says %t: %.600s",
				index, created, from.lab.Engine, r.lab.Engine, want, reason, got, why)
		}
	}
}

// restore reports whether the engine restores an index whole; one that it did
// not have stays, for its own snapshot.
func (r *rung) restore(t *testing.T, repository, index string) (done bool, why string) {
	t.Helper()
	as := index
	if _, there, err := r.api.Index(t.Context(), index); err != nil {
		t.Fatal(err)
	} else if there {
		as = "trial"
	}
	status, answer := r.ask(t, http.MethodPost, "/_snapshot/"+repository+"/all/_restore?wait_for_completion=true",
		fmt.Sprintf(`{"indices":%q,"include_global_state":false,"rename_pattern":"^.*$","rename_replacement":%q}`, index, as))
	if status != http.StatusOK {
		return false, answer
	}
	var result struct {
		Snapshot struct {
			Shards struct{ Failed, Successful int }
		}
	}
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		t.Fatal(err)
	}
	whole := result.Snapshot.Shards.Failed == 0 && result.Snapshot.Shards.Successful > 0
	if n, err := r.api.Count(t.Context(), as, nil); whole && (err != nil || n != 1) {
		t.Errorf("%s of %s on %s: got %d documents (%v), want 1", index, repository, r.lab.Engine, n, err)
	}
	if as == "trial" || !whole {
		if err := r.api.DeleteIndex(t.Context(), as); err != nil {
			t.Fatal(err)
		}
	}
	return whole, answer
}

// want sends a request whose answer has a status.
func (r *rung) want(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	got, answer := r.ask(t, method, path, body)
	if got != status {
		t.Fatalf("%s: %s %s: got status %d, want %d: %s", r.lab.Engine, method, path, got, status, answer)
	}
	return answer
}

// ask sends a request and gives the answer, whatever it is.
func (r *rung) ask(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	return lab.Ask(t, method, r.lab.URL()+path, body)
}
