package journey_test

import (
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

// TestWritersFollowTheTarget puts a proxy before the target that answers 429
// for items of bulks beyond three at once, and takes a while for the others.
// Writers try for more than they began with, are refused, and stay below: the
// sides end equal, and few requests were in vain.
func TestWritersFollowTheTarget(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES68}, lab.Spec{Engine: lab.ES710})
	p.load(t, logs("streamed-a", 20_000), logs("streamed-b", 4_000))
	_, target := p.proxied(t)
	bulks := []faults.Kind{faults.Bulk}
	target.Use(
		faults.Rule{Kinds: bulks, Above: 3, Fault: faults.BusyItems},
		faults.Rule{Kinds: bulks, Fault: faults.Delay, For: 100 * time.Millisecond},
	)
	yaml := p.config(t, "paced", `"streamed-*"`, "stream: {page: {docs: 200}, bulk: {bytes: 256KiB}}\n")
	run := started(t, "run", "--json", "-c", yaml)
	run.await(t, `"phase_begun"`, `"stream"`)
	for _, c := range []struct {
		asked string
		most  int
	}{{"2", 2}, {"auto", 4}} {
		var now struct {
			Type          string
			Writers, Most int
		}
		decode(t, esferry(t, "ctl", "writers", c.asked, "--json", "-c", yaml).want(t, 0).stdout, &now)
		if now.Type != "writers" || now.Writers != 2 || now.Most != c.most {
			t.Errorf("ctl writers %s: got %+v, want 2 of at most %d", c.asked, now, c.most)
		}
	}
	var paces []string
	for line, ok := run.next(); ok; line, ok = run.next() {
		if strings.Contains(line, `"type":"adapted"`) {
			paces = append(paces, line)
		}
	}
	if code := run.end(t); code != 0 || len(paces) == 0 {
		t.Fatalf("got exit code %d and %d changes of the pace\n%s", code, len(paces), tail(run.stderr.String()))
	}
	t.Logf("paces: %s", strings.Join(paces, "\n"))
	var refused, sent int64
	var rows struct {
		Indices []struct {
			Written struct{ Busy, Requests int64 }
		}
	}
	decode(t, esferry(t, "status", "--json", "-c", yaml).want(t, 0).stdout, &rows)
	for _, ix := range rows.Indices {
		refused += ix.Written.Busy
		sent += ix.Written.Requests
	}
	all := target.Counts()
	t.Logf("%d bulks of %d items, %d requests recorded, %d items refused", all.ByKind[faults.Bulk], all.Items, sent, refused)
	if sent == 0 || refused == 0 || refused*20 > all.Items {
		t.Errorf("%d of %d items were refused, want some, and less than a twentieth", refused, all.Items)
	}
	p.mustBeEqual(t, "streamed-a", "streamed-b")
}
