package journey_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// TestFaultsOnTheWire puts a proxy that spoils chosen requests between esferry
// and each side. Whatever happens, the command either succeeds with equal sides
// or says what is wrong, and a run without faults then makes them equal:
// nothing is lost, nothing doubled.
func TestFaultsOnTheWire(t *testing.T) {
	faultcase.Shows(t, 4, "bulk: the answer is lost, cut in the middle, given half as if it were whole, or empty")
	faultcase.Shows(t, 4, "bulk: 504 of a proxy after it was applied")
	faultcase.Shows(t, 7, "each bulk is answered late")
	faultcase.Shows(t, 8, "429 of whole requests, and 503")
	faultcase.Shows(t, 8, "413 as a gateway's HTML")
	faultcase.Shows(t, 20, "failed shards and timed_out of any search and count on the wire")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 1200), logs("streamed-logs", 1500))
	names := []string{"code", "streamed-logs"}
	source, target := p.proxied(t)
	yaml := p.config(t, "faulty", `code, "streamed-*"`, "stream: {page: {docs: 100}, bulk: {bytes: 64KiB}}\n")
	stop := p.writing(t, 50, names...)

	// The whole journey under a little of everything.
	everything := func(seed uint64) []faults.Rule {
		var rules []faults.Rule
		for i, f := range []faults.Fault{
			faults.Refuse, faults.LoseAnswer, faults.GatewayTimeout, faults.HalfAnswer, faults.ShortAnswer, faults.EmptyAnswer,
			faults.TooMany, faults.Unavailable, faults.BusyItems, faults.FailedShards, faults.TimedOut,
		} {
			rules = append(rules, faults.Rule{Chance: 0.01, Seed: seed + uint64(i), Fault: f})
		}
		return rules
	}
	source.Use(everything(1)...)
	target.Use(everything(100)...)
	for try := 1; ; try++ {
		o := esferry(t, "run", "--json", "-c", yaml)
		if o.code == 0 {
			break
		}
		t.Logf("run %d ended with exit code %d: %s", try, o.code, lastLine(o.stderr))
		if try == 40 {
			t.Fatalf("it does not get through:\n%s", tail(o.stderr))
		}
	}
	if source.Injected() == 0 || target.Injected() == 0 {
		t.Errorf("got %d and %d faults, want some on either side", source.Injected(), target.Injected())
	}
	t.Logf("%d faults on the source's side and %d on the target's", source.Injected(), target.Injected())
	source.Use()
	target.Use()
	stop()
	esferry(t, "sync", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, names...)

	p.eachFault(t, yaml, names, source, target)
}

// eachFault makes a change and syncs it under one fault after another.
func (p *pair) eachFault(t *testing.T, yaml string, names []string, source, target *faults.Proxy) {
	t.Helper()
	reads := []faults.Kind{faults.Scroll, faults.Page, faults.Search, faults.Count, faults.MGet, faults.Stats, faults.State}
	pages := []faults.Kind{faults.Scroll, faults.Page}
	bulk := []faults.Kind{faults.Bulk}
	for i, c := range []struct {
		side *faults.Proxy
		rule faults.Rule
	}{
		{target, faults.Rule{Kinds: bulk, Every: 2, Fault: faults.LoseAnswer}},
		{target, faults.Rule{Kinds: bulk, Every: 2, Fault: faults.GatewayTimeout}},
		{target, faults.Rule{Kinds: bulk, Every: 2, Fault: faults.HalfAnswer}},
		{target, faults.Rule{Kinds: bulk, Every: 2, Fault: faults.ShortAnswer}},
		{target, faults.Rule{Kinds: bulk, Every: 2, Fault: faults.EmptyAnswer}},
		{target, faults.Rule{Kinds: bulk, Every: 1, Fault: faults.BusyItems}},
		{target, faults.Rule{Kinds: bulk, Bytes: 1 << 10, Fault: faults.TooLarge}},
		{target, faults.Rule{Chance: 0.3, Seed: 1, Fault: faults.TooMany}},
		{target, faults.Rule{Chance: 0.3, Seed: 2, Fault: faults.Unavailable}},
		{target, faults.Rule{Chance: 0.3, Seed: 3, Fault: faults.Refuse}},
		{target, faults.Rule{Kinds: bulk, Fault: faults.Delay, For: 500 * time.Millisecond}},
		{source, faults.Rule{Kinds: pages, Every: 3, Fault: faults.HalfAnswer}},
		{source, faults.Rule{Kinds: pages, Every: 3, Fault: faults.ShortAnswer}},
		{source, faults.Rule{Kinds: pages, Every: 3, Fault: faults.FailedShards}},
		{source, faults.Rule{Kinds: pages, Every: 3, Fault: faults.TimedOut}},
		{source, faults.Rule{Kinds: pages, Every: 3, Fault: faults.LoseAnswer}},
		{source, faults.Rule{Kinds: reads, Every: 4, Fault: faults.EmptyAnswer}},
		{source, faults.Rule{Kinds: reads, Every: 4, Fault: faults.TooMany}},
		{source, faults.Rule{Kinds: reads, Fault: faults.Trickle}},
		{source, faults.Rule{Kinds: []faults.Kind{faults.Count, faults.Search}, Fault: faults.FailedShards, Times: 3}},
		{source, faults.Rule{Kinds: []faults.Kind{faults.Scroll}, Fault: faults.FailedShards, Times: 3}},
	} {
		name := fmt.Sprintf("%s on %v", c.rule.Fault, c.rule.Kinds)
		for _, index := range names {
			p.change(t, index, 1000+i)
		}
		c.side.Reset()
		c.side.Use(c.rule)
		o := esferry(t, "sync", "--json", "-c", yaml)
		injected := c.side.Injected()
		c.side.Use()
		t.Logf("%s: %d times, exit code %d %s", name, injected, o.code, lastLine(o.stderr))
		if injected == 0 {
			t.Errorf("%s: it never happened", name)
		}
		if o.code != 0 {
			t.Errorf("%s: got exit code %d\n%s", name, o.code, tail(o.stderr))
			esferry(t, "sync", "-c", yaml).want(t, 0)
		}
		for _, index := range names {
			p.mustBeEqualQuietly(t, name, index)
		}
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestWithoutTheClusterState: where the source's cluster state may not be read,
// primary terms are guessed, and the freeze is closed by comparing all documents.
func TestWithoutTheClusterState(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, logs("logs-a", 1000), logs("streamed-logs", 800))
	source, _ := p.proxied(t)
	source.Use(faults.Rule{Kinds: []faults.Kind{faults.State}, Fault: faults.Forbidden})
	yaml := p.config(t, "stateless", `"logs-*", "streamed-*"`, "")
	stop := p.writing(t, 100, "logs-a", "streamed-logs")
	esferry(t, "run", "-c", yaml).want(t, 0)
	esferry(t, "sync", "-c", yaml).want(t, 0)
	o := esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
	t.Logf("writer %s", stop())
	for _, index := range []string{"logs-a", "streamed-logs"} {
		if !strings.Contains(o.stdout, fmt.Sprintf(`"phase_ended","phase":"reconcile","index":%q`, index)) {
			t.Errorf("index %s is not compared at the end", index)
		}
	}
	if source.Injected() == 0 {
		t.Error("the cluster state was never asked for")
	}
	p.mustBeEqual(t, "logs-a", "streamed-logs")
}
