package journey_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// noScrolls takes all scroll contexts of the source away for a while.
func (c *chaos) noScrolls(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 21, "the source's scroll contexts are exhausted")
	settings := c.source.URL() + "/_cluster/settings"
	call(t, "PUT", settings, `{"transient":{"search.max_open_scroll_context":2}}`)
	for range 2 {
		call(t, "POST", c.source.URL()+"/"+chaotic+"/_search?scroll=5m&size=1&preference=_shards:0", "{}")
	}
	c.many(t)
	var refused atomic.Int64
	c.here.On(func(w http.ResponseWriter, r *http.Request) bool {
		if !r.URL.Query().Has("scroll") {
			return false
		}
		status, answer := answered(t, c.source.URL(), r)
		if status > 299 && refused.Add(1) == 3 {
			call(t, "DELETE", c.source.URL()+"/_search/scroll/_all", "")
		}
		w.WriteHeader(status)
		_, _ = w.Write(answer) //nolint:errcheck // the client may have left
		return true
	})
	esferry(t, "sync", "-c", c.yaml).want(t, 0)
	if refused.Load() < 3 {
		t.Errorf("got %d scrolls refused, want some", refused.Load())
	}
	call(t, "PUT", settings, `{"transient":{"search.max_open_scroll_context":null}}`)
	c.mends(t)
}

// floodStage does to the target's index what an engine does whose disk is full.
func (c *chaos) floodStage(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 18, "the flood-stage block appears on the target in mid-run")
	c.changed(t)
	var once atomic.Bool
	c.there.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_bulk") && once.CompareAndSwap(false, true) {
			lab.Ask(t, "PUT", c.target.URL()+"/"+chaotic+"/_settings", `{"index.blocks.read_only_allow_delete":true}`)
		}
		return false
	})
	c.refuses(t, "flood-stage", "disk", chaotic)
	call(t, "PUT", c.target.URL()+"/"+chaotic+"/_settings", `{"index.blocks.read_only_allow_delete":null}`)
	c.mends(t)
}

func (c *chaos) readOnlyCluster(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 18, "cluster.blocks.read_only on the target")
	c.changed(t)
	call(t, "PUT", c.target.URL()+"/_cluster/settings", `{"transient":{"cluster.blocks.read_only":true}}`)
	c.refuses(t, "read-only", "block")
	call(t, "PUT", c.target.URL()+"/_cluster/settings", `{"transient":{"cluster.blocks.read_only":null}}`)
	c.mends(t)
}

// stoppedTooLong stops esferry between two pages, lets its scrolls expire and
// somebody write, and lets it go on.
func (c *chaos) stoppedTooLong(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 2, "stopped in the middle of a scroll until that has expired")
	c.many(t)
	hook, arrived, release := held("/_search/scroll")
	defer release()
	c.here.On(hook)
	run := started(t, "sync", "--json", "-c", c.yaml)
	reached(t, "the second page", arrived)
	c.signal(t, run, syscall.SIGSTOP)
	call(t, "DELETE", c.source.URL()+"/_search/scroll/_all", "")
	c.many(t)
	release()
	c.signal(t, run, syscall.SIGCONT)
	if code := run.end(t); code != 0 {
		t.Errorf("got exit code %d, want the window read again: %s", code, tail(run.stderr.String()))
	}
	c.mends(t)
}

func (c *chaos) signal(t *testing.T, p *process, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// copiedStore lets a second machine, to which the store was copied, carry
// something newer while the first one stands still with a bulk on its way.
func (c *chaos) copiedStore(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 3, "two machines with copies of one store: the writes of the slower one do not arrive late")
	faultcase.Shows(t, 2, "a stopped worker's bulk arrives after its successor has written")
	c.many(t)
	elsewhere := filepath.Join(c.dir, "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"chaos.db", "chaos.yaml"} {
		if err := os.WriteFile(filepath.Join(elsewhere, name), []byte(read(t, filepath.Join(c.dir, name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hook, arrived, release := held("/_bulk")
	defer release()
	c.there.On(hook)
	old := started(t, "sync", "--json", "-c", c.yaml)
	reached(t, "the first bulk", arrived)
	c.signal(t, old, syscall.SIGSTOP)
	// Deleted, forgotten and made anew, with lower versions than those on their way.
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.gc_deletes":"0s"}`)
	call(t, "POST", c.source.URL()+"/"+chaotic+"/_delete_by_query?refresh=true", `{"query":{"ids":{"values":["many-1","many-2","many-3"]}}}`)
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.gc_deletes":null}`)
	o := esferry(t, "sync", "-c", filepath.Join(elsewhere, "chaos.yaml"))
	t.Logf("elsewhere: exit code %d: %s", o.code, lastLine(o.stderr))
	o.want(t, 0)
	c.mustBeEqual(t, chaotic)
	release()
	c.signal(t, old, syscall.SIGCONT)
	if code := old.end(t); code == 0 || !strings.Contains(old.stderr.String(), "another process carries this ferry") {
		t.Errorf("got exit code %d, want the old one to hear that another process is there: %s", code, tail(old.stderr.String()))
	}
	t.Logf("the old one: %s", lastLine(old.stderr.String()))
	call(t, "POST", c.target.URL()+"/"+chaotic+"/_refresh", "")
	c.mustBeEqual(t, chaotic)
	// The newer store is the one to go on with.
	if err := os.WriteFile(filepath.Join(c.dir, "chaos.db"), []byte(read(t, filepath.Join(elsewhere, "chaos.db"))), 0o600); err != nil {
		t.Fatal(err)
	}
	c.mends(t)
}

// noRoomForTheStore bounds the size of files, so that the store cannot grow.
func (c *chaos) noRoomForTheStore(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 34, "no room for the store when it is made")
	bare := c.config(t, "roomless", chaotic+"-2", "")
	c.load(t, logs(chaotic+"-2", 50))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "ulimit -f 8; exec "+theWorld.binary+" run -c "+bare)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "roomless.db") {
		t.Errorf("got %v, want it to name the store's file: %s", err, tail(string(out)))
	}
	t.Logf("%v: %s", err, tail(string(out)))
	esferry(t, "run", "-c", bare).want(t, 0)
	c.mustBeEqual(t, chaotic+"-2")
}

// poison writes documents that the target's mapping does not take among others
// that it does.
func (c *chaos) poison(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 25, "mapping conflict: the poison is named, and just it is kept apart")
	faultcase.Shows(t, 25, "the limit of fields is reached; a strict mapping")
	const index = "streamed-poison"
	c.load(t, logs(index, 50))
	yaml := c.config(t, "poison", index, "stream: {on_reject: dead_letter}\n")
	esferry(t, "run", "-c", yaml).want(t, 0)
	// Somebody has mapped the field on the target already.
	call(t, "PUT", c.target.URL()+"/"+index+"/_mapping", `{"properties":{"bad":{"type":"long"},"when":{"type":"date"},"tight":{"type":"object","dynamic":"strict"}}}`)
	call(t, "PUT", c.target.URL()+"/"+index+"/_settings", `{"index.mapping.total_fields.limit":1}`)
	for i := range 30 {
		call(t, "PUT", fmt.Sprintf("%s/%s/_doc/good-%d", c.source.URL(), index, i), `{"level":"INFO"}`)
	}
	poisons := []string{`{"bad":"no number"}`, `{"when":"no date"}`, `{"tight":{"loose":1}}`, `{"one_field_too_many":1}`}
	for i, source := range poisons {
		call(t, "PUT", fmt.Sprintf("%s/%s/_doc/poison-%d", c.source.URL(), index, i), source)
	}
	c.config(t, "poison", index, "")
	if o := esferry(t, "sync", "-c", yaml); o.code == 0 || !strings.Contains(o.stderr, "poison-") || !strings.Contains(o.stderr, index) {
		t.Errorf("got exit code %d, want a refusal that names document and index: %s", o.code, tail(o.stderr))
	}
	c.config(t, "poison", index, "stream: {on_reject: dead_letter}\n")
	esferry(t, "sync", "-c", yaml).want(t, 4)
	call(t, "POST", c.target.URL()+"/"+index+"/_refresh", "")
	for i := range 30 {
		call(t, "GET", fmt.Sprintf("%s/%s/_doc/good-%d", c.target.URL(), index, i), "")
	}
	kept := map[string]bool{}
	// The first line says what the file holds.
	_, letters, _ := strings.Cut(read(t, filepath.Join(c.dir, "poison.db.deadletters.ndjson")), "\n")
	for line := range strings.Lines(letters) {
		var letter struct{ ID string }
		if err := json.Unmarshal([]byte(line), &letter); err != nil {
			t.Fatal(err)
		}
		kept[letter.ID] = true
	}
	for i := range poisons {
		if !kept[fmt.Sprintf("poison-%d", i)] {
			t.Errorf("got dead letters of %v, want poison-%d among them", kept, i)
		}
	}
	if len(kept) != len(poisons) {
		t.Errorf("got dead letters of %v, want just those %d", kept, len(poisons))
	}
}

func (c *chaos) extremeVersions(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 16, "external versions 0 and near 2^63 on the source")
	for id, version := range map[string]string{"zero": "0", "high": "9223372036854775806"} {
		call(t, "PUT", c.source.URL()+"/"+chaotic+"/_doc/"+id+"?refresh=true&version_type=external&version="+version, `{"name":"extreme"}`)
	}
	c.mends(t)
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_doc/zero?refresh=true", `{"name":"one more"}`)
	call(t, "DELETE", c.source.URL()+"/"+chaotic+"/_doc/high?refresh=true", "")
	c.mends(t)
}

// sourceVanishes deletes the source's index while it is read; it comes last.
func (c *chaos) sourceVanishes(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 15, "the source's index is deleted in mid-run")
	c.many(t)
	before := count(call(t, "GET", c.target.URL()+"/"+chaotic+"/_count", ""))
	hook, arrived, release := held("/_search/scroll")
	defer release()
	c.here.On(hook)
	run := started(t, "sync", "--json", "-c", c.yaml)
	reached(t, "the second page", arrived)
	call(t, "DELETE", c.source.URL()+"/"+chaotic, "")
	release()
	if code := run.end(t); code == 0 || !strings.Contains(run.stderr.String(), chaotic) || !strings.Contains(run.stderr.String(), "the index is gone on the source") {
		t.Errorf("got exit code %d, want a refusal that names the index: %s", code, tail(run.stderr.String()))
	}
	t.Logf("%s", tail(run.stderr.String()))
	call(t, "POST", c.target.URL()+"/"+chaotic+"/_refresh", "")
	if n := count(call(t, "GET", c.target.URL()+"/"+chaotic+"/_count", "")); n < before {
		t.Errorf("the target has %d documents of %d left", n, before)
	}
	if regexp.MustCompile(`"` + chaotic + `"`).MatchString(call(t, "GET", c.source.URL()+"/_alias", "")) {
		t.Error("the source's index came back")
	}
}
