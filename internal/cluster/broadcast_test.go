package cluster_test

import (
	"net/http"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// TestNodesThatDoNotKnowYet: a node that has just started says of every index that
// it is not there; only where the master says so, too, is it gone.
func TestNodesThatDoNotKnowYet(t *testing.T) {
	const none = `{"error":{"type":"index_not_found_exception","reason":"no such index [logs]"},"status":404}`
	f := func(settings http.HandlerFunc, gone bool) {
		t.Helper()
		asked := 0
		c := patiently(t, retry.Policy{First: time.Millisecond, Total: time.Minute}, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/":
				fixed(200, `{"version":{"number":"8.19.0","build_flavor":"default"},"cluster_uuid":"u"}`)(w, r)
			case "/logs/_refresh":
				if asked++; asked == 1 || gone {
					fixed(404, none)(w, r)
					return
				}
				fixed(200, `{"_shards":{"total":1,"successful":1,"failed":0}}`)(w, r)
			default:
				settings(w, r)
			}
		})
		if _, err := c.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(t.Context(), "logs"); cluster.NotFound(err) != gone || !gone && (err != nil || asked < 2) {
			t.Errorf("got %v after %d requests, want it gone: %v", err, asked, gone)
		}
	}
	f(fixed(200, `{"logs":{"settings":{"index.uuid":"u","index.number_of_shards":"1"}}}`), false)
	f(fixed(404, none), true)
	first := true
	f(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			fixed(503, `{"error":{"type":"master_not_discovered_exception","reason":null},"status":503}`)(w, r)
			return
		}
		fixed(200, `{"logs":{"settings":{"index.uuid":"u","index.number_of_shards":"1"}}}`)(w, r)
	}, false)
}
