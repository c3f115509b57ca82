package journey_test

import (
	"fmt"
	"strings"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// pieces is what metadata diff and apply print.
type pieces struct {
	Type   string
	Pieces []struct {
		Kind, Name, Verdict, Outcome string
		Differences                  []struct{ Path string }
		Notes                        []struct{ Level, Path, Reason string }
	}
}

// lines gives each piece as "KIND NAME VERDICT OUTCOME".
func (p pieces) lines() string {
	var b strings.Builder
	for _, one := range p.Pieces {
		fmt.Fprintln(&b, strings.TrimSpace(strings.Join([]string{one.Kind, one.Name, one.Verdict, one.Outcome}, " ")))
	}
	return b.String()
}

// TestMetadata carries templates, pipelines and an index with its aliases from
// 6.8 to 8.19, where templates lie in wait that would spoil the index.
func TestMetadata(t *testing.T) {
	faultcase.Shows(t, 27, "templates that would spoil the index")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES68}, lab.Spec{Engine: lab.ES819})
	here, there := p.source.URL(), p.target.URL()
	call(t, "PUT", here+"/_ingest/pipeline/enrich", `{"description":"of 6.8","processors":[]}`)
	call(t, "PUT", here+"/_ilm/policy/weekly", `{"policy":{"phases":{}}}`)
	call(t, "PUT", here+"/_template/logs", `{"index_patterns":["logs-*"],"order":5,"settings":{"index.lifecycle.name":"weekly","number_of_replicas":0},"mappings":{"doc":{"properties":{"day":{"type":"date","format":"YYYY-MM-dd"}}}}}`)
	call(t, "PUT", here+"/_template/changed", `{"index_patterns":["ours-*"]}`)
	call(t, "PUT", here+"/_template/refused", `{"index_patterns":["both-*"]}`)
	call(t, "PUT", here+"/logs-1", `{"settings":{"number_of_shards":1},"mappings":{"doc":{"_routing":{"required":false},"properties":{"k":{"type":"keyword"}}}},
		"aliases":{"search":{"filter":{"term":{"k":"a"}},"index_routing":"1","search_routing":"1,2"},"write":{"is_write_index":true},"plain":{}}}`)
	for i := range 20 {
		call(t, "PUT", fmt.Sprintf("%s/logs-1/doc/%d", here, i), `{"k":"a","day":"2026-11-21"}`)
	}
	call(t, "PUT", there+"/_template/spoil", `{"index_patterns":["*"],"aliases":{"half":{}},"mappings":{"properties":{"k":{"type":"text"},"spoiled":{"type":"long"}}}}`)
	call(t, "PUT", there+"/_index_template/both", `{"index_patterns":["both-*"]}`)
	call(t, "PUT", there+"/_template/changed", `{"index_patterns":["theirs-*"]}`)
	yaml := p.config(t, "metadata", `"logs-*"`, "")

	f := func(want string, code int, args ...string) pieces {
		t.Helper()
		var got pieces
		decode(t, esferry(t, append([]string{"metadata"}, append(args, "-c", yaml, "--json")...)...).want(t, code).stdout, &got)
		if got.Type != "metadata" || got.lines() != want {
			t.Errorf("%v: got\n%s\nwant\n%s", args, got.lines(), want)
		}
		return got
	}
	all := "ilm_policy weekly not_carried\ningest_pipeline enrich %s\ntemplate changed %s\ntemplate logs %s\ntemplate refused %s\nindex logs-1 missing\n"
	f(fmt.Sprintf(all, "missing", "differs", "missing", "missing"), 3, "diff")
	f(fmt.Sprintf(all, "missing created", "differs kept", "missing created", "missing created"), 3, "apply", "--dry-run")
	first := f(fmt.Sprintf(all, "missing created", "differs kept", "missing created", "missing refused"), 1, "apply")
	if d := first.Pieces[2].Differences; len(d) != 1 || d[0].Path != "index_patterns" {
		t.Errorf("got %v, want the pattern to differ", d)
	}
	if n := fmt.Sprint(first.Pieces[3].Notes); !strings.Contains(n, "index.lifecycle.name") || !strings.Contains(n, "yyyy-MM-dd") {
		t.Errorf("got notes %s, want the policy and the date named", n)
	}
	if n := fmt.Sprint(first.Pieces[4].Notes); !strings.Contains(n, "index_template both (both-*) wins") || !strings.Contains(n, "the target refuses it") {
		t.Errorf("got notes %s, want the shadow and the refusal named", n)
	}
	call(t, "DELETE", there+"/_index_template/both", "")
	f(fmt.Sprintf(all, "same", "differs overwritten", "same", "missing created"), 0, "apply", "--overwrite")
	call(t, "PUT", there+"/_index_template/spoil", `{"index_patterns":["logs-*"],"priority":500,"template":{"aliases":{"half":{}},"settings":{"index.codec":"best_compression"},"mappings":{"properties":{"spoiled":{"type":"long"}}}}}`)

	esferry(t, "run", "--cutover", "-c", yaml, "--json").want(t, 0)
	var made map[string]struct {
		Mappings struct{ Properties map[string]any }
		Settings struct{ Index map[string]any }
		Aliases  map[string]any
	}
	decode(t, call(t, "GET", there+"/logs-1", ""), &made)
	got := made["logs-1"]
	if len(got.Mappings.Properties) != 2 || got.Settings.Index["codec"] != nil {
		t.Errorf("the target's templates have added to the index: %v", got)
	}
	want := map[string]string{
		"search": "map[filter:map[term:map[k:a]] index_routing:1 search_routing:1,2]", "write": "map[is_write_index:true]", "plain": "map[]",
	}
	for alias, is := range want {
		if fmt.Sprint(got.Aliases[alias]) != is {
			t.Errorf("alias %s: got %v, want %s", alias, got.Aliases[alias], is)
		}
	}
	if len(got.Aliases) != len(want) {
		t.Errorf("got aliases %v, want %d", got.Aliases, len(want))
	}
	if list := call(t, "GET", there+"/_index_template", ""); strings.Contains(list, "esferry-") {
		t.Errorf("a template of esferry's own is left: %s", list)
	}
	f(strings.Replace(fmt.Sprintf(all, "same", "same", "same", "same"), "logs-1 missing", "logs-1 same", 1), 0, "diff")
}
