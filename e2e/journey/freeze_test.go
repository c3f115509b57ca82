package journey_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"esferry/internal/lab"
)

// TestFreezeAsksLittle cuts three indices over under a live writer that deletes, and
// one that stands still, counts what is asked of both sides while the writer is held
// back, and names what takes long.
func TestFreezeAsksLittle(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710, JVM: []string{lab.Optimized}}, lab.Spec{Engine: lab.OS219, JVM: []string{lab.Optimized}})
	p.load(t, library(t, 6000), logs("logs-2026.11.01", 6000), logs("streamed-logs", 3000), logs("still", 500))
	names := []string{"code", "logs-2026.11.01", "streamed-logs", "still"}
	here, there := record(t, p.source.URL()), record(t, p.target.URL())
	p.sourceURL, p.targetURL = here.URL, there.URL
	yaml := p.config(t, "freeze", strings.Join(names, ", "), "cutover: {max_lag: 200, aliases: {found: code}}\n")
	stop := p.writing(t, 100, names[:3]...)
	finished(t, theWorld.released, "run", "--json", "-c", yaml).want(t, 0)
	o := finished(t, theWorld.released, "cutover", "--json", "-c", yaml).want(t, 0)
	stop()
	if strings.Contains(o.stdout, "all are looked through") {
		t.Errorf("what was deleted since the last look was not found by what left: %s", o.stdout)
	}
	if !strings.Contains(o.stdout, `"phase":"look for deletes","index":"streamed-logs","docs":`) {
		t.Error("nothing tells of the look for deletes, which takes minutes of a large index")
	}
	asked, written := here.take(), there.take()
	frozen := underFreeze(t, asked, written)
	t.Logf("writers were held back for %.2f s; %d requests meanwhile", *o.summary(t).FreezeSeconds, len(frozen))
	for _, a := range frozen {
		if strings.HasPrefix(a.uri, "/still/_search") {
			t.Errorf("an index that nobody writes to was looked through under the freeze: %s %s", a.method, a.uri)
		}
	}
	const most = 250
	if len(frozen) >= most {
		t.Errorf("got %d requests under the freeze, want fewer than %d", len(frozen), most)
	}
	for _, a := range underFreeze(t, slices.Concat(blocking(asked), written)) {
		if strings.HasPrefix(a.uri, "/streamed-logs/_search") {
			t.Errorf("the target's documents were looked through under the freeze: %s %s", a.method, a.uri)
		}
	}
	began := frozen[0].at
	for _, a := range frozen {
		if a.took >= 100*time.Millisecond {
			t.Logf("%4d ms, for %4d ms: %s %.100s", a.at.Sub(began).Milliseconds(), a.took.Milliseconds(), a.method, a.uri)
		}
	}
	for _, name := range names {
		if got := call(t, "GET", p.target.URL()+"/"+name+"/_settings?flat_settings=true", ""); strings.Contains(got, "gc_deletes") {
			t.Errorf("index %s keeps settings of the ferry: %s", name, got)
		}
	}
	p.mustBeEqual(t, names...)
}

// TestACountThatAWriterOvertakes deletes a document whenever the source is about to
// be counted, and nothing between that: the look for deletes, whose positions are
// older than its counts, must not take the difference for one that it has missed, and
// begin anew under the freeze.
func TestACountThatAWriterOvertakes(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, logs("logs", 500))
	const leaving = 50
	for i := range leaving {
		call(t, "PUT", fmt.Sprintf("%s/logs/_doc/leaving-%d", p.source.URL(), i), `{"message":"soon gone"}`)
	}
	here := record(t, p.source.URL())
	p.sourceURL = here.URL
	yaml := p.config(t, "overtaken", "logs", "")
	finished(t, theWorld.released, "run", "-c", yaml).want(t, 0)
	var left atomic.Int64
	here.before = func(uri string) {
		if !strings.HasPrefix(uri, "/logs/_count") {
			return
		}
		one := fmt.Sprintf("%s/logs/_doc/leaving-%d?refresh=true", p.source.URL(), left.Add(1)-1)
		q, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, one, http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		// Under the freeze it is refused.
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Error(err)
			return
		}
		_ = answer.Body.Close()
	}
	o := finished(t, theWorld.released, "cutover", "--json", "-c", yaml).want(t, 0)
	if n := left.Load(); n == 0 || n >= leaving {
		t.Errorf("got %d counts of the source, want some, and fewer than %d", n, leaving)
	}
	if strings.Contains(o.stdout, "all are looked through") {
		t.Errorf("a delete after the positions were read was taken for one that was missed: %s", o.stdout)
	}
	p.mustBeEqual(t, "logs")
}

// blocking gives the write blocks alone, by which the freeze begins.
func blocking(all []asking) []asking {
	return slices.DeleteFunc(slices.Clone(all), func(a asking) bool { return !strings.Contains(a.uri, "/_block/write") })
}

// underFreeze gives what was asked from the write block to the last change of
// aliases, in its order.
func underFreeze(t *testing.T, sides ...[]asking) []asking {
	t.Helper()
	all := slices.SortedFunc(slices.Values(slices.Concat(sides...)), func(a, b asking) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	var first, last time.Time
	for _, a := range all {
		if a.method == "PUT" && strings.Contains(a.uri, "/_block/write") {
			first = a.at
		}
		if a.method == "POST" && a.uri == "/_aliases" {
			last = a.at
		}
	}
	frozen := slices.DeleteFunc(all, func(a asking) bool { return a.at.Before(first) || a.at.After(last) })
	if first.IsZero() || len(frozen) == 0 {
		t.Fatalf("no freeze is among %d requests", len(all))
	}
	return frozen
}
