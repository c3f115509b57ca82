package journey_test

import (
	"fmt"
	"strings"
	"testing"
)

// triesDocuments lets the target judge some documents beforehand: it rejects those
// of an index whose mapping became strict after they came. Whatever happens, no
// scratch index stays, not even one that an earlier run left.
func (p *pair) triesDocuments(t *testing.T) {
	t.Helper()
	source, target := p.source.URL(), p.target.URL()
	call(t, "PUT", source+"/streamed-strict", `{"settings":{"number_of_shards":2},"mappings":{"dynamic":false,"properties":{"n":{"type":"long"}}}}`)
	body := strings.Builder{}
	for i := range 40 {
		extra := ""
		if i < 10 {
			extra = `,"extra":1`
		}
		fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n{\"n\":%d%s}\n", i, i, extra)
	}
	call(t, "POST", source+"/streamed-strict/_bulk?refresh=true", body.String())
	call(t, "PUT", source+"/streamed-strict/_mapping", `{"dynamic":"strict"}`)
	for _, name := range []string{"esferry-try-try-7", "esferry-try-try-x", "esferry-try-try-more-1"} {
		call(t, "PUT", target+"/"+name, "")
	}

	yaml := p.config(t, "try", "streamed-strict", "")
	o := esferry(t, "plan", "--try-documents", "1000", "--json", "-c", yaml).want(t, 1)
	var told struct {
		Trials []struct {
			Index                     string
			Tried, Accepted, Rejected int64
			PredictedSeconds          *float64 `json:"predicted_seconds"`
			Reasons                   []struct {
				Reason string
				Count  int64
			}
		}
	}
	o.last(t, &told)
	one := told.Trials[0]
	if one.Tried != 40 || one.Accepted != 30 || one.Rejected != 10 || one.PredictedSeconds == nil || *one.PredictedSeconds <= 0 {
		t.Errorf("got %+v, want 30 of 40 accepted", one)
	}
	if len(one.Reasons) != 1 || one.Reasons[0].Count != 10 || !strings.Contains(one.Reasons[0].Reason, "strict") {
		t.Errorf("got %+v, want the one reason", one.Reasons)
	}
	if !strings.Contains(o.stderr, "rejects 10 of 40 documents") || !strings.Contains(o.stderr, "on_reject: dead_letter") {
		t.Errorf("got %s, want what stands in the way and what to do", o.stderr)
	}
	p.noScratch(t)

	// A few of each shard, where rejected documents are kept: nothing is in the way.
	kept := p.config(t, "try", "streamed-strict", "stream: {on_reject: dead_letter}\n")
	esferry(t, "plan", "--try-documents", "3", "--json", "-c", kept).want(t, 0).last(t, &told)
	if one := told.Trials[0]; one.Tried != 6 || one.Accepted+one.Rejected != 6 {
		t.Errorf("got %+v, want three documents of each shard", one)
	}

	// Interrupted between two shards.
	slow := p.config(t, "try", "streamed-strict", "stream: {rate: {docs_per_second: 1}}\n")
	run := started(t, "plan", "--try-documents", "1000", "--json", "-c", slow)
	run.await(t, `"phase_begun"`, `"try"`)
	if code := run.interrupt(t); code != 130 {
		t.Errorf("got exit code %d, want 130\n%s", code, run.stderr.String())
	}
	p.noScratch(t)
}

// noScratch looks what is left of scratch indices: what is not ours stays.
func (p *pair) noScratch(t *testing.T) {
	t.Helper()
	left := strings.Fields(call(t, "GET", p.target.URL()+"/_cat/indices/esferry-try-*?h=index&s=index", ""))
	if strings.Join(left, " ") != "esferry-try-try-more-1 esferry-try-try-x" {
		t.Errorf("got %v on the target, want those alone that are not this ferry's", left)
	}
}
