package journey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// chaos is a ferry whose every request passes a wire that may do anything to it.
type chaos struct {
	*pair
	here, there *faults.Wire
	yaml        string
	changes     int
}

// chaotic is what the ferry of TestChaos carries.
const chaotic = "streamed-logs"

// TestChaos does one thing after the other to a ferry that has its baseline: what
// becomes of a sync is equal sides, or a refusal that names what is wrong; and
// once it is over, the next sync makes the sides equal.
func TestChaos(t *testing.T) {
	t.Parallel()
	c := &chaos{pair: newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})}
	c.load(t, logs(chaotic, 1200))
	c.here, c.there = wired(t, c.source.URL()), wired(t, c.target.URL())
	c.sourceURL, c.targetURL = c.here.URL, c.there.URL
	c.yaml = c.config(t, "chaos", chaotic, "stream: {page: {docs: 100}, bulk: {bytes: 16KiB}}\n")
	esferry(t, "run", "-c", c.yaml).want(t, 0)
	for _, row := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"token expires", c.tokenExpires},
		{"redirected", c.redirected},
		{"byte by byte", c.byteByByte},
		{"the source's name points elsewhere", c.nameMoves},
		{"another cluster behind the address", c.anotherCluster},
		{"the source seems empty", c.seemsEmpty},
		{"a write between the refresh and the scan", c.writtenBetween},
		{"no scroll contexts left", c.noScrolls},
		{"flood stage", c.floodStage},
		{"a cluster that is read-only", c.readOnlyCluster},
		{"stopped for longer than a scroll lives", c.stoppedTooLong},
		{"a copied store", c.copiedStore},
		{"no room for the store", c.noRoomForTheStore},
		{"poison", c.poison},
		{"extreme versions", c.extremeVersions},
		{"cutover", c.cutsOver},
		{"a flipped blob is restored", c.flippedBlob},
		{"the source's index vanishes", c.sourceVanishes},
	} {
		c.here.Reset()
		c.there.Reset()
		t.Run(row.name, row.do)
	}
}

// wired puts a wire before an engine.
func wired(t *testing.T, to string) *faults.Wire {
	t.Helper()
	w, err := faults.NewWire(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// changed makes the source differ again.
func (c *chaos) changed(t *testing.T) {
	t.Helper()
	c.changes++
	c.change(t, chaotic, 5000+c.changes)
}

// refuses syncs, and wants a refusal that says all the words, and a next step.
func (c *chaos) refuses(t *testing.T, words ...string) {
	t.Helper()
	c.refusesTo(t, "sync", words...)
}

// refusesTo wants the same of another command.
func (c *chaos) refusesTo(t *testing.T, command string, words ...string) {
	t.Helper()
	o := esferry(t, command, "-c", c.yaml)
	if o.code == 0 {
		t.Errorf("got exit code 0, want a refusal\n%s", tail(o.stderr))
	}
	for _, w := range append(words, "next: ") {
		if !strings.Contains(o.stderr, w) {
			t.Errorf("got %q, want it to say %q", tail(o.stderr), w)
		}
	}
	t.Logf("exit code %d: %s", o.code, tail(o.stderr))
}

// mends lets everything pass again, and wants a sync to make the sides equal.
func (c *chaos) mends(t *testing.T) {
	t.Helper()
	c.here.On(nil)
	c.there.On(nil)
	esferry(t, "sync", "-c", c.yaml).want(t, 0)
	c.mustBeEqual(t, chaotic)
}

// after gives a hook that lets n requests pass whose path ends so, and has then
// every request answered by the function.
func after(n int64, end string, answer http.HandlerFunc) faults.Hook {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, end) {
			seen.Add(1)
		}
		if seen.Load() <= n {
			return false
		}
		answer(w, r)
		return true
	}
}

func (c *chaos) tokenExpires(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 8, "401 when a token expires in mid-run")
	expired := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"type":"security_exception","reason":"token expired"},"status":401}`)
	}
	for _, side := range []struct {
		wire *faults.Wire
		path string
	}{{c.there, "/_bulk"}, {c.here, "/_search"}} {
		c.changed(t)
		side.wire.On(after(1, side.path, expired))
		c.refuses(t, "401", "token expired", "auth")
		c.mends(t)
	}
}

func (c *chaos) redirected(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 7, "302 to another host in mid-run")
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked for %s", r.URL)
	}))
	defer thief.Close()
	c.changed(t)
	c.there.On(after(1, "/_bulk", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusFound)
	}))
	c.refuses(t, "redirects")
	c.mends(t)
}

func (c *chaos) byteByByte(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 7, "an answer that comes byte by byte")
	c.changed(t)
	var slow atomic.Int64
	c.here.On(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "_search") || slow.Add(1) > 2 {
			return false
		}
		status, body := answered(t, c.source.URL(), r)
		w.WriteHeader(status)
		for i, b := range body {
			_, err := w.Write([]byte{b})
			if err == nil && i < 2000 {
				err = http.NewResponseController(w).Flush()
			}
			if err != nil {
				t.Error(err)
				break
			}
		}
		return true
	})
	esferry(t, "sync", "-c", c.yaml).want(t, 0)
	if slow.Load() == 0 {
		t.Error("no answer was slow")
	}
	c.mends(t)
}

// answered passes a request on and gives the answer.
func answered(t *testing.T, to string, r *http.Request) (status int, answer []byte) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Error(err)
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = u.Scheme, u.Host, ""
	out.Header.Del("Accept-Encoding")
	response, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		faults.Cut()
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		faults.Cut()
	}
	return response.StatusCode, answer
}

// rewritten has the bodies of answers changed.
func rewritten(t *testing.T, to string, change func(r *http.Request, answer []byte) []byte) faults.Hook {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) bool {
		status, answer := answered(t, to, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(change(r, answer)) //nolint:errcheck // the client may have left
		return true
	}
}

func (c *chaos) anotherCluster(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 22, "another cluster behind the same address")
	c.changed(t)
	for _, side := range []struct {
		wire *faults.Wire
		url  string
	}{{c.here, c.source.URL()}, {c.there, c.target.URL()}} {
		side.wire.On(rewritten(t, side.url, func(r *http.Request, answer []byte) []byte {
			if r.URL.Path != "/" {
				return answer
			}
			return regexp.MustCompile(`("cluster_uuid" : ")[^"]*`).ReplaceAll(answer, []byte("${1}another-cluster-12345"))
		}))
		c.refuses(t, "another-cluster-12345")
		side.wire.On(nil)
	}
	c.mends(t)
}

// seemsEmpty has the source answer as to a user who may see nothing. Each shard
// holds less than max_delete, which is one share for the whole index.
func (c *chaos) seemsEmpty(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 36, "the source answers empty: nothing is deleted")
	for _, command := range []string{"sync", "cutover"} {
		c.changed(t)
		c.mends(t)
		before := c.held(t)
		c.here.On(rewritten(t, c.source.URL(), hidden))
		c.refusesTo(t, command, "max_delete", "none of them was deleted")
		if after := c.held(t); after != before {
			t.Errorf("%s: the target has %d documents of %d left, want all", command, after, before)
		}
		c.mends(t)
	}
}

// held counts the documents on the target.
func (c *chaos) held(t *testing.T) int {
	t.Helper()
	call(t, "POST", c.target.URL()+"/"+chaotic+"/_refresh", "")
	return count(call(t, "GET", c.target.URL()+"/"+chaotic+"/_count", ""))
}

// hidden is an answer as it is for a user who may see no document.
func hidden(r *http.Request, answer []byte) []byte {
	switch {
	case strings.HasSuffix(r.URL.Path, "/_count"):
		return regexp.MustCompile(`"count":\d+`).ReplaceAll(answer, []byte(`"count":0`))
	case strings.HasSuffix(r.URL.Path, "/_mget"):
		return regexp.MustCompile(`"found":true`).ReplaceAll(answer, []byte(`"found":false`))
	case strings.HasSuffix(r.URL.Path, "/_search"):
		return []byte(emptied(answer))
	default:
		return answer
	}
}

// emptied takes the documents and buckets out of a search's answer.
func emptied(answer []byte) string {
	var whole map[string]json.RawMessage
	if json.Unmarshal(answer, &whole) != nil {
		return string(answer)
	}
	whole["hits"] = json.RawMessage(`{"total":{"value":0,"relation":"eq"},"max_score":null,"hits":[]}`)
	if _, ok := whole["aggregations"]; ok {
		whole["aggregations"] = json.RawMessage(`{"numbers":{"buckets":[]}}`)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return string(answer)
	}
	return string(text)
}

func count(answer string) int {
	found := regexp.MustCompile(`"count":(\d+)`).FindStringSubmatch(answer)
	if found == nil {
		return -1
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return -1
	}
	return n
}

// writtenBetween writes a document right after the source was refreshed. Were G
// read after that, the document would be at or below it, and no scan would see it.
func (c *chaos) writtenBetween(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 41, "a document that is written between the refresh and the scan")
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.refresh_interval":"-1"}`)
	c.changed(t)
	var once atomic.Bool
	c.here.On(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/_refresh") {
			return false
		}
		status, answer := answered(t, c.source.URL(), r)
		if once.CompareAndSwap(false, true) {
			lab.Ask(t, "PUT", c.source.URL()+"/"+chaotic+"/_doc/between", `{"name":"between"}`)
		}
		w.WriteHeader(status)
		_, _ = w.Write(answer) //nolint:errcheck // the client may have left
		return true
	})
	esferry(t, "sync", "-c", c.yaml)
	if !once.Load() {
		t.Error("the source was never refreshed")
	}
	c.here.On(nil)
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.refresh_interval":null}`)
	c.mends(t)
}

// held keeps the first request whose path ends so, until the function is called;
// arrived is closed when it is there.
func held(end string) (hook faults.Hook, arrived chan struct{}, release func()) {
	var once atomic.Bool
	arrived, free := make(chan struct{}), make(chan struct{})
	hook = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, end) && once.CompareAndSwap(false, true) {
			close(arrived)
			<-free
		}
		return false
	}
	return hook, arrived, sync.OnceFunc(func() { close(free) })
}

// reached waits until something is there.
func reached(t *testing.T, what string, arrived <-chan struct{}) {
	t.Helper()
	select {
	case <-arrived:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s never came", what)
	}
}

// many writes hundreds of documents, so that a window needs several pages.
func (c *chaos) many(t *testing.T) {
	t.Helper()
	c.changes++
	var body bytes.Buffer
	for i := range 400 {
		fmt.Fprintf(&body, "{\"index\":{\"_id\":\"many-%d\"}}\n{\"name\":\"many %d\"}\n", i, c.changes)
	}
	call(t, "POST", c.source.URL()+"/"+chaotic+"/_bulk?refresh=true", body.String())
}
