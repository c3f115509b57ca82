package journey_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// TestTargetGone deletes the target index while it is being written. The run
// ends and names it, no index comes back by itself with guessed mappings, and
// after a reset all is carried anew.
func TestTargetGone(t *testing.T) {
	faultcase.Shows(t, 17, "deleted while it is written")
	t.Parallel()
	for _, c := range []struct{ source, target lab.Engine }{{lab.ES717, lab.ES819}, {lab.ES56, lab.ES68}} {
		t.Run(string(c.target), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, lab.Spec{Engine: c.source}, lab.Spec{Engine: c.target})
			p.load(t, logs("streamed-logs", 3000))
			_, target := p.proxied(t)
			yaml := p.config(t, "gone", "streamed-logs", "stream: {page: {docs: 50}}\n")
			target.Use(faults.Rule{Kinds: []faults.Kind{faults.Bulk}, Fault: faults.Delay, For: 100 * time.Millisecond})
			run := started(t, "run", "--json", "-c", yaml)
			run.await(t, `"progress"`, `"streamed-logs"`, `"bytes"`)
			call(t, "DELETE", p.target.URL()+"/streamed-logs", "")
			if code := run.end(t); code == 0 || !strings.Contains(run.stderr.String(), "streamed-logs") {
				t.Errorf("got exit code %d, want a refusal that names the index:\n%s", code, tail(run.stderr.String()))
			}
			if status, answer := lab.Ask(t, "GET", p.target.URL()+"/streamed-logs", ""); status != 404 {
				t.Errorf("the index came back: status %d, %s", status, tail(answer))
			}
			target.Use()
			o := esferry(t, "sync", "-c", yaml)
			if o.code == 0 || !strings.Contains(o.stderr, "gone") || !strings.Contains(o.stderr, "reset") {
				t.Errorf("got exit code %d, want a refusal with the next step:\n%s", o.code, o.stderr)
			}
			esferry(t, "checkpoint", "reset", "streamed-logs", "--yes", "-c", yaml).want(t, 0)
			esferry(t, "run", "-c", yaml).want(t, 0)
			p.mustBeEqual(t, "streamed-logs")
		})
	}
}

// TestTargetMadeAnewMidRun puts somebody else's index in the place of ours while
// it is being written: nothing may arrive there.
func TestTargetMadeAnewMidRun(t *testing.T) {
	faultcase.Shows(t, 15, "the target is made anew in mid-run, or restored over in the middle of a round")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("streamed-logs", 3000), logs("logs-a", 1000))
	_, target := p.proxied(t)
	slow := faults.Rule{Kinds: []faults.Kind{faults.Bulk}, Fault: faults.Delay, For: 100 * time.Millisecond}
	yaml := p.config(t, "anew", "streamed-logs", "stream: {page: {docs: 50}}\n")
	target.Use(slow)
	run := started(t, "run", "--json", "-c", yaml)
	run.await(t, `"progress"`, `"streamed-logs"`, `"bytes"`)
	call(t, "DELETE", p.target.URL()+"/streamed-logs", "")
	call(t, "PUT", p.target.URL()+"/streamed-logs/_doc/foreign?refresh=true", `{"mine":true}`)
	if code := run.end(t); code == 0 {
		t.Errorf("got exit code 0, want a refusal:\n%s", tail(run.stderr.String()))
	}
	call(t, "POST", p.target.URL()+"/streamed-logs/_refresh", "")
	if answer := call(t, "GET", p.target.URL()+"/streamed-logs/_count", ""); !strings.Contains(answer, `"count":1,`) {
		t.Errorf("somebody else's index was written to: %s", answer)
	}

	// Restored over in the middle of a round: the next one compares everything.
	target.Use()
	yaml = p.config(t, "over", "logs-a", "stream: {page: {docs: 50}}\nmax_delete: 95%\n")
	esferry(t, "run", "-c", yaml).want(t, 0)
	own := p.target.URL() + "/_snapshot/own"
	call(t, "PUT", own, fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, filepath.Join(p.to.Dir, "own")))
	call(t, "PUT", own+"/before?wait_for_completion=true", `{"indices":"logs-a","include_global_state":false}`)
	stop := p.writing(t, 400, "logs-a")
	target.Use(slow)
	follow := started(t, "sync", "--follow", "--interval", "10ms", "--json", "-c", yaml)
	follow.await(t, `"progress"`, `"logs-a"`, `"bytes"`)
	call(t, "POST", p.target.URL()+"/logs-a/_close", "")
	call(t, "POST", own+"/before/_restore?wait_for_completion=true", `{"indices":"logs-a","include_global_state":false}`)
	follow.await(t, `"phase_ended"`)
	follow.kill(t)
	target.Use()
	t.Logf("writer %s", stop())
	esferry(t, "sync", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "logs-a")
}

// TestBrokenBindings changes indices behind esferry's back. What a comparison
// of all documents can mend is mended by the next sync, and said; a target that
// was made anew is somebody else's, and is refused.
func TestBrokenBindings(t *testing.T) {
	faultcase.Shows(t, 15, "the target is restored over; the source is restored over")
	faultcase.Shows(t, 15, "the source is made anew")
	faultcase.Shows(t, 15, "the target is made anew")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("logs-a", 1500), logs("streamed-logs", 800))
	names := []string{"logs-a", "streamed-logs"}
	yaml := p.config(t, "broken", `"logs-*", "streamed-*"`, "max_delete: 95%\n")
	esferry(t, "run", "-c", yaml).want(t, 0)
	for i, side := range []struct {
		name  string
		at    *lab.Cluster
		where string
	}{{"target", p.target, p.to.Dir}, {"source", p.source, p.from.Dir}} {
		repository := side.at.URL() + "/_snapshot/own"
		call(t, "PUT", repository, fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, filepath.Join(side.where, "own")))
		call(t, "PUT", repository+"/before?wait_for_completion=true", `{"indices":"logs-a,streamed-logs","include_global_state":false}`)
		for _, index := range names {
			p.change(t, index, 10*i)
		}
		esferry(t, "sync", "-c", yaml).want(t, 0)
		call(t, "POST", side.at.URL()+"/logs-a,streamed-logs/_close", "")
		call(t, "POST", repository+"/before/_restore?wait_for_completion=true", `{"indices":"logs-a,streamed-logs","include_global_state":false}`)
		o := esferry(t, "sync", "--json", "-c", yaml).want(t, 0)
		if !strings.Contains(o.stdout, "history") || !strings.Contains(o.stdout, "every document is compared") {
			t.Errorf("%s restored over: the comparison is not told of:\n%s", side.name, tail(o.stdout))
		}
		t.Logf("%s restored over", side.name)
		p.mustBeEqual(t, names...)
		p.change(t, "logs-a", 10*i+1)
		if o = esferry(t, "sync", "--json", "-c", yaml).want(t, 0); strings.Contains(o.stdout, "every document is compared") {
			t.Errorf("%s restored over: it is compared a second time:\n%s", side.name, tail(o.stdout))
		}
		p.mustBeEqual(t, names...)
	}
	call(t, "DELETE", p.source.URL()+"/logs-a", "")
	p.load(t, logs("logs-a", 700))
	p.change(t, "logs-a", 31)
	esferry(t, "sync", "-c", yaml).want(t, 0)
	t.Log("source made anew")
	p.mustBeEqual(t, names...)

	call(t, "DELETE", p.target.URL()+"/logs-a", "")
	call(t, "PUT", p.target.URL()+"/logs-a/_doc/foreign?refresh=true", `{"mine":true}`)
	o := esferry(t, "sync", "-c", yaml)
	if o.code == 0 || !strings.Contains(o.stderr, "uuid") {
		t.Errorf("target made anew: got exit code %d, want a refusal with both uuids:\n%s", o.code, o.stderr)
	}
	if answer := call(t, "GET", p.target.URL()+"/logs-a/_count", ""); !strings.Contains(answer, `"count":1`) {
		t.Errorf("somebody else's index was touched: %s", answer)
	}
}

// TestPipelinesOfTheTarget: templates of the target give every new index a
// default and a final pipeline, which must not touch what is carried.
func TestPipelinesOfTheTarget(t *testing.T) {
	faultcase.Shows(t, 27, "default_pipeline and final_pipeline")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.OS219}, lab.Spec{Engine: lab.OS38})
	p.load(t, logs("logs-a", 800), logs("streamed-logs", 800))
	for _, name := range []string{"first", "last"} {
		call(t, "PUT", p.target.URL()+"/_ingest/pipeline/"+name, fmt.Sprintf(`{"processors":[{"set":{"field":"%s_was_here","value":true}}]}`, name))
	}
	call(t, "PUT", p.target.URL()+"/_template/all", `{"index_patterns":["*"],"settings":{"index.default_pipeline":"first","index.final_pipeline":"last"}}`)
	yaml := p.config(t, "pipelines", `"logs-*", "streamed-*"`, "")
	stop := p.writing(t, 100, "logs-a", "streamed-logs")
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	stop()
	p.mustBeEqual(t, "logs-a", "streamed-logs")
	// What is written after the switch meets the pipelines that were there.
	call(t, "PUT", p.target.URL()+"/fresh/_doc/1?refresh=true", `{}`)
	if got := call(t, "GET", p.target.URL()+"/fresh/_doc/1", ""); !strings.Contains(got, "last_was_here") {
		t.Errorf("the pipelines do nothing, so that the test shows nothing: %s", got)
	}
	p.refusesStreams(t)
}

// refusesStreams wants a data stream to be named where its name was asked for.
func (p *pair) refusesStreams(t *testing.T) {
	t.Helper()
	call(t, "PUT", p.source.URL()+"/_index_template/events", `{"index_patterns":["events"],"data_stream":{}}`)
	call(t, "PUT", p.source.URL()+"/_data_stream/events", "")
	asked := p.config(t, "streams", `"*"`, "")
	if o := esferry(t, "run", "--dry-run", "-c", asked).want(t, 1); !strings.Contains(o.stdout, "obstacle: index events: it is a data stream") {
		t.Errorf("got %s, want the data stream named as an obstacle", o.stdout)
	}
	var got pieces
	decode(t, esferry(t, "metadata", "diff", "--json", "-c", asked).want(t, 3).stdout, &got)
	if lines := got.lines(); !strings.Contains(lines, "data_stream events not_carried\n") || strings.Contains(lines, ".ds-events") {
		t.Errorf("got %s, want the data stream, and not its indices", lines)
	}
}

// TestFamiliesAndPoison carries an index of several types with parents, and
// documents that only the old engine takes: an id that is too long fails a
// whole bulk there, and must be found and be the only one that stays behind.
func TestFamiliesAndPoison(t *testing.T) {
	faultcase.Shows(t, 23, "join children, parents of several types")
	faultcase.Shows(t, 25, "one over-long id that fails a whole bulk")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES24}, lab.Spec{Engine: lab.ES56})
	e, err := corpus.Open(t.Context(), p.source.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"family", "streamed-family"} {
		if err := e.CreateTypes(t.Context(), name, 2, corpus.FamilyMappings); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Load(t.Context(), name, corpus.Family(200)); err != nil {
			t.Fatal(err)
		}
	}
	yaml := p.config(t, "families", `family, "streamed-*"`, "stream: {on_reject: dead_letter}\n")
	stop := p.hostile(t, 60, "family", "streamed-family")
	esferry(t, "run", "--json", "-c", yaml).want(t, 0)
	esferry(t, "sync", "--json", "-c", yaml).want(t, 0)
	t.Logf("writer %s", stop())
	esferry(t, "sync", "--json", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "family", "streamed-family")

	long := strings.Repeat("x", 600)
	call(t, "PUT", p.source.URL()+"/streamed-family/parent/"+long, `{"name":"long"}`)
	for i := range 20 {
		call(t, "PUT", fmt.Sprintf("%s/streamed-family/parent/beside-%d", p.source.URL(), i), `{"name":"beside"}`)
	}
	esferry(t, "sync", "--json", "-c", yaml).want(t, 4)
	call(t, "POST", p.target.URL()+"/streamed-family/_refresh", "")
	for i := range 20 {
		call(t, "GET", fmt.Sprintf("%s/streamed-family/parent/beside-%d", p.target.URL(), i), "")
	}
	esferry(t, "deadletter", "retry", "-c", yaml).want(t, 4)
	letters := strings.Split(strings.TrimSpace(read(t, filepath.Join(p.dir, "families.db.deadletters.ndjson"))), "\n")
	if !strings.Contains(letters[0], `"notice":"this file holds documents`) {
		t.Errorf("got the first line %s, want the notice", tail(letters[0]))
	}
	letters = letters[1:]
	for _, line := range letters {
		var letter struct{ ID, Reason string }
		if err := json.Unmarshal([]byte(line), &letter); err != nil || letter.ID != long || !strings.Contains(letter.Reason, "too long") {
			t.Errorf("got dead letter %s (%v), want the one with the long id", tail(line), err)
		}
	}
	if len(letters) != 1 {
		t.Errorf("got %d dead letters, want one", len(letters))
	}
	// What is gone on the source needs no letter any more.
	call(t, "DELETE", p.source.URL()+"/streamed-family/parent/"+long, "")
	if o := esferry(t, "deadletter", "retry", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "no document is rejected") {
		t.Errorf("got %s", o.stdout)
	}
	esferry(t, "sync", "--json", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "streamed-family")

	call(t, "DELETE", p.source.URL()+"/streamed-family", "")
	if err := e.CreateTypes(t.Context(), "streamed-family", 2, corpus.FamilyMappings); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), "streamed-family", corpus.Family(150)); err != nil {
		t.Fatal(err)
	}
	if o := esferry(t, "sync", "--json", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "index uuid") {
		t.Errorf("the source made anew is not told of:\n%s", tail(o.stdout))
	}
	p.mustBeEqual(t, "streamed-family")
}

// TestVerifySourceOfOtherShards verifies an index whose source was made anew with
// fewer shards, and with more, before any sync: it tells of a difference, or of one
// that is on its way, and the next sync ends it. A target that was made anew is
// refused: it is somebody else's.
func TestVerifySourceOfOtherShards(t *testing.T) {
	faultcase.Shows(t, 15, "the source is made anew with another number of shards, and verified")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, logs("streamed-logs", 300))
	yaml := p.config(t, "shards", "streamed-logs", "max_delete: 95%\n")
	esferry(t, "run", "-c", yaml).want(t, 0)
	levels := []string{"counts", "ids", "content"}
	for _, shards := range []int{1, 3} {
		call(t, "DELETE", p.source.URL()+"/streamed-logs", "")
		other := logs("streamed-logs", 200/shards)
		other.shards = shards
		p.load(t, other)
		for _, level := range levels {
			o := esferry(t, "verify", "--level", level, "--json", "-c", yaml)
			if o.code != 3 && (o.code != 0 || !strings.Contains(o.stdout, `"moving":true`)) {
				t.Errorf("%d shards, %s: got exit code %d, want a difference, or one that is on its way:\n%s%s", shards, level, o.code, tail(o.stdout), tail(o.stderr))
			}
		}
		esferry(t, "sync", "-c", yaml).want(t, 0)
		p.mustBeEqual(t, "streamed-logs")
	}
	call(t, "DELETE", p.target.URL()+"/streamed-logs", "")
	call(t, "PUT", p.target.URL()+"/streamed-logs", `{"settings":{"number_of_shards":1}}`)
	for _, level := range levels {
		if o := esferry(t, "verify", "--level", level, "-c", yaml); o.code == 0 || !strings.Contains(o.stderr, "uuid") && !strings.Contains(o.stderr, "history") {
			t.Errorf("target made anew, %s: got exit code %d, want a refusal:\n%s", level, o.code, tail(o.stderr))
		}
	}
}

// TestTimeField reads an append-only index without sequence numbers by its time
// field: what is new arrives, and nothing else is read again.
func TestTimeField(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES56}, lab.Spec{Engine: lab.ES68})
	p.load(t, logs("streamed-logs", 1500))
	source, _ := p.proxied(t)
	yaml := p.config(t, "time", "streamed-logs", "")
	timed := strings.Replace(read(t, yaml), "indices:\n", "indices:\n  time_fields: {\"streamed-*\": \"@timestamp\"}\n", 1)
	if err := os.WriteFile(yaml, []byte(timed), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := esferry(t, "plan", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "neither updates of old documents nor deletes") {
		t.Errorf("the plan does not say what it is blind to:\n%s", o.stdout)
	}
	esferry(t, "run", "-c", yaml).want(t, 0)
	for i := range 30 {
		call(t, "PUT", fmt.Sprintf("%s/streamed-logs/doc/new-%d", p.source.URL(), i), fmt.Sprintf(`{"@timestamp":%q,"message":"new"}`, time.Now().UTC().Format(time.RFC3339)))
	}
	source.Reset()
	esferry(t, "sync", "-c", yaml).want(t, 0)
	if n := source.Counts().Documents; n != 30 {
		t.Errorf("got %d documents read, want the 30 new ones", n)
	}
	p.mustBeEqual(t, "streamed-logs")
	call(t, "DELETE", p.source.URL()+"/streamed-logs/doc/new-0", "")
	if o := esferry(t, "sync", "-c", yaml).want(t, 3); !strings.Contains(o.stderr, "differ") {
		t.Errorf("a delete that it does not see: got %s", o.stderr)
	}
}

// TestSplitTypes makes an index of each type, where the target has one in each:
// refused by default, done by choice.
func TestSplitTypes(t *testing.T) {
	faultcase.Shows(t, 26, "several types")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES56}, lab.Spec{Engine: lab.ES68})
	call(t, "PUT", p.source.URL()+"/streamed-mixed", `{"mappings":{"Order":{"properties":{"n":{"type":"long"}}},"note":{"properties":{"n":{"type":"long"}}}}}`)
	for i := range 40 {
		call(t, "PUT", fmt.Sprintf("%s/streamed-mixed/Order/%d", p.source.URL(), i), fmt.Sprintf(`{"n":%d}`, i))
		if i%2 == 0 {
			call(t, "PUT", fmt.Sprintf("%s/streamed-mixed/note/%d?routing=r%d", p.source.URL(), i, i%3), fmt.Sprintf(`{"n":%d}`, -i))
		}
	}
	yaml := p.config(t, "split", "streamed-mixed", "")
	if o := esferry(t, "run", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "2 types") || !strings.Contains(o.stderr, "indices.types") {
		t.Errorf("got %s, want a refusal that names the way out", o.stderr)
	}
	text := strings.Replace(read(t, yaml), "indices:\n", "indices:\n  types: split\n", 1)
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	esferry(t, "run", "-c", yaml).want(t, 0)
	call(t, "DELETE", p.source.URL()+"/streamed-mixed/Order/7", "")
	call(t, "PUT", p.source.URL()+"/streamed-mixed/note/8?routing=r2", `{"n":888}`)
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	for path, want := range map[string]string{
		"/streamed-mixed-order/_count": `"count":39`, "/streamed-mixed-note/_count": `"count":20`,
		"/streamed-mixed-order/_search?q=_id:8": `"n":8}`, "/streamed-mixed-note/_search?q=_id:8": `"n":888}`, "/streamed-mixed-note/_search?q=_id:10": `"_routing":"r1"`,
	} {
		if got := call(t, "GET", p.target.URL()+path, ""); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if status, answer := lab.Ask(t, "PUT", p.source.URL()+"/streamed-mixed/Order/new", `{}`); status != 403 {
		t.Errorf("the source takes writes after the switch: status %d, %s", status, answer)
	}
}
