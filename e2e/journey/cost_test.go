package journey_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

// TestCostFollowsChange restores an index of a million documents, changes 1,700
// of them, and counts what sync reads and asks, on the wire of both sides; and
// the same after no change at all. Times are ratios to a backfill of the same
// index in the same run; what is asked of them leaves room for a shared machine.
// Quiet, it is a twenty-second here, and a sixteenth on OpenSearch 2.19, whose
// refreshes take longer. It is not parallel: the longest of all, it would at
// times be the last, and no other journey runs while it takes the time.
func TestCostFollowsChange(t *testing.T) {
	const docs = 1_000_000
	full := []string{lab.Optimized}
	p := newPair(t, lab.Spec{Engine: lab.ES710, Heap: "1g", JVM: full}, lab.Spec{Engine: lab.ES819, Heap: "1g", JVM: full})
	p.load(t, logs("big", docs))
	source, target := p.proxied(t)
	yaml := p.config(t, "cost", "big", "")
	began := time.Now()
	finished(t, theWorld.released, "baseline", "--json", "-c", yaml).want(t, 0)
	t.Logf("baseline by snapshot: %s", time.Since(began).Round(time.Millisecond))
	finished(t, theWorld.released, "sync", "--json", "-c", yaml).want(t, 0)

	again := p.config(t, "again", "big", "")
	renamed := strings.Replace(read(t, again), "indices:\n", "indices:\n  rename: {big: big-again}\n", 1)
	if err := os.WriteFile(again, []byte(renamed), 0o600); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	finished(t, theWorld.released, "backfill", "big", "--json", "-c", again).want(t, 0)
	whole := time.Since(began)
	t.Logf("backfill: %s", whole.Round(time.Millisecond))

	idle := synced(t, yaml, source, target)
	t.Logf("after no change: %s", idle)
	if idle.documents > 0 || idle.requests >= 300 || idle.took*100 >= whole {
		t.Errorf("after no change: got %s beside a backfill of %s, want no document, under 300 requests, under a hundredth of the time", idle, whole)
	}
	p.changeMany(t, "big")
	busy := synced(t, yaml, source, target)
	t.Logf("after 1,700 changes: %s", busy)
	if busy.documents >= 5000 || busy.requests >= 300 || busy.took*10 >= whole {
		t.Errorf("after 1,700 changes: got %s beside a backfill of %s, want under 5,000 documents, under 300 requests, under a tenth of the time", busy, whole)
	}
	p.mustBeEqual(t, "big")
}

// cost is what one sync took.
type cost struct {
	took                       time.Duration
	requests, documents, asked int64
}

// String gives one line.
func (c cost) String() string {
	return fmt.Sprintf("%s, %d requests, %d documents read, %d asked for by id", c.took.Round(time.Millisecond), c.requests, c.documents, c.asked)
}

func synced(t *testing.T, yaml string, sides ...*faults.Proxy) cost {
	t.Helper()
	for _, side := range sides {
		side.Reset()
	}
	began := time.Now()
	o := finished(t, theWorld.released, "sync", "--json", "-c", yaml).want(t, 0)
	c := cost{took: time.Since(began)}
	t.Log(tail(o.stdout))
	for _, side := range sides {
		n := side.Counts()
		c.requests, c.documents, c.asked = c.requests+n.Requests, c.documents+n.Documents, c.asked+n.Asked
	}
	return c
}

// changeMany updates 1,000 documents of an index, adds 500 and deletes 200.
func (p *pair) changeMany(t *testing.T, index string) {
	t.Helper()
	var found struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	// By a hash, so that they lie all over the index.
	decode(t, call(t, "POST", p.source.URL()+"/"+index+"/_search", `{"size":1200,"_source":false,"query":{"function_score":{"random_score":{"seed":7,"field":"_seq_no"}}}}`), &found)
	if len(found.Hits.Hits) != 1200 {
		t.Fatalf("got %d documents, want 1,200", len(found.Hits.Hits))
	}
	var body strings.Builder
	for i, hit := range found.Hits.Hits {
		if i < 1000 {
			fmt.Fprintf(&body, "{\"update\":{\"_id\":%q}}\n{\"doc\":{\"changed\":%d}}\n", hit.ID, i)
		} else {
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":%q}}\n", hit.ID)
		}
	}
	for i := range 500 {
		fmt.Fprintf(&body, "{\"index\":{\"_id\":\"new-%d\"}}\n{\"new\":%d}\n", i, i)
	}
	if answer := call(t, "POST", p.source.URL()+"/"+index+"/_bulk", body.String()); !strings.Contains(answer, `"errors":false`) {
		t.Fatal(tail(answer))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
