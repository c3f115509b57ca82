package journey_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"esferry/internal/lab"
)

// TestRunOverExisting lets a ferry meet indices that the target has already.
func TestRunOverExisting(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, logs("logs-a", 1500), logs("logs-b", 1500), logs("logs-c", 500), logs("logs-d", 500))
	foreign := func(index string, shards int) {
		t.Helper()
		call(t, "PUT", p.target.URL()+"/"+index, fmt.Sprintf(`{"settings":{"number_of_shards":%d,"refresh_interval":"9s"},"aliases":{"kept-%s":{}}}`, shards, index))
		call(t, "PUT", p.target.URL()+"/"+index+"/_doc/foreign?refresh=true", `{"mine":true}`)
	}
	foreign("logs-a", 2)
	foreign("logs-b", 3)
	foreign("logs-c", 2)
	foreign("logs-d", 2)
	refused := func(yaml, why string) {
		t.Helper()
		if o := esferry(t, "run", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, why) {
			t.Errorf("got %s, want %q", o.stderr, why)
		}
		if got := call(t, "GET", p.target.URL()+"/_cat/indices/logs-*?h=status", ""); strings.Contains(got, "close") {
			t.Errorf("an index was closed: %s", got)
		}
	}
	refused(p.piecewise(t, "asks", `"logs-*"`, ""), "on_existing")
	refused(p.piecewise(t, "counts", `logs-b`, "  on_existing: close\n"), "3 shards")

	closing := p.piecewise(t, "closes", "logs-a", "  on_existing: close\n")
	killedIn(t, "restore", "run", "--cutover", "--json", "-c", closing)
	esferry(t, "run", "--cutover", "-c", closing).want(t, 0)
	p.mustBeEqual(t, "logs-a")
	if got := call(t, "GET", p.target.URL()+"/logs-a?flat_settings=true", ""); !strings.Contains(got, "kept-logs-a") || !strings.Contains(got, `"index.refresh_interval":"9s"`) {
		t.Errorf("closed and restored over: the target's own are lost: %s", got)
	}
	deleting := p.piecewise(t, "deletes", "logs-b", "  on_existing: delete\n")
	killedIn(t, "restore", "run", "--json", "-c", deleting)
	esferry(t, "run", "--cutover", "-c", deleting).want(t, 0)
	p.mustBeEqual(t, "logs-b")

	renaming := p.piecewise(t, "renames", "logs-c", "  on_existing: rename\n")
	esferry(t, "run", "-c", renaming).want(t, 0)
	var status struct{ Indices []struct{ Target string } }
	decode(t, esferry(t, "status", "--json", "-c", renaming).want(t, 0).stdout, &status)
	if len(status.Indices) != 1 || !strings.HasPrefix(status.Indices[0].Target, "logs-c-restored-") {
		t.Fatalf("got %+v, want a name of its own", status)
	}
	if got := call(t, "GET", p.target.URL()+"/logs-c/_count", ""); !strings.Contains(got, `"count":1,`) {
		t.Errorf("somebody else's index was touched: %s", got)
	}
	d, err := lab.Compare(t.Context(), p.source.URL(), p.target.URL(), "logs-c", status.Indices[0].Target)
	if err != nil || !d.Equal() {
		t.Errorf("got %v (%v), want it equal", d, err)
	}

	// Somebody makes it anew after it was decided about.
	anew := p.piecewise(t, "anew", "logs-d", "  on_existing: close\n")
	killedIn(t, "copy", "run", "--json", "-c", anew)
	call(t, "DELETE", p.target.URL()+"/logs-d", "")
	foreign("logs-d", 2)
	if o := esferry(t, "run", "-c", anew).want(t, 1); !strings.Contains(o.stderr, "somebody else") {
		t.Errorf("got %s, want a refusal", o.stderr)
	}
	if got := call(t, "GET", p.target.URL()+"/logs-d/_count", ""); !strings.Contains(got, `"count":1,`) {
		t.Errorf("somebody else's index was touched: %s", got)
	}
	p.mustHeedTheService(t)
}

// mustHeedTheService restores where the front door of a service lets nobody
// close an index, as Amazon's does, from a snapshot that lacks a shard.
func (p *pair) mustHeedTheService(t *testing.T) {
	t.Helper()
	engine, err := url.Parse(p.target.URL())
	if err != nil {
		t.Fatal(err)
	}
	inside := httputil.NewSingleHostReverseProxy(engine)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_close") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			_, _ = fmt.Fprintf(w, `{"Message":"Your request: '%s' is not allowed."}`, r.URL.Path)
			return
		}
		inside.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	p.targetURL = door.URL

	call(t, "PUT", p.source.URL()+"/logs-stuck?wait_for_active_shards=0", `{"settings":{"number_of_replicas":0,"index.routing.allocation.require._name":"nobody"}}`)
	yaml := p.piecewise(t, "service", "logs-c, logs-stuck", "  on_existing: close\n")
	if o := esferry(t, "snapshot", "create", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "logs-stuck: 1 of its 1 primary shards") {
		t.Errorf("got %s, want the shard that is not started", o.stderr)
	}
	yaml = p.piecewise(t, "service", "logs-c, logs-stuck", "  on_existing: close\n  partial: accept\n")
	if o := esferry(t, "snapshot", "create", "--json", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, `"PARTIAL"`) || !strings.Contains(o.stdout, "lacks logs-stuck[0]") {
		t.Errorf("got %s, want to be told what it lacks", tail(o.stdout))
	}
	esferry(t, "repo", "copy", "-c", yaml).want(t, 0)
	if o := esferry(t, "restore", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "does not let indices be closed") || !strings.Contains(o.stderr, "on_existing_fallback") {
		t.Errorf("got %s, want the reason and the way out", o.stderr)
	}
	yaml = p.piecewise(t, "service", "logs-c, logs-stuck", "  on_existing: close\n  partial: accept\n  on_existing_fallback: delete\n")
	if o := esferry(t, "restore", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "lacks a shard") {
		t.Errorf("got %s, want the index that is not whole", o.stderr)
	}
	if o := esferry(t, "restore", "logs-c", "--dry-run", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "deleted and restored") {
		t.Errorf("got %s, want to be told of the fallback", o.stdout)
	}
	esferry(t, "restore", "logs-c", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "logs-c")
}
