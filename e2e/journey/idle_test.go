package journey_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"esferry/internal/lab"
)

// TestIdleSyncAsksLittle carries 100 indices with 300 shards and counts what sync
// asks of both sides when nothing was written since. What it takes beside the
// same requests sent bare, one after another, is told and not judged: other
// tests run meanwhile.
func TestIdleSyncAsksLittle(t *testing.T) {
	t.Parallel()
	const indices, mostPerIndex = 100, 10
	l := lab.For(t)
	repository, err := l.Folder("idle-repository")
	if err != nil {
		t.Fatal(err)
	}
	source := l.StartFor(t, lab.Spec{Engine: lab.ES710, Name: "idle-source", RepoDirs: []string{repository}, JVM: []string{lab.Optimized}})
	target := l.StartFor(t, lab.Spec{Engine: lab.ES710, Name: "idle-target", RepoDirs: []string{repository}, JVM: []string{lab.Optimized}})
	fillMany(t, source.URL(), indices)
	here, there := record(t, source.URL()), record(t, target.URL())
	yaml := filepath.Join(t.TempDir(), "idle.yaml")
	text := fmt.Sprintf(`name: idle
source: {url: %s}
target: {url: %s}
indices: {include: ["many-*"]}
snapshot: {repository: shared, source: {type: fs, settings: {location: %q}}, target: {type: fs, settings: {location: %q}}}
`, here.URL, there.URL, repository, repository)
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	finished(t, theWorld.released, "baseline", "--json", "-c", yaml).want(t, 0)
	t.Logf("baseline of %d indices: %s", indices, time.Since(began).Round(time.Millisecond))
	finished(t, theWorld.released, "sync", "--json", "-c", yaml).want(t, 0)
	here.take()
	there.take()
	began = time.Now()
	o := finished(t, theWorld.released, "sync", "--json", "-c", yaml).want(t, 0)
	took := time.Since(began)
	asked, also := here.take(), there.take()
	if n := len(o.summary(t).Indices); n != indices {
		t.Fatalf("got %d indices in the summary, want %d", n, indices)
	}
	bare := replay(t, source.URL(), asked) + replay(t, target.URL(), also)
	n := len(asked) + len(also)
	t.Logf("sync with nothing to do: %s, %d requests for %d indices; the same requests sent bare: %s, ratio %.2f",
		took.Round(time.Millisecond), n, indices, bare.Round(time.Millisecond), took.Seconds()/bare.Seconds())
	if n >= mostPerIndex*indices {
		t.Errorf("got %d requests, want fewer than %d an index", n, mostPerIndex)
	}
}

// fillMany makes indices of three shards, with five documents each.
func fillMany(t *testing.T, at string, indices int) {
	t.Helper()
	began := time.Now()
	var bulk strings.Builder
	for i := range indices {
		name := fmt.Sprintf("many-%03d", i)
		// The bulk waits for all of them at once.
		call(t, "PUT", at+"/"+name+"?wait_for_active_shards=0", `{"settings":{"number_of_shards":3,"number_of_replicas":0}}`)
		for d := range 5 {
			fmt.Fprintf(&bulk, "{\"index\":{\"_index\":%q,\"_id\":\"%d\"}}\n{\"n\":%d}\n", name, d, d)
		}
	}
	if answer := call(t, "POST", at+"/_bulk", bulk.String()); !strings.Contains(answer, `"errors":false`) {
		t.Fatal(tail(answer))
	}
	t.Logf("%d indices filled: %s", indices, time.Since(began).Round(time.Millisecond))
}

// asking is one request as it was sent.
type asking struct {
	method, uri, contentType, body string
	// at is when it came, and took how long its answer did.
	at   time.Time
	took time.Duration
}

// recorder passes requests on and keeps them.
type recorder struct {
	URL string
	// before, where it is not nil, is told of each request before it is passed on.
	before func(uri string)

	mu    sync.Mutex
	asked []asking
}

// record puts a recorder in front of an engine for the length of a test.
func record(t *testing.T, engine string) *recorder {
	t.Helper()
	to, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	pass := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a := asking{method: q.Method, uri: q.URL.RequestURI(), contentType: q.Header.Get("Content-Type"), body: string(body), at: time.Now()}
		q.Body = io.NopCloser(bytes.NewReader(body))
		if r.before != nil {
			r.before(a.uri)
		}
		pass.ServeHTTP(w, q)
		a.took = time.Since(a.at)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = append(r.asked, a)
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// take gives what was asked since the last take.
func (r *recorder) take() []asking {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

// replay sends requests to an engine, one after another over one connection, and
// tells how long that took.
func replay(t *testing.T, engine string, asked []asking) time.Duration {
	t.Helper()
	began := time.Now()
	for _, a := range asked {
		q, err := http.NewRequestWithContext(t.Context(), a.method, engine+a.uri, strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if a.contentType != "" {
			q.Header.Set("Content-Type", a.contentType)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode > 299 {
			t.Fatalf("%s %s: status %d", a.method, a.uri, answer.StatusCode)
		}
	}
	return time.Since(began)
}
