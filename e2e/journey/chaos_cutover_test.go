package journey_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// cutting is an index of TestChaos that is cut over; found is its alias.
const cutting = "streamed-cut"

// cutsOver fails a cutover in one way after another, and lets the last one
// through.
func (c *chaos) cutsOver(t *testing.T) {
	t.Helper()
	c.load(t, logs(cutting, 200))
	hook := filepath.Join(c.dir, "hook.sh")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho the hook gives up >&2\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	aliases := "cutover: {aliases: {found: " + cutting + "}%s}\n"
	const pattern = `"` + cutting + `*"`
	yaml := c.config(t, "cut", pattern, fmt.Sprintf(aliases, ", hooks: {frozen: ["+hook+"]}"))
	esferry(t, "run", "-c", yaml).want(t, 0)
	t.Run("a hook fails", func(t *testing.T) { c.hookFails(t, yaml) })
	c.config(t, "cut", pattern, fmt.Sprintf(aliases, ""))
	t.Run("an index comes up with the block", func(t *testing.T) { c.tomorrow(t, yaml) })
	t.Run("a rollover under the freeze", func(t *testing.T) { c.rolledOver(t, yaml) })
	t.Run("an index is deleted under the freeze", func(t *testing.T) { c.deletedUnderFreeze(t, yaml) })
	t.Run("the alias's name is taken", func(t *testing.T) { c.nameTaken(t, yaml) })
}

func (c *chaos) hookFails(t *testing.T, yaml string) {
	t.Helper()
	faultcase.Shows(t, 38, "a hook fails")
	o := esferry(t, "cutover", "-c", yaml)
	if o.code == 0 || !strings.Contains(o.stderr, "frozen") || !strings.Contains(o.stderr, "the hook gives up") || !strings.Contains(o.stderr, "the freeze is lifted") {
		t.Errorf("got exit code %d, want the hook's failure, and that the freeze is lifted: %s", o.code, tail(o.stderr))
	}
	call(t, "PUT", c.source.URL()+"/"+cutting+"/_doc/after-the-hook?refresh=true", `{"name":"after"}`)
}

// tomorrow has a writer begin its next index when the others are blocked.
func (c *chaos) tomorrow(t *testing.T, yaml string) {
	t.Helper()
	faultcase.Shows(t, 19, "a new daily index comes up with the block")
	const next = cutting + "-tomorrow"
	var once atomic.Bool
	c.here.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_block/write") && once.CompareAndSwap(false, true) {
			lab.Ask(t, "PUT", c.source.URL()+"/"+next+"/_doc/1?refresh=true", `{"name":"tomorrow"}`)
		}
		return false
	})
	o := esferry(t, "cutover", "-c", yaml)
	c.here.On(nil)
	if o.code == 0 || !once.Load() || !strings.Contains(o.stderr, "index "+next+" is new on the source") || !strings.Contains(o.stderr, "the freeze is lifted") {
		t.Errorf("got exit code %d, want the new index's name, and that the freeze is lifted: %s", o.code, tail(o.stderr))
	}
	call(t, "PUT", c.source.URL()+"/"+cutting+"/_doc/today?refresh=true", `{"name":"still today"}`)
	call(t, "DELETE", c.source.URL()+"/"+next, "")
}

// nameTaken has somebody make an index with the alias's name right before the
// switch, when all is verified: the block stands, and that has to be said.
func (c *chaos) nameTaken(t *testing.T, yaml string) {
	t.Helper()
	faultcase.Shows(t, 15, "somebody takes the alias's name at the switch")
	faultcase.Shows(t, 38, "the alias switch fails: it is said that the block stands")
	var once atomic.Bool
	c.there.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/_aliases" && strings.Contains(string(peek(r)), `"found"`) && once.CompareAndSwap(false, true) {
			lab.Ask(t, "PUT", c.target.URL()+"/found/_doc/1?refresh=true", `{"whose":"somebody else's"}`)
		}
		return false
	})
	o := esferry(t, "cutover", "-c", yaml)
	if o.code == 0 || !once.Load() {
		t.Fatalf("got exit code %d, want a refusal: %s", o.code, tail(o.stderr))
	}
	t.Logf("exit code %d: %s", o.code, tail(o.stderr))
	if status, _ := lab.Ask(t, "PUT", c.source.URL()+"/"+cutting+"/_doc/blocked", `{}`); status == http.StatusForbidden {
		if !strings.Contains(o.stderr, "block") || !strings.Contains(o.stderr, cutting) || !strings.Contains(o.stderr, "next: ") {
			t.Errorf("the source is blocked, and it is not said, or not what to do: %s", tail(o.stderr))
		}
		if s := esferry(t, "status", "-c", yaml).want(t, 0); !strings.Contains(s.stdout, "block") {
			t.Errorf("the source is blocked, and the status does not say so: %s", s.stdout)
		}
	}
	call(t, "DELETE", c.target.URL()+"/found", "")
	esferry(t, "cutover", "-c", yaml).want(t, 0)
	c.mustBeEqual(t, cutting)
	if got := call(t, "GET", c.target.URL()+"/_alias/found", ""); !strings.Contains(got, cutting) {
		t.Errorf("got %s, want the alias on %s", got, cutting)
	}
	call(t, "DELETE", c.target.URL()+"/"+cutting, "")
}
