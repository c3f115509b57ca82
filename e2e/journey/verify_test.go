package journey_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// verified is what verify finds of an index.
type verified struct {
	Equal, Moving  bool
	Source, Target struct {
		Docs   int64
		Digest string
	}
	Differences, Repaired int64
	OnTheirWay            int64 `json:"on_their_way"`
	OtherBytes            int64 `json:"other_bytes"`
	Differing             []struct {
		Kind        string
		ID, Routing string
	}
}

// names gives what differs, sorted.
func (v verified) names() []string {
	names := []string{}
	for _, d := range v.Differing {
		names = append(names, strings.TrimSpace(d.Kind+" "+d.ID+" "+d.Routing))
	}
	slices.Sort(names)
	return names
}

// verify runs esferry verify and gives what it found of each index.
func verify(t *testing.T, code int, args ...string) map[string]verified {
	t.Helper()
	return verifications(t, esferry(t, append([]string{"verify", "--json"}, args...)...).want(t, code))
}

// verifications gives what a verify found of each index.
func verifications(t *testing.T, o outcome) map[string]verified {
	t.Helper()
	var s struct {
		Type    string
		Indices []struct {
			Index        string
			Verification *verified
		}
	}
	decode(t, lastLine(o.stdout), &s)
	all := map[string]verified{}
	for _, i := range s.Indices {
		if i.Verification == nil {
			t.Fatalf("index %s was not verified: %s", i.Index, tail(o.stdout))
		}
		all[i.Index] = *i.Verification
	}
	return all
}

// plant writes a document to the target behind the ferry's back.
func (p *pair) plant(t *testing.T, index, id, parameters, body string) {
	t.Helper()
	call(t, "PUT", p.target.URL()+"/"+index+"/_doc/"+url.PathEscape(id)+"?refresh=true&"+parameters, body)
}

// TestVerifyFindsAndRepairs compares hostile documents by ids and contents,
// over wires that fail. Then somebody writes to the target: all that differs
// is named, nothing else is, and a repair makes the sides equal.
func TestVerifyFindsAndRepairs(t *testing.T) {
	faultcase.Shows(t, 23, "every hostile id and routing of the corpus, one id under several routings")
	faultcase.Shows(t, 24, "every hostile source of the corpus, up to 10 MB")
	faultcase.Shows(t, 26, "nested documents are not counted")
	faultcase.Shows(t, 37, "documents changed, added, removed on the target")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("logs-a", 3000), logs("streamed-logs", 500),
		cargo{name: "hostile", mapping: corpus.HostileMapping, shards: 3, docs: corpus.Hostile()})
	source, target := p.proxied(t)
	yaml := p.config(t, "verify", `"logs-*", hostile, streamed-logs`, "")
	esferry(t, "run", "-c", yaml).want(t, 0)

	for _, side := range []*faults.Proxy{source, target} {
		side.Use(
			faults.Rule{Kinds: []faults.Kind{faults.Scroll}, Fault: faults.HalfAnswer, Times: 2},
			faults.Rule{Kinds: []faults.Kind{faults.Scroll}, Fault: faults.FailedShards, Times: 2},
		)
	}
	told := false
	for _, level := range []string{"ids", "content"} {
		o := esferry(t, "verify", "--level", level, "--json", "-c", yaml).want(t, 0)
		told = told || strings.Contains(o.stdout, `"type":"retried"`)
		for index, v := range verifications(t, o) {
			if !v.Equal || v.Moving || v.Source != v.Target || v.Source.Docs == 0 || v.Differences > 0 {
				t.Errorf("index %s by %s: got %+v, want it equal", index, level, v)
			}
		}
	}
	if !told {
		t.Error("windows were read again, and no event told of it")
	}
	p.plantDifferences(t)
	ids := []string{
		"extra nobody", `extra routed-0 other`, `missing a/b/c`, "missing routed-0 r1", "version 007",
	}
	both := append(slices.Clone(ids), "content long-limits")
	slices.Sort(both)
	f := func(level string, want []string) {
		t.Helper()
		all := verify(t, 3, "--level", level, "-c", yaml)
		if got := all["hostile"].names(); !slices.Equal(got, want) || all["hostile"].Moving {
			t.Errorf("by %s: got %q, want %q", level, got, want)
		}
		for _, index := range []string{"logs-a", "streamed-logs"} {
			if v := all[index]; !v.Equal || v.Differences > 0 || (v.OtherBytes == 1) != (index == "streamed-logs" && level == "content") {
				t.Errorf("index %s by %s: got %+v, want it equal", index, level, v)
			}
		}
	}
	f("ids", ids)
	f("content", both)
	if o := esferry(t, "verify", "--level", "ids", "-c", yaml).want(t, 3); !strings.Contains(o.stdout, "routed-0") || !strings.Contains(o.stderr, "--repair") {
		t.Errorf("got\n%s%s\nwant what differs, and the next step", tail(o.stdout), tail(o.stderr))
	}
	p.checkSamples(t, yaml)
	p.checkDays(t, yaml)

	v := verify(t, 0, "--level", "content", "--repair", "-c", yaml)["hostile"]
	if !v.Equal || v.Repaired != int64(len(both)) || v.Source != v.Target {
		t.Errorf("after the repair: got %+v, want it equal, %d repaired", v, len(both))
	}
	p.mustBeEqual(t, "hostile", "logs-a")
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	if o := esferry(t, "verify", "--level", "ids", "--repair", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "is switched") {
		t.Errorf("a repair after the switch: got %s, want a refusal", o.stderr)
	}
}

// plantDifferences writes to the target behind the ferry's back.
func (p *pair) plantDifferences(t *testing.T) {
	t.Helper()
	const same = "version=1&version_type=external_gte"
	call(t, "DELETE", p.target.URL()+"/hostile/_doc/"+url.PathEscape("a/b/c")+"?refresh=true", "")
	p.plant(t, "hostile", "nobody", "", `{"name":"extra"}`)
	p.plant(t, "hostile", "long-limits", same, `{"long":[9223372036854775806,-9223372036854775808,9007199254740993,0]}`)
	p.plant(t, "hostile", "007", "version=9&version_type=external", `{"name":"rewritten"}`)
	call(t, "DELETE", p.target.URL()+"/hostile/_doc/routed-0?routing=r1&refresh=true", "")
	p.plant(t, "hostile", "routed-0", "routing=other", `{"name":"routed","long":0}`)
	// The same in other words.
	const id = "2026-11-01-000001"
	var found struct {
		Source json.RawMessage `json:"_source"`
	}
	decode(t, call(t, "GET", p.source.URL()+"/streamed-logs/_doc/"+id, ""), &found)
	p.plant(t, "streamed-logs", id, same, "{ "+strings.TrimPrefix(string(found.Source), "{"))
}

// checkSamples compares shares of an index that is equal.
func (p *pair) checkSamples(t *testing.T, yaml string) {
	t.Helper()
	for share, most := range map[string]int64{"1%": 90, "50%": 1800} {
		v := verify(t, 3, "--level", "content", "--sample", share, "-c", yaml)["logs-a"]
		if !v.Equal || v.Source != v.Target || v.Source.Docs == 0 || v.Source.Docs > most {
			t.Errorf("a sample of %s: got %+v, want it equal, of some documents", share, v)
		}
	}
}

// checkDays takes two documents of one day off the target, which comparing day
// by day finds; that no document has a day in question at all is an error.
func (p *pair) checkDays(t *testing.T, yaml string) {
	t.Helper()
	for _, id := range []string{"2026-11-01-000007", "2026-11-01-000008"} {
		call(t, "DELETE", p.target.URL()+"/logs-a/_doc/"+id+"?refresh=true", "")
	}
	type days []struct {
		Day, Index   string
		Source       int64 `json:"source_docs"`
		Target       int64 `json:"target_docs"`
		Equal        bool
		Verification *verified
	}
	f := func(code int, args ...string) (found days, names []string) {
		t.Helper()
		var s struct{ Days days }
		o := esferry(t, append([]string{"verify", "--by-day", "@timestamp", "--json", "-c", yaml}, args...)...).want(t, code)
		if code != 1 {
			decode(t, lastLine(o.stdout), &s)
		}
		for _, d := range s.Days {
			if !d.Equal {
				names = append(names, fmt.Sprintf("%s %s %d %d", d.Day, d.Index, d.Source, d.Target))
			}
		}
		return s.Days, names
	}
	want := []string{"2026-11-01 logs-a 3000 2998"}
	if all, got := f(3, "--from", "2026-10-31", "--to", "2026-11-03"); !slices.Equal(got, want) || len(all) != 2*3 {
		t.Errorf("got %q in %d lines, want %q, and an end after that day", got, len(all), want)
	}
	if all, got := f(3, "--from", "2026-10-31", "--to", "2026-11-03", "--all"); !slices.Equal(got, want) || len(all) != 4*3 {
		t.Errorf("with --all: got %q in %d lines, want %q and all days", got, len(all), want)
	}
	f(1, "--from", "2026-10-31", "--to", "2026-10-31")
}

// TestVerifyUnderWriters compares by content while a writer updates, deletes
// and inserts on the source: what is on its way is never called a difference,
// and one that nobody wrote on the source is.
func TestVerifyUnderWriters(t *testing.T) {
	faultcase.Shows(t, 37, "verify while the source is written to")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES68}, lab.Spec{Engine: lab.OS219})
	p.load(t, logs("logs-a", 4000), logs("streamed-logs", 4000))
	yaml := p.config(t, "moving", `"logs-*", "streamed-*"`, "")
	esferry(t, "run", "-c", yaml).want(t, 0)
	w, stop := p.writer(t, 200, "logs-a", "streamed-logs")
	until(t, "every kind of change", func() bool {
		s := w.Stats()
		return s.Updated > 50 && s.Deleted > 20 && s.Inserted > 50
	})
	for _, level := range []string{"ids", "content"} {
		for index, v := range verify(t, 0, "--level", level, "-c", yaml) {
			if !v.Moving || v.Equal || v.OnTheirWay == 0 || v.Differences > 0 {
				t.Errorf("index %s by %s under a writer: got %+v, want it moving", index, level, v)
			}
		}
	}
	stats := stop()
	if stats.Updated == 0 || stats.Deleted == 0 || stats.Inserted == 0 || stats.Failed > 0 {
		t.Errorf("the writer did not do all that it should: %+v", stats)
	}
	untouched := p.untouched(t, "streamed-logs")
	p.plant(t, "streamed-logs", untouched, "version=1&version_type=external_gte", `{"message":"forged"}`)
	if got, want := verify(t, 3, "--level", "content", "-c", yaml)["streamed-logs"], []string{"content " + untouched}; !slices.Equal(got.names(), want) || !got.Moving {
		t.Errorf("a forged document while others are on their way: got %+v, want %q", got, want)
	}
	v := verify(t, 0, "--level", "content", "--repair", "-c", yaml)["streamed-logs"]
	if v.Repaired != 1 || v.Differences > 0 {
		t.Errorf("after the repair: got %+v, want one repaired", v)
	}
	esferry(t, "sync", "-c", yaml).want(t, 0)
	for index, v := range verify(t, 0, "--level", "content", "-c", yaml) {
		if !v.Equal || v.Moving || v.Source != v.Target {
			t.Errorf("index %s after a sync: got %+v, want it equal", index, v)
		}
	}
	p.mustBeEqual(t, "logs-a", "streamed-logs")
}

// untouched gives the id of a document that is as it was loaded, on both sides.
func (p *pair) untouched(t *testing.T, index string) string {
	t.Helper()
	var found struct {
		Hits struct {
			Hits []struct {
				ID      string          `json:"_id"`
				Version int64           `json:"_version"`
				Source  json.RawMessage `json:"_source"`
			}
		}
	}
	call(t, "POST", p.source.URL()+"/"+index+"/_refresh", "")
	decode(t, call(t, "POST", p.source.URL()+"/"+index+"/_search", `{"size":1000,"version":true,"query":{"prefix":{"trace_id":""}}}`), &found)
	for _, hit := range found.Hits.Hits {
		if status, _ := lab.Ask(t, "GET", p.target.URL()+"/"+index+"/_doc/"+hit.ID, ""); hit.Version == 1 && status == 200 {
			return hit.ID
		}
	}
	t.Fatal("every document was touched")
	return ""
}
