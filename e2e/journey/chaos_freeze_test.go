package journey_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// onceBlocked does something when the source has just set the write block.
func (c *chaos) onceBlocked(t *testing.T, do func()) (done func() bool) {
	t.Helper()
	var once atomic.Bool
	var hook faults.Hook = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/_block/write") {
			return false
		}
		status, answer := answered(t, c.source.URL(), r)
		if status == http.StatusOK && once.CompareAndSwap(false, true) {
			do()
		}
		w.WriteHeader(status)
		_, _ = w.Write(answer) //nolint:errcheck // the client may have left
		return true
	}
	c.here.On(hook)
	return once.Load
}

// rolledOver has the source roll an alias over while its index is blocked, as
// lifecycle policies do: writers go on in the new index.
func (c *chaos) rolledOver(t *testing.T, yaml string) {
	t.Helper()
	faultcase.Shows(t, 19, "a rollover or a delete by ILM under the freeze")
	const next = cutting + "-000002"
	call(t, "POST", c.source.URL()+"/_aliases", `{"actions":[{"add":{"index":"`+cutting+`","alias":"cut-writers"}}]}`)
	rolled := c.onceBlocked(t, func() {
		lab.Ask(t, "POST", c.source.URL()+"/cut-writers/_rollover/"+next, `{"conditions":{"max_docs":1}}`)
		lab.Ask(t, "PUT", c.source.URL()+"/cut-writers/_doc/rolled?refresh=true", `{"name":"rolled over"}`)
	})
	o := esferry(t, "cutover", "-c", yaml)
	c.here.On(nil)
	if o.code == 0 || !rolled() || !strings.Contains(o.stderr, "index "+next+" is new on the source") || !strings.Contains(o.stderr, "the freeze is lifted") {
		t.Errorf("got exit code %d, want the new index's name, and that the freeze is lifted: %s", o.code, tail(o.stderr))
	}
	call(t, "PUT", c.source.URL()+"/"+cutting+"/_doc/after-the-rollover?refresh=true", `{"name":"after"}`)
	esferry(t, "run", "-c", yaml).want(t, 0)
	c.mustBeEqual(t, cutting, next)
}

// deletedUnderFreeze has the source delete an index that it has just blocked.
func (c *chaos) deletedUnderFreeze(t *testing.T, yaml string) {
	t.Helper()
	faultcase.Shows(t, 19, "a rollover or a delete by ILM under the freeze")
	const old = cutting + "-000002"
	deleted := c.onceBlocked(t, func() { lab.Ask(t, "DELETE", c.source.URL()+"/"+old, "") })
	o := esferry(t, "cutover", "-c", yaml)
	c.here.On(nil)
	if o.code == 0 || !deleted() || !strings.Contains(o.stderr, old) || !strings.Contains(o.stderr, "the index is gone on the source") || !strings.Contains(o.stderr, "the freeze is lifted") {
		t.Errorf("got exit code %d, want the name of what is gone, and that the freeze is lifted: %s", o.code, tail(o.stderr))
	}
	call(t, "PUT", c.source.URL()+"/"+cutting+"/_doc/after-the-delete?refresh=true", `{"name":"after"}`)
	if o := esferry(t, "cutover", "-c", yaml); o.code == 0 || !strings.Contains(o.stderr, "esferry checkpoint reset") {
		t.Errorf("got exit code %d, want it to say how to go on without the index: %s", o.code, tail(o.stderr))
	}
	esferry(t, "checkpoint", "reset", old, "--yes", "-c", yaml).want(t, 0)
	if got := call(t, "GET", fmt.Sprintf("%s/%s/_count", c.target.URL(), old), ""); count(got) != 1 {
		t.Errorf("got %s on the target, want what it had", got)
	}
}
