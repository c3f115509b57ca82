package journey_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/lab"
)

// TestNightly carries a baseline, then what a day changes, deletes included.
func TestNightly(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 2000), logs("streamed-logs", 1000))
	yaml := p.config(t, "nightly", `code, "streamed-*"`, "")
	esferry(t, "sync", "-c", yaml).want(t, 1)
	esferry(t, "run", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "code", "streamed-logs")
	metrics := filepath.Join(p.dir, "sync.prom")
	for night := range 2 {
		p.change(t, "code", night)
		p.change(t, "streamed-logs", night)
		// As jobs do it: plan first, then sync, which tells a scheduler and node_exporter.
		esferry(t, "plan", "-c", yaml).want(t, 0)
		o := esferry(t, "sync", "--json", "--exit-code-unchanged", "99", "--metrics-file", metrics, "-c", yaml).want(t, 0)
		if s := o.summary(t); !s.Equal || s.ThisRun == nil || s.ThisRun.Applied == 0 || s.ThisRun.Deleted == 0 {
			t.Errorf("night %d: got %+v, want it equal, and what this night applied and deleted", night, s)
		}
		p.mustBeEqual(t, "code", "streamed-logs")
	}
	o := esferry(t, "sync", "--json", "--exit-code-unchanged", "99", "--metrics-file", metrics, "-c", yaml).want(t, 99)
	if s := o.summary(t); !s.Equal || s.ThisRun == nil || s.ThisRun.Applied != 0 || s.ThisRun.Deleted != 0 || o.stderr != "" {
		t.Errorf("a night without changes: got %+v and %q", s, o.stderr)
	}
	figures, err := os.ReadFile(metrics)
	if err != nil || !strings.Contains(string(figures), `esferry_job_exit_code{command="sync",ferry="nightly"} 0`) ||
		!strings.Contains(string(figures), `esferry_index_equal{command="sync",ferry="nightly",index="code"} 1`) {
		t.Errorf("got %s (%v)", figures, err)
	}
	esferry(t, "verify", "--level", "counts", "-c", yaml).want(t, 0)
	call(t, "PUT", p.target.URL()+"/code/_doc/rogue?refresh=true", `{"name":"rogue"}`)
	esferry(t, "verify", "-c", yaml).want(t, 3)
}

// change inserts, updates, deletes and makes anew, one document after another.
func (p *pair) change(t *testing.T, index string, seed int) {
	t.Helper()
	ids := p.ids(t, index, 40)
	var body strings.Builder
	for i, id := range ids {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":%q}}\n", id)
		case 1:
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n{\"name\":\"changed %d\"}\n", id, seed)
		case 2:
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":%q}}\n{\"index\":{\"_id\":%q}}\n{\"name\":\"anew %d\"}\n", id, id, seed)
		default:
			fmt.Fprintf(&body, "{\"index\":{\"_id\":\"new-%d-%d\",\"routing\":\"r%d\"}}\n{\"name\":\"new\"}\n", seed, i, i)
		}
	}
	answer := call(t, "POST", p.source.URL()+"/"+index+"/_bulk?refresh=true", body.String())
	if strings.Contains(answer, `"errors":true`) {
		t.Fatal(tail(answer))
	}
}

func (p *pair) ids(t *testing.T, index string, n int) []string {
	t.Helper()
	var page struct {
		Hits struct {
			Hits []struct {
				ID      string `json:"_id"`
				Routing string `json:"_routing"`
			}
		}
	}
	decode(t, call(t, "GET", fmt.Sprintf("%s/%s/_search?size=%d&_source=false", p.source.URL(), index, n), ""), &page)
	var ids []string
	for _, h := range page.Hits.Hits {
		if h.Routing == "" {
			ids = append(ids, h.ID)
		}
	}
	return ids
}

// TestBackfill carries one index, whole and by a query, and resumes after a kill.
func TestBackfill(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("logs-2026.11.01", 3000), logs("logs-part", 3000))
	yaml := p.config(t, "backfill", `"logs-*"`, "stream: {page: {docs: 100}}\n")
	for n := 2; n < 30; n += 9 {
		if killed(t, n, "backfill", "logs-2026.11.01", "--json", "-c", yaml) {
			break
		}
	}
	esferry(t, "backfill", "logs-2026.11.01", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "logs-2026.11.01")
	esferry(t, "backfill", "logs-part", "--since", "2026-11-01T06:00:00Z", "--until", "2026-11-01T12:00:00Z", "-c", yaml).want(t, 0)
	if got := call(t, "GET", p.target.URL()+"/logs-part/_count", ""); !strings.Contains(got, `"count":750`) {
		t.Errorf("got %s, want the 750 lines of six hours", got)
	}
	esferry(t, "backfill", "absent", "-c", yaml).want(t, 1)
}
