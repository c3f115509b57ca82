package journey_test

import (
	"encoding/json"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestJourney carries real and hostile documents between every pair of engines
// that is promised, with a writer that never pauses before the freeze.
func TestJourney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, target lab.Engine
		path           string
		// join: both distributions have the module for join fields.
		join bool
	}{
		{lab.ES68, lab.ES710, "snapshot", true},
		// A target that still wants types.
		{lab.ES68, lab.ES68, "snapshot", true},
		{lab.ES717, lab.ES819, "snapshot", false},
		{lab.ES710, lab.OS219, "snapshot", true},
		{lab.OS219, lab.OS38, "snapshot", true},
		{lab.ES68, lab.ES819, "stream", false},
	} {
		t.Run(string(c.source)+" to "+string(c.target), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, lab.Spec{Engine: c.source}, lab.Spec{Engine: c.target})
			cargoes := []cargo{
				library(t, 6000), logs("logs-2026.11.01", 4000), logs("streamed-logs", 2000),
				{name: "hostile", mapping: corpus.HostileMapping, shards: 3, docs: corpus.Hostile()},
				// What a snapshot carries is never read: the stream must do as well.
				{name: "streamed-hostile", mapping: corpus.HostileMapping, shards: 3, docs: corpus.Hostile()},
			}
			if c.join {
				cargoes = append(cargoes,
					cargo{name: "joined", mapping: corpus.JoinMapping, shards: 2, docs: corpus.Joined(200)},
					cargo{name: "streamed-joined", mapping: corpus.JoinMapping, shards: 2, docs: corpus.Joined(200)})
			}
			p.load(t, cargoes...)
			names := make([]string, len(cargoes))
			for i, one := range cargoes {
				names[i] = one.name
			}
			yaml := p.config(t, "journey", strings.Join(names, ", "), "cutover: {aliases: {found: code}}\n")
			stop := p.writing(t, 200, "code", "logs-2026.11.01", "streamed-logs")
			checkPlan(t, yaml, c.path)
			o := esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
			stats := stop()
			checkSummary(t, o.summary(t), len(cargoes), c.path)
			if stats.Refused == 0 || stats.Failed > 0 {
				t.Errorf("the writer met no write block, or something else: %+v", stats)
			}
			t.Logf("freeze %.2f s; writer %+v", *o.summary(t).FreezeSeconds, stats)
			p.mustBeEqual(t, names...)
			p.mustBeSwitched(t, names)
			if got := call(t, "GET", p.target.URL()+"/_template/carried", ""); !strings.Contains(got, "never-*") {
				t.Errorf("the template on the target: got %s", got)
			}
			// Done is done: the same command again changes nothing.
			esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
			esferry(t, "verify", "-c", yaml).want(t, 0)
			if c.path == "snapshot" {
				p.checkBucket(t, yaml)
			}
		})
	}
}

// checkBucket wants the ferry's snapshot to be all that the target's bucket
// lists, and to be there whole; and a second copy of it to do nothing.
func (p *pair) checkBucket(t *testing.T, yaml string) {
	t.Helper()
	var found struct {
		Snapshots []string
		Named     struct{ Objects int }
	}
	o := esferry(t, "repo", "verify", "--complete", "--json", "-c", yaml).want(t, 0)
	if err := json.Unmarshal([]byte(o.stdout), &found); err != nil || len(found.Snapshots) != 1 || found.Named.Objects == 0 {
		t.Fatalf("got %s (%v), want the ferry's own snapshot", o.stdout, err)
	}
	name := found.Snapshots[0]
	esferry(t, "repo", "verify", "--contents", "--snapshot", name, "-c", yaml).want(t, 0)
	again := esferry(t, "repo", "copy", "--snapshot", name, "--json", "-c", yaml).want(t, 0)
	if !strings.Contains(again.stdout, `"snapshots_there":["`+name+`"]`) {
		t.Errorf("the snapshot was copied again: %s", again.stdout)
	}
	missing := esferry(t, "repo", "copy", "--snapshot", "nobody", "-c", yaml).want(t, 1)
	if !strings.Contains(missing.stderr, "no snapshot named nobody") {
		t.Errorf("got %s, want the snapshot to be missed", missing.stderr)
	}
}

// checkPlan asks for the plan: the path of each index, and a reason.
func checkPlan(t *testing.T, yaml, path string) {
	t.Helper()
	var plan struct {
		Indices   []struct{ Index, Path, Reason string }
		Obstacles []any
	}
	o := esferry(t, "plan", "--json", "-c", yaml).want(t, 0)
	if err := json.Unmarshal([]byte(o.stdout), &plan); err != nil {
		t.Fatalf("the plan is not one JSON document: %v", err)
	}
	for _, i := range plan.Indices {
		want := path
		if strings.HasPrefix(i.Index, "streamed") {
			want = "stream"
		}
		if i.Path != want || i.Reason == "" {
			t.Errorf("index %s: got path %s because %q, want %s and a reason", i.Index, i.Path, i.Reason, want)
		}
	}
}

func checkSummary(t *testing.T, s summary, indices int, path string) {
	t.Helper()
	if !s.Equal || len(s.Indices) != indices || s.FreezeSeconds == nil {
		t.Fatalf("got summary %+v, want %d indices, equal, with a freeze", s, indices)
	}
	for _, i := range s.Indices {
		if !i.Equal || i.Phase != "switched" || i.Path != path && !strings.HasPrefix(i.Index, "streamed") {
			t.Errorf("got %+v, want it equal, switched, and by %s", i, path)
		}
	}
}

// mustBeSwitched checks aliases, settings put back, and that the source stays
// blocked.
func (p *pair) mustBeSwitched(t *testing.T, indices []string) {
	t.Helper()
	for _, alias := range []string{"search", "found"} {
		if got := call(t, "GET", p.target.URL()+"/_alias/"+alias, ""); !strings.Contains(got, `"code"`) {
			t.Errorf("alias %s of the target: got %s, want index code", alias, got)
		}
	}
	for _, index := range indices {
		settings := call(t, "GET", p.target.URL()+"/"+index+"/_settings?flat_settings=true", "")
		for _, left := range []string{"refresh_interval", "gc_deletes", "blocks.write"} {
			if strings.Contains(settings, left) {
				t.Errorf("index %s of the target still has %s: %s", index, left, settings)
			}
		}
		if settings := call(t, "GET", p.source.URL()+"/"+index+"/_settings?flat_settings=true", ""); !strings.Contains(settings, "blocks.write") {
			t.Errorf("index %s of the source takes writes after the switch: %s", index, settings)
		}
	}
}
