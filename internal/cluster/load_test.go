package cluster_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

func TestLoads(t *testing.T) {
	t.Parallel()
	f := func(body string, want ...cluster.Load) {
		t.Helper()
		got, err := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/_nodes/stats/thread_pool,os" {
				t.Errorf("got a request for %s", r.URL.Path)
			}
			fixed(200, body)(w, r)
		}).Loads(t.Context())
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: error %v (-want +got)\n%s", body, err, d)
		}
	}
	// As of Elasticsearch 7.17, 2.4, and of a node that tells nothing of its CPU.
	f(`{"_nodes":{"failed":0},"nodes":{"y":{"name":"b","os":{"cpu":{"percent":7}},"thread_pool":{"search":{"queue":3,"rejected":12}}},"x":{"name":"a","os":{"cpu":{"percent":91}},"thread_pool":{"search":{"queue":0,"rejected":0}}}}}`,
		cluster.Load{Node: "a", CPU: 91}, cluster.Load{Node: "b", Queued: 3, Rejected: 12, CPU: 7})
	f(`{"nodes":{"x":{"name":"a","os":{"cpu_percent":45},"thread_pool":{"search":{"queue":1,"rejected":2}}}}}`, cluster.Load{Node: "a", Queued: 1, Rejected: 2, CPU: 45})
	f(`{"nodes":{"x":{"name":"a","thread_pool":{"search":{"queue":1}}}}}`, cluster.Load{Node: "a", Queued: 1, CPU: -1})
}

// What is not told of every node is an error, and no load of nothing.
func TestLoadsThatAreNotTold(t *testing.T) {
	t.Parallel()
	f := func(status int, body string, again bool) {
		t.Helper()
		asked := 0
		got, err := answering(t, func(w http.ResponseWriter, r *http.Request) { asked++; fixed(status, body)(w, r) }).Loads(t.Context())
		if err == nil || retry.Retryable(err) != again || asked != 1 {
			t.Errorf("%s: got %v and %v after %d requests, want an error after one, temporary: %v", body, got, err, asked, again)
		}
	}
	f(200, `{"_nodes":{"failed":1},"nodes":{"x":{"name":"a"}}}`, true)
	f(200, `{}`, true)
	f(429, `{"error":{"type":"es_rejected_execution_exception","reason":"full"},"status":429}`, true)
	f(403, `{"error":{"type":"security_exception","reason":"action [cluster:monitor/nodes/stats] is unauthorized"},"status":403}`, false)
	f(404, `{}`, false)
}
