package journey_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// diskFills lets the source find its own disks full, which then blocks every write
// and every change of settings, esferry's own block among them: what is there can
// be carried, and a freeze is refused. Then it happens under a freeze that fails.
func (c *unsteady) diskFills(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 18, "the source's disk is full")
	const index = "streamed-full"
	c.load(t, logs(index, 600))
	hook := filepath.Join(c.dir, "fails.sh")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	both := c.sourceURL
	c.sourceURL = c.here.URL
	yaml := c.config(t, "full", index, "cutover: {hooks: {frozen: ["+hook+"]}}\n")
	c.sourceURL = both
	esferry(t, "run", "-c", yaml).want(t, 0)
	c.change(t, index, 9000)
	c.watermarks(t, `"true"`, `"1000000gb"`)
	until(t, "the engine's flood-stage block", func() bool {
		return strings.Contains(call(t, "GET", c.source.URL()+"/"+index+"/_settings", ""), "read_only_allow_delete")
	})
	esferry(t, "sync", "-c", yaml).want(t, 0)
	c.mustBeEqual(t, index)
	if o := esferry(t, "cutover", "-c", yaml); o.code == 0 || !strings.Contains(o.stderr, index) || !strings.Contains(o.stderr, "flood-stage") || !strings.Contains(o.stderr, "next: ") {
		t.Errorf("got exit code %d, want a refusal that names index, block and what to do: %s", o.code, tail(o.stderr))
	}
	c.watermarks(t, "null", "null")
	flooded := func(value string) {
		call(t, "PUT", c.source.URL()+"/"+index+"/_settings", `{"index.blocks.read_only_allow_delete":`+value+`}`)
	}
	// The engine has blocked the others, too.
	call(t, "PUT", c.source.URL()+"/_all/_settings", `{"index.blocks.read_only_allow_delete":null}`)
	call(t, "PUT", c.source.URL()+"/"+index+"/_doc/room-again", `{"name":"room again"}`)

	done := c.onceBlocked(t, func() { flooded("true") })
	o := esferry(t, "cutover", "-c", yaml)
	c.here.On(nil)
	if o.code == 0 || !done() || !strings.Contains(o.stderr, "could NOT be lifted") || !strings.Contains(o.stderr, "esferry cutover abort") {
		t.Errorf("got exit code %d, want it to say that the block stands: %s", o.code, tail(o.stderr))
	}
	flooded("null")
	esferry(t, "cutover", "abort", "-c", yaml).want(t, 0)
	call(t, "PUT", c.source.URL()+"/"+index+"/_doc/lifted", `{"name":"lifted"}`)
	esferry(t, "sync", "-c", yaml).want(t, 0)
	c.mustBeEqual(t, index)
}

// watermarks says how full the source's disks may be.
func (c *unsteady) watermarks(t *testing.T, enabled, free string) {
	t.Helper()
	const disk = "cluster.routing.allocation.disk."
	call(t, "PUT", c.source.URL()+"/_cluster/settings", fmt.Sprintf(`{"transient":{%q:%s,%q:%s,%q:%s,%q:%s}}`,
		disk+"threshold_enabled", enabled, disk+"watermark.low", free, disk+"watermark.high", free, disk+"watermark.flood_stage", free))
}

// wrongVectors writes vectors of another dimension than the target's field has.
func (c *unsteady) wrongVectors(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 25, "vectors of a wrong dimension")
	const index = "streamed-vectors"
	c.load(t, logs(index, 50))
	yaml := c.config(t, "vectors", index, "stream: {on_reject: dead_letter}\n")
	esferry(t, "run", "-c", yaml).want(t, 0)
	call(t, "PUT", c.target.URL()+"/"+index+"/_mapping", `{"properties":{"vector":{"type":"dense_vector","dims":3}}}`)
	for id, vector := range map[string]string{"good-1": "[1,2,3]", "good-2": "[3,2,1]", "long": "[1,2,3,4]", "short": "[1,2]"} {
		call(t, "PUT", c.source.URL()+"/"+index+"/_doc/"+id, `{"vector":`+vector+`}`)
	}
	esferry(t, "sync", "-c", yaml).want(t, 4)
	call(t, "POST", c.target.URL()+"/"+index+"/_refresh", "")
	letters := read(t, filepath.Join(c.dir, "vectors.db.deadletters.ndjson"))
	for id, kept := range map[string]bool{"good-1": false, "good-2": false, "long": true, "short": true} {
		status, _ := lab.Ask(t, "GET", c.target.URL()+"/"+index+"/_doc/"+id, "")
		if strings.Contains(letters, `"`+id+`"`) != kept || (status == 200) == kept {
			t.Errorf("document %s: got status %d on the target, and dead letters %s", id, status, letters)
		}
	}
}

// rebuiltSources has the source keep documents that it writes anew when asked.
func (c *unsteady) rebuiltSources(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 26, "synthetic source")
	for index, body := range map[string]string{
		"streamed-by-setting": `{"settings":{"index.mapping.source.mode":"synthetic"},"mappings":{"properties":{"k":{"type":"keyword"}}}}`,
		"streamed-by-mapping": `{"mappings":{"_source":{"mode":"synthetic"},"properties":{"k":{"type":"keyword"}}}}`,
		"streamed-by-mode":    `{"settings":{"index.mode":"logsdb"},"mappings":{"properties":{"@timestamp":{"type":"date"},"k":{"type":"keyword"}}}}`,
	} {
		call(t, "PUT", c.source.URL()+"/"+index, body)
		const written = `{"@timestamp":"2026-11-22T00:00:00Z","k":["b","a","a"]}`
		call(t, "POST", c.source.URL()+"/"+index+"/_doc?refresh=true", written)
		if got := call(t, "GET", c.source.URL()+"/"+index+"/_search", ""); strings.Contains(got, written) {
			t.Errorf("index %s keeps its sources, so that the test shows nothing: %s", index, got)
		}
		yaml := c.config(t, index, index, "")
		for _, command := range []string{"plan", "run"} {
			o := esferry(t, command, "-c", yaml)
			if o.code == 0 || !strings.Contains(o.stdout+o.stderr, index) || !strings.Contains(o.stdout+o.stderr, " _source") {
				t.Errorf("%s of %s: got exit code %d, want it refused by name: %s", command, index, o.code, tail(o.stdout+o.stderr))
			}
		}
		if status, _ := lab.Ask(t, "HEAD", c.target.URL()+"/"+index, ""); status != 404 {
			t.Errorf("index %s: got status %d on the target, want none", index, status)
		}
	}
}
