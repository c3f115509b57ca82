package journey_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
)

// TestFailover kills a node of the source that holds primaries, in the middle
// of rounds and under a live writer; its replicas are promoted. With segment
// replication a replica's searches lag behind, and the promoted one has to
// catch up first.
func TestFailover(t *testing.T) {
	faultcase.Shows(t, 10, "a node with primaries is killed under a writer, its replicas are promoted")
	faultcase.Shows(t, 13, "segment replication, with a primary that dies")
	t.Parallel()
	for _, c := range []struct {
		name           string
		source, target lab.Engine
		settings       string
	}{
		{"6.8", lab.ES68, lab.ES710, `{"index.number_of_replicas":1}`},
		{"segment replication", lab.OS38, lab.OS38, `{"index.number_of_replicas":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := lab.Spec{Engine: c.source, Nodes: 3}
			if c.source == lab.OS38 {
				source.Settings = map[string]string{"cluster.indices.replication.strategy": "SEGMENT"}
			}
			p := newPair(t, source, lab.Spec{Engine: c.target})
			p.load(t, library(t, 1500), logs("logs-a", 1500), logs("streamed-logs", 1000))
			names := []string{"code", "logs-a", "streamed-logs"}
			for _, name := range names {
				call(t, "PUT", p.source.URL()+"/"+name+"/_settings", c.settings)
			}
			call(t, "GET", p.source.URL()+"/_cluster/health?wait_for_status=green&timeout=60s", "")
			p.sourceURL = "[" + strings.Join(p.source.URLs(), ", ") + "]"
			yaml := p.config(t, "failover", `code, "logs-*", "streamed-*"`, "stream: {page: {docs: 50}}\n")
			stop := p.writing(t, 200, names...)
			esferry(t, "run", "--json", "-c", yaml).want(t, 0)
			follow := started(t, "sync", "--follow", "--interval", "10ms", "--json", "-c", yaml)
			follow.await(t, `"round_ended"`)
			follow.await(t, `"round_ended"`)
			killed := p.killPrimaries(t)
			before := p.terms(t, "streamed-logs")
			p.promoted(t, killed)
			for range 4 {
				if _, ok := follow.next(); !ok {
					break
				}
			}
			t.Logf("node %d killed; terms %v, then %v; writer %s", killed, before, p.terms(t, "streamed-logs"), stop())
			follow.kill(t)
			p.syncOrExplain(t, yaml, names)
			esferry(t, "sync", "--json", "-c", yaml).want(t, 0)
			for _, name := range names {
				// A replica may answer with what it had a while ago.
				call(t, "PUT", p.source.URL()+"/"+name+"/_settings", `{"index.number_of_replicas":0}`)
			}
			p.mustBeEqual(t, names...)
		})
	}
}

// syncOrExplain syncs; where that fails it tells which documents are to blame
// and where the marks are.
func (p *pair) syncOrExplain(t *testing.T, yaml string, names []string) {
	t.Helper()
	o := esferry(t, "sync", "--json", "-c", yaml)
	if o.code == 0 {
		return
	}
	for _, name := range names {
		d, err := lab.Compare(t.Context(), p.source.URL(), p.target.URL(), name, name)
		t.Logf("index %s: %s (%v)", name, d, err)
		for _, found := range d.Missing.First {
			id, _, _ := strings.Cut(strings.TrimPrefix(found, `"`), `"`)
			t.Logf("%s on the source: %s", found, call(t, "POST", p.source.URL()+"/"+name+"/_search?preference=_primary", fmt.Sprintf(`{"version":true,"seq_no_primary_term":true,"_source":false,"query":{"ids":{"values":[%q]}}}`, id)))
		}
	}
	t.Logf("checkpoints: %s", esferry(t, "checkpoint", "show", "--json", "-c", yaml).stdout)
	o.want(t, 0)
}

// killPrimaries kills a node other than the first that holds a primary, and
// gives its number.
func (p *pair) killPrimaries(t *testing.T) int {
	t.Helper()
	var copies []struct{ Prirep, Node string }
	decode(t, call(t, "GET", p.source.URL()+"/_cat/shards/code,logs-a,streamed-logs?format=json&h=prirep,node", ""), &copies)
	for i := len(p.source.URLs()) - 1; i > 0; i-- {
		for _, c := range copies {
			if c.Prirep == "p" && c.Node == fmt.Sprintf("node-%d", i+1) {
				p.source.KillNode(i)
				return i
			}
		}
	}
	t.Fatalf("no node but the first holds a primary: %+v", copies)
	return 0
}

// promoted waits until every primary is started on a node that lives.
func (p *pair) promoted(t *testing.T, killed int) {
	t.Helper()
	err := retry.Poll(t.Context(), "the replicas to be promoted", 200*time.Millisecond, func(context.Context) (bool, error) {
		status, answer := lab.Ask(t, "GET", p.source.URL()+"/_cat/shards/code,logs-a,streamed-logs?format=json&h=prirep,state,node", "") //nolint:contextcheck // it has the test's own
		if status != 200 {
			return false, nil
		}
		var copies []struct{ Prirep, State, Node string }
		decode(t, answer, &copies)
		waits := slices.ContainsFunc(copies, func(c struct{ Prirep, State, Node string }) bool {
			return c.Prirep == "p" && (c.State != "STARTED" || c.Node == fmt.Sprintf("node-%d", killed+1))
		})
		return !waits, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pair) terms(t *testing.T, index string) map[string]int64 {
	t.Helper()
	var state struct {
		Metadata struct {
			Indices map[string]struct {
				Terms map[string]int64 `json:"primary_terms"`
			}
		}
	}
	decode(t, call(t, "GET", p.source.URL()+"/_cluster/state/metadata/"+index, ""), &state)
	return state.Metadata.Indices[index].Terms
}
