package journey_test

import (
	"os"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestTheWayBack goes over, lets a hostile writer loose on the new cluster, carries
// what it does back while esferry is killed again and again, and returns to the old
// cluster without a difference; then it goes over once more. What must not go back
// is refused.
func TestTheWayBack(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES68}, lab.Spec{Engine: lab.ES710})
	p.load(t, library(t, 1200), logs("logs-2026.11.01", 1500), logs("streamed-logs", 800))
	// Of a type that the new cluster does not know.
	call(t, "PUT", p.source.URL()+"/streamed-users", `{"mappings":{"user":{"properties":{"name":{"type":"keyword"}}}}}`)
	call(t, "PUT", p.source.URL()+"/streamed-users/user/1?refresh=true", `{"name":"one"}`)
	call(t, "PUT", p.source.URL()+"/streamed-old/_doc/1?refresh=true", `{"n":1}`)
	names := map[string]string{"code": "code", "logs-2026.11.01": "logs-2026.11.01", "streamed-logs": "streamed-logs-new", "streamed-users": "streamed-users"}
	yaml := p.renamed(t, p.config(t, "back", `code, "logs-*", "streamed-*"`, "stream: {page: {docs: 200}}\ncutover: {aliases: {found: code}}\n"))
	call(t, "PUT", p.source.URL()+"/code/_settings", `{"index.gc_deletes":"42s"}`)
	call(t, "PUT", p.target.URL()+"/logs-before/_doc/foreign", `{"mine":true}`)
	p.noWayBack(t, yaml, "has switched nothing")
	for line := range strings.SplitSeq(esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0).stdout, "\n") {
		if hasAll(line, []string{`"phase_ended"`, `"keep the way back"`}) {
			t.Log(line)
		}
	}

	stop := p.hostileOnTarget(t, 120, "code", "logs-2026.11.01", "streamed-logs-new")
	call(t, "PUT", p.target.URL()+"/code/_mapping", `{"properties":{"since":{"type":"keyword"}}}`)
	call(t, "PUT", p.target.URL()+"/streamed-users/_doc/2", `{"name":"two"}`)
	call(t, "PUT", p.target.URL()+"/logs-2026.11.02/_doc/new", `{"message":"a day that began after the switch"}`)
	p.comeBackKilled(t, yaml)
	stats := stop()
	if stats.Failed > 0 || stats.Refused == 0 || stats.Inserted == 0 || stats.Updated == 0 || stats.Deleted == 0 || stats.Revived == 0 {
		t.Errorf("the writer did not do all that it should, or was not held back: %+v", stats)
	}
	t.Logf("writer %+v", stats)
	names["logs-2026.11.02"] = "logs-2026.11.02"
	p.mustBeEqualAs(t, names)
	p.mustBeBack(t)

	if got := call(t, "GET", p.source.URL()+"/streamed-old/_count", ""); !strings.Contains(got, `"count":1,`) {
		t.Errorf("what was deleted on the new cluster is not what it was on the old one: %s", got)
	}
	names["streamed-old"] = "streamed-old"

	// Back is back: the same again changes nothing, and whoever asks for the way
	// forth is told that it is to be begun.
	esferry(t, "run", "--reverse", "-c", yaml).want(t, 0)
	if o := esferry(t, "sync", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "esferry run") {
		t.Errorf("got %s, want the next step", o.stderr)
	}
	call(t, "PUT", p.source.URL()+"/code/_doc/later", `{"text":"written after the return"}`)
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	p.mustBeEqualAs(t, names)
	p.mustBeForeign(t)
	p.refusals(t, yaml)
}

// renamed gives an index another name on the target.
func (*pair) renamed(t *testing.T, yaml string) string {
	t.Helper()
	text, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "  paths:", "  rename: {streamed-logs: streamed-logs-new}\n  paths:", 1))
	if err := os.WriteFile(yaml, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return yaml
}

// hostileOnTarget is hostile on the new cluster.
func (p *pair) hostileOnTarget(t *testing.T, rate int, indices ...string) (stop func() corpus.Stats) {
	t.Helper()
	for _, index := range indices {
		call(t, "PUT", p.target.URL()+"/"+index+"/_settings", `{"index.gc_deletes":"1s"}`)
	}
	return hostileAt(t, p.target.URL(), 43, rate, indices)
}

// comeBackKilled returns, with kills at every stage.
func (p *pair) comeBackKilled(t *testing.T, yaml string) {
	t.Helper()
	esferry(t, "run", "--reverse", "--dry-run", "-c", yaml).want(t, 0)
	for _, n := range []int{1, 6, 12} {
		if killed(t, n, "run", "--reverse", "--json", "-c", yaml) {
			t.Error("run --reverse ended by itself")
		}
	}
	follow := started(t, "run", "--reverse", "--json", "-c", yaml)
	for range 4 {
		follow.await(t, `"round_ended"`)
	}
	var status struct {
		Name    string
		Running bool
		Indices []struct{ Index, Phase, Path string }
	}
	decode(t, esferry(t, "status", "--reverse", "--json", "-c", yaml).want(t, 0).stdout, &status)
	if !status.Running || status.Name != "back/reverse" || len(status.Indices) < 3 {
		t.Errorf("got %+v", status)
	}
	follow.kill(t)
	// An index that is deleted under way stays on the old cluster.
	call(t, "DELETE", p.target.URL()+"/streamed-old", "")
	if o := esferry(t, "run", "--reverse", "--dry-run", "-c", yaml).want(t, 0); strings.Contains(o.stdout, "streamed-old") {
		t.Errorf("it is still to be carried: %s", o.stdout)
	}
	esferry(t, "sync", "--reverse", "-c", yaml).want(t, 0)
	esferry(t, "verify", "--reverse", "-c", yaml).want(t, 0)

	killedIn(t, "last round", "cutover", "--reverse", "--json", "-c", yaml)
	write := p.target.URL() + "/code/_doc/after"
	if status, answer := lab.Ask(t, "PUT", write, `{"n":1}`); status != 403 {
		t.Errorf("after the kill: got status %d, want 403 by the block: %s", status, answer)
	}
	esferry(t, "cutover", "abort", "--reverse", "-c", yaml).want(t, 0)
	call(t, "PUT", write, `{"n":1}`)
	killedIn(t, "switch aliases", "run", "--reverse", "--cutover", "--json", "-c", yaml)
	if s := esferry(t, "cutover", "--reverse", "--json", "-c", yaml).want(t, 0).summary(t); !s.Equal || s.FreezeSeconds == nil || len(s.Indices) != 5 {
		t.Errorf("got %+v, want five indices, equal, and a freeze", s)
	}
	esferry(t, "verify", "--reverse", "--level", "content", "-c", yaml).want(t, 0)
	esferry(t, "report", "--reverse", "--force", "-o", yaml+".html", "-c", yaml).want(t, 0)
}

// mustBeEqualAs compares indices by their names on either side.
func (p *pair) mustBeEqualAs(t *testing.T, names map[string]string) {
	t.Helper()
	for here, there := range names {
		d, err := lab.Compare(t.Context(), p.source.URL(), p.target.URL(), here, there)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Equal() || d.Source == 0 {
			t.Errorf("index %s: %s", here, d)
		}
		t.Logf("index %s: %s", here, d)
	}
}

// mustBeBack wants the old cluster as it was, and the new one to take no writes.
func (p *pair) mustBeBack(t *testing.T) {
	t.Helper()
	got := call(t, "GET", p.source.URL()+"/code?flat_settings=true", "")
	for _, want := range []string{`"search"`, `"index.gc_deletes":"42s"`, `"since":{"type":"keyword"}`} {
		if !strings.Contains(got, want) {
			t.Errorf("index code of the old cluster: got %s, want %s in it", got, want)
		}
	}
	all := call(t, "GET", p.source.URL()+"/_all?flat_settings=true", "")
	for _, left := range []string{"ESFERRY", "blocks.write", `"found"`, `"0s"`, "logs-before"} {
		if strings.Contains(all, left) {
			t.Errorf("the old cluster still has %s: %s", left, all)
		}
	}
	call(t, "PUT", p.source.URL()+"/streamed-logs/_doc/back?refresh=true", `{"n":1}`)
	call(t, "DELETE", p.source.URL()+"/streamed-logs/_doc/back?refresh=true", "")
	if status, answer := lab.Ask(t, "PUT", p.target.URL()+"/streamed-logs-new/_doc/late", `{"n":1}`); status != 403 {
		t.Errorf("the new cluster takes writes: status %d, %s", status, answer)
	}
}

// mustBeForeign wants an index to be left alone that was there before.
func (p *pair) mustBeForeign(t *testing.T) {
	t.Helper()
	if got := call(t, "GET", p.target.URL()+"/logs-before/_count", ""); !strings.Contains(got, `"count":1,`) {
		t.Errorf("somebody else's index was touched: %s", got)
	}
}

func (*pair) noWayBack(t *testing.T, yaml, why string) {
	t.Helper()
	for _, command := range [][]string{{"run", "--reverse"}, {"cutover", "--reverse"}, {"sync", "--reverse"}} {
		if o := esferry(t, append(command, "-c", yaml)...).want(t, 1); !strings.Contains(o.stderr, why) || !strings.Contains(o.stderr, "next: ") {
			t.Errorf("%v: got %s, want it to say %q and what to do", command, o.stderr, why)
		}
	}
}

// refusals: a field that the old engine cannot have, and an old index that somebody
// has written to since the switch.
func (p *pair) refusals(t *testing.T, yaml string) {
	t.Helper()
	call(t, "PUT", p.target.URL()+"/streamed-logs-new/_mapping", `{"properties":{"too_new":{"type":"date_nanos"}}}`)
	p.noWayBack(t, yaml, "too_new")
	call(t, "PUT", p.source.URL()+"/streamed-logs/_settings", `{"index.blocks.write":null}`)
	call(t, "PUT", p.source.URL()+"/streamed-logs/_doc/forgotten?refresh=true", `{"message":"by a client that nobody moved"}`)
	p.noWayBack(t, yaml, "writes since the switch")
}
