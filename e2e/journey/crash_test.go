package journey_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"esferry/internal/group"
	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// crashes kills a ferry at its step boundaries: at each kind of request that
// changes something on either side, once before the engine has heard of it, and
// once when the engine has done it and before the ferry knows.
type crashes struct {
	*pair

	mu sync.Mutex
	// visited are the boundaries at which a ferry was killed.
	visited map[string]bool
	dying   bool
	// reached hears of each of them, in time for the kill.
	reached chan string
}

// boundaries are all that a journey has: a new one has to be named here. A ferry
// dies before each, and after each.
func boundaries() []string {
	var points []string
	for _, name := range []string{
		"source: POST _snapshot/*/*",
		"source: PUT */_block/write",
		"source: PUT _settings index.blocks.write",
		"source: PUT _snapshot/*",
		"source: PUT _snapshot/*/*",
		"target: POST */_bulk",
		"target: POST _aliases",
		"target: POST _snapshot/*/*/_restore",
		"target: PUT *",
		"target: PUT _settings index.default_pipeline index.final_pipeline index.gc_deletes",
		"target: PUT _settings index.number_of_replicas index.refresh_interval",
		"target: PUT _snapshot/*",
		"target: PUT _template/*",
	} {
		points = append(points, "before "+name, "after "+name)
	}
	slices.Sort(points)
	return points
}

// TestCrashPoints kills run --cutover with SIGKILL at each boundary of the
// journey, with a writer going on, until none is left; and compares. What was
// visited is held against the list: nothing that a ferry changes is left out.
func TestCrashPoints(t *testing.T) {
	faultcase.Shows(t, 1, "before and after each request that changes something on either side")
	faultcase.Shows(t, 38, "killed between each pair of steps of the cutover: a block that stands is known to the store")
	t.Parallel()
	c := &crashes{pair: newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819}), visited: map[string]bool{}, reached: make(chan string)}
	c.load(t, logs("logs-a", 600), logs("streamed-logs", 600))
	c.on(wired(t, c.source.URL()), "source", c.source.URL(), &c.sourceURL)
	c.on(wired(t, c.target.URL()), "target", c.target.URL(), &c.targetURL)
	yaml := c.config(t, "crashes", `"logs-*", "streamed-*"`, "stream: {page: {docs: 200}}\ncutover: {aliases: {found: logs-a}}\n")
	stop := c.writing(t, 30, "logs-a", "streamed-logs")
	for runs := 1; c.killedOnce(t, "run", "--cutover", "--json", "-c", yaml); runs++ {
		if runs == 150 {
			t.Fatal("it never gets through")
		}
		c.mustKnowItsBlocks(t, yaml)
	}
	t.Logf("writer %s", stop())
	if got, want := slices.Sorted(maps.Keys(c.visited)), boundaries(); !slices.Equal(got, want) {
		t.Errorf("it was killed at\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	c.mustBeEqual(t, "logs-a", "streamed-logs")
	for _, index := range []string{"logs-a", "streamed-logs"} {
		settings := call(t, "GET", c.target.URL()+"/"+index+"/_settings?flat_settings=true", "")
		for _, left := range []string{"refresh_interval", "gc_deletes", "blocks.write"} {
			if strings.Contains(settings, left) {
				t.Errorf("index %s: %s is left: %s", index, left, settings)
			}
		}
	}
}

// on puts the wire between esferry and one side.
func (c *crashes) on(w *faults.Wire, side, to string, at *string) {
	*at = w.URL
	w.On(func(out http.ResponseWriter, r *http.Request) bool {
		// Only once its body is read is it noticed that the client is gone.
		peek(r)
		name := boundary(r)
		if name == "" {
			return false
		}
		switch point := c.visit(side + ": " + name); {
		case point == "":
			return false
		case point == "dying":
			faults.Cut()
		case strings.HasPrefix(point, "after "):
			pass(to, r)
			fallthrough
		default:
			c.reached <- point
		}
		// Until the connection ends with its process.
		<-r.Context().Done()
		faults.Cut()
		return true
	})
}

// pass has an engine do what is asked, and drops the answer.
func pass(to string, r *http.Request) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", strings.TrimPrefix(to, "http://"), ""
	if response, err := http.DefaultTransport.RoundTrip(out); err == nil {
		_ = response.Body.Close() // nobody wants the answer
	}
}

// visit gives the point to be killed at, if this boundary has one left.
func (c *crashes) visit(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dying {
		return "dying"
	}
	for _, point := range []string{"before " + name, "after " + name} {
		if !c.visited[point] {
			c.visited[point], c.dying = true, true
			return point
		}
	}
	return ""
}

// boundary names what a request changes; "" for those that change nothing.
func boundary(r *http.Request) string {
	steps := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	last := steps[len(steps)-1]
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || steps[0] == "_search":
		return ""
	case slices.Contains([]string{"_search", "_count", "_mget", "_msearch", "_refresh", "_flush"}, last):
		return ""
	case last == "_settings":
		return r.Method + " _settings " + keysOf(r)
	case steps[0] == "_snapshot":
		// The repository's and the snapshot's names are not the same twice.
		return r.Method + " _snapshot" + strings.Repeat("/*", min(2, len(steps)-1)) + strings.Join(append([]string{""}, steps[min(3, len(steps)):]...), "/")
	case steps[0] == "_template":
		steps[len(steps)-1] = "*"
	case !strings.HasPrefix(steps[0], "_"):
		steps[0] = "*"
	}
	return r.Method + " " + strings.Join(steps, "/")
}

// keysOf names the settings that a request changes.
func keysOf(r *http.Request) string {
	body := peek(r)
	var settings map[string]any
	if json.Unmarshal(body, &settings) != nil {
		return string(body)
	}
	return strings.Join(slices.Sorted(maps.Keys(settings)), " ")
}

// killedOnce runs the binary until it is killed at a boundary, and reports
// whether it was; otherwise it has to end well.
func (c *crashes) killedOnce(t *testing.T, args ...string) bool {
	t.Helper()
	run := started(t, args...)
	ended := make(chan string)
	g, _ := group.New(t.Context())
	g.Go("events", run.drain(ended))
	point := ""
	select {
	case point = <-c.reached:
		if err := run.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	case <-ended:
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	code := run.end(t)
	c.mu.Lock()
	c.dying = false
	c.mu.Unlock()
	if point == "" && code != 0 {
		t.Fatalf("it failed by itself with exit code %d: %s", code, tail(run.stderr.String()))
	}
	if point != "" {
		t.Logf("killed %s", point)
	}
	return point != ""
}

// mustKnowItsBlocks: where the source takes no writes, the status says so.
func (c *crashes) mustKnowItsBlocks(t *testing.T, yaml string) {
	t.Helper()
	if !strings.Contains(call(t, "GET", c.source.URL()+"/_all/_settings?flat_settings=true", ""), `"index.blocks.write":"true"`) {
		return
	}
	var status struct{ Blocked []string }
	decode(t, esferry(t, "status", "--json", "-c", yaml).want(t, 0).stdout, &status)
	if len(status.Blocked) == 0 {
		t.Error("the source is blocked, and the status does not say so")
	}
}

// peek reads a request's body, and leaves it to be read again.
func peek(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		faults.Cut()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}
