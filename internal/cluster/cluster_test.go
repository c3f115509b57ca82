package cluster_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

const password = "hunter2"

// answering starts a strict stand-in whose answers are those of real engines,
// and dials it.
func answering(t *testing.T, handler http.HandlerFunc) *cluster.Cluster {
	t.Helper()
	return patiently(t, retry.Policy{Total: time.Millisecond}, handler)
}

// patiently is answering, with another patience.
func patiently(t *testing.T, p retry.Policy, handler http.HandlerFunc) *cluster.Cluster {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}, Authorize: cluster.Basic("ferry", password), Patience: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func fixed(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) //nolint:errcheck // the client may have left
	}
}

func TestErrorsAreOneSentenceWithANextStep(t *testing.T) {
	faultcase.Shows(t, 8, "Amazon's 403 \"throttled\"")
	f := func(status int, body string, temporary bool, says ...string) {
		t.Helper()
		err := answering(t, fixed(status, body)).Refresh(t.Context(), "users")
		var e *cluster.Error
		if !errors.As(err, &e) || e.Status != status && status > 299 || e.Temporary() != temporary {
			t.Errorf("status %d: got %#v, want temporary %t", status, err, temporary)
			return
		}
		for _, word := range append(says, "users", "127.0.0.1") {
			if !strings.Contains(err.Error()+" "+e.Hint, word) {
				t.Errorf("status %d: got %q with hint %q, want it to say %q", status, err, e.Hint, word)
			}
		}
		if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "\n") {
			t.Errorf("status %d: got %q", status, err)
		}
	}
	f(401, `{"error":{"type":"security_exception","reason":"unable to authenticate user"},"status":401}`, false, "unable to authenticate", "password")
	f(403, `{"error":{"type":"cluster_block_exception","reason":"index [users] blocked by: [FORBIDDEN/12/index read-only];"},"status":403}`, false, "lift the block")
	f(403, `{"Message":"Request throttled due to too many requests"}`, true, "throttled")
	f(404, `{"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index [users]"}],"type":"index_not_found_exception","reason":"no such index [users]"},"status":404}`, false, "no such index")
	f(429, `{"error":{"type":"es_rejected_execution_exception","reason":"rejected"}}`, true, "rejected")
	f(502, "<html>\n<body>Bad Gateway\x1b[31m</body></html>", true, "Bad Gateway")
	f(503, "", true, "Service Unavailable")
	f(200, `{"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"reason":"shard is gone"}]}}`, true, "shard is gone", "_cat/shards")
	f(200, `{"_shards":{"total":2,"successful":1,"fail`, true, "not what an engine sends")
}

func TestAnUnreachableClusterIsNamed(t *testing.T) {
	c, err := cluster.Dial(cluster.Options{URLs: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Probe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "refused") || !cluster.Ambiguous(err) {
		t.Errorf("got %v", err)
	}
}

func TestCredentialsNeverFollowARedirect(t *testing.T) {
	faultcase.Shows(t, 7, "302 to another host")
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked, with Authorization %q", r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	c := answering(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, http.StatusFound) })
	if _, err := c.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("got %v, want a refusal of the redirect", err)
	}
}

// route answers by path, and fails the test for any other.
func route(t *testing.T, answers map[string]string) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		for path, body := range answers {
			if strings.HasPrefix(r.URL.Path, path) {
				fixed(200, body)(w, r)
				return
			}
		}
		t.Errorf("%s %s was not expected", r.Method, r.URL)
	}
}

func TestPositions(t *testing.T) {
	faultcase.Shows(t, 14, "no primary, a primary that is not started, statistics without the shard")
	const terms = `{"metadata":{"indices":{"i":{"primary_terms":{"0":4,"1":7}}}}}`
	primary := func(global, top int) string {
		return fmt.Sprintf(`{"routing":{"state":"STARTED","primary":true,"node":"n1"},"seq_no":{"max_seq_no":%d,"local_checkpoint":%d,"global_checkpoint":%d},"commit":{"user_data":{"history_uuid":"h","local_checkpoint":"%d"}}}`, top, top, global, global)
	}
	const replica = `{"routing":{"state":"STARTED","primary":false,"node":"n2"},"seq_no":{"max_seq_no":3,"global_checkpoint":3},"commit":{"user_data":{"history_uuid":"h","local_checkpoint":"2"}}}`
	stats := func(shards string) string {
		return `{"_shards":{"total":4,"successful":2,"failed":0},"indices":{"i":{"shards":{` + shards + `}}}}`
	}
	f := func(shards, wrong string) {
		t.Helper()
		c := answering(t, route(t, map[string]string{"/_cluster/state/metadata/i": terms, "/i/_stats/docs,store": stats(shards)}))
		got, err := c.Positions(t.Context(), "i")
		if wrong != "" {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("got %v, %v, want an error about %q", got, err, wrong)
			}
			return
		}
		want := shard.Position{Shard: shard.ID{Index: "i", Number: 1}, Term: 7, Global: 3, Max: 5, Committed: 2, History: "h", Node: "n1"}
		if err != nil || len(got) != 2 || got[1] != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	f(`"0":[`+primary(1, 1)+`],"1":[`+primary(3, 5)+`,`+replica+`]`, "")
	f(`"0":[`+primary(1, 1)+`]`, "shard 1: no primary")
	f(`"0":[`+primary(1, 1)+`],"1":[`+replica+`]`, "shard 1: no primary")
	f(`"0":[`+primary(1, 1)+`],"1":[{"routing":{"state":"INITIALIZING","primary":true,"node":"n1"}}]`, "no sequence numbers")
}

func TestVersionsAreNeitherPresentNorAbsentOnAnError(t *testing.T) {
	faultcase.Shows(t, 20, "multi-get items with an error, or too few")
	faultcase.Shows(t, 23, "the same id under two routings, asked for by id")
	ask := func(body string) ([]cluster.Found, error) {
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			sent, err := io.ReadAll(r.Body)
			if want := `{"docs":[{"_id":"a\"","routing":"r"},{"_id":"b"}]}`; err != nil || string(sent) != want {
				t.Errorf("got body %s, want %s", sent, want)
			}
			fixed(200, body)(w, r)
		})
		return c.Versions(t.Context(), "i", []cluster.Key{{ID: `"a\""`, Routing: `"r"`}, {ID: `"b"`}})
	}
	got, err := ask(`{"docs":[{"_id":"a\"","_version":3,"_seq_no":8,"_primary_term":1,"_routing":"r","found":true},{"_id":"b","found":false}]}`)
	if err != nil || !got[0].Found || got[0].Version != 3 || got[0].SeqNo != 8 || got[1].Found {
		t.Errorf("got %+v, %v", got, err)
	}
	// Another routing to the same shard finds what is there under that id.
	got, err = ask(`{"docs":[{"_id":"a\"","_version":3,"found":true},{"_id":"b","_routing":"x","found":true}]}`)
	if err != nil || got[0].Found || got[1].Found {
		t.Errorf("documents under other routings: got %+v, %v", got, err)
	}
	if _, err := ask(`{"docs":[{"_id":"a","found":true},{"_id":"b","error":{"type":"routing_missing_exception"}}]}`); err == nil || !strings.Contains(err.Error(), "routing_missing") {
		t.Errorf("an item with an error: got %v", err)
	}
	if _, err := ask(`{"docs":[{"_id":"a","found":true}]}`); err == nil || !strings.Contains(err.Error(), "2 documents were asked for and 1 answered") {
		t.Errorf("one answer too few: got %v", err)
	}
}

// TestHistogramHoldsEverything: an engine that says it ended early is believed,
// unless its buckets hold the exact total of what matches.
func TestHistogramHoldsEverything(t *testing.T) {
	faultcase.Shows(t, 20, "a count or an aggregation that ended early")
	f := func(total, early string, whole bool) {
		t.Helper()
		c := answering(t, fixed(200, `{"timed_out":false,"terminated_early":`+early+`,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":`+total+`},
			"aggregations":{"numbers":{"buckets":[{"key":0.0,"doc_count":2},{"key":10.0,"doc_count":3}]}}}`))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		got, err := c.Histogram(ctx, shard.Position{}, shard.Window{Shard: shard.ID{Index: "i"}, From: -1, To: 19}, nil, 10)
		if want := []shard.Bucket{{From: 0, Docs: 2}, {From: 10, Docs: 3}}; whole && (err != nil || !slices.Equal(got, want)) || !whole && err == nil {
			t.Errorf("total %s, terminated early: %s: got %v, %v, want it whole: %v", total, early, got, err, whole)
		}
	}
	f(`{"value":5,"relation":"eq"}`, "false", true)
	f(`5`, "false", true)
	f(`{"value":5,"relation":"eq"}`, "true", true)
	f(`{"value":6,"relation":"eq"}`, "true", false)
	f(`{"value":5,"relation":"gte"}`, "true", false)
	f(`5`, "true", false)
}

func TestBulkCountsItsVerdicts(t *testing.T) {
	body := []byte("{\"index\":{\"_id\":\"a\"}}\n{}\n")
	f := func(answer string, items int, want string) []cluster.Item {
		t.Helper()
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Content-Type"); got != "application/x-ndjson" {
				t.Errorf("got content type %q", got)
			}
			if got := r.Header.Values("Accept"); len(got) > 1 {
				t.Errorf("got %d Accept headers, which Elasticsearch 8 refuses", len(got))
			}
			fixed(200, answer)(w, r)
		})
		verdicts, err := c.Bulk(t.Context(), "i", "", body, items)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", answer, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want an error about %q", answer, err, want)
		}
		return verdicts
	}
	one := `{"took":1,"errors":false,"items":[{"index":{"_version":4,"status":201}}]}`
	if got := f(one, 1, ""); len(got) != 1 || got[0].Status != 201 || got[0].Error != nil {
		t.Errorf("got %+v", got)
	}
	problem := `{"type":"mapper_parsing_exception","reason":"a \"quoted\" one","caused_by":{"type":"x","reason":"not a number"}}`
	got := f(`{"errors":true,"items":[{"index":{"status":201}},{"delete":{"error":`+problem+`,"status":400}}]}`, 2, "")
	if len(got) != 2 || got[1].Status != 400 || got[1].Error.String() != `a "quoted" one: not a number (mapper_parsing_exception)` {
		t.Errorf("got %+v", got)
	}
	f(one, 2, "2 items were sent and 1 answered")
	f(`{"errors":false}`, 1, "1 items were sent and 0 answered")
	f(`{"errors":false,"items":[{"index":{"_version":4}}]}`, 1, "no status")
	f(one[:40], 1, "not what an engine sends")
	f("<html>", 1, "not what an engine sends")
}

// TestBulkLetsGoOfItsBuffer answers while the client is still sending, and
// overwrites the buffer at once: the race detector tells if it is still read.
func TestBulkLetsGoOfItsBuffer(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	body := []byte(strings.Repeat("x", 8<<20))
	for range 5 {
		_, err := c.Bulk(t.Context(), "i", "", body, 1)
		if err == nil {
			t.Fatal("got no error for a 413")
		}
		for i := range body {
			body[i]++
		}
	}
}

func TestASearchAsksThePrimaryByName(t *testing.T) {
	faultcase.Shows(t, 13, "a search asks the primary by name")
	f := func(root, want string) {
		t.Helper()
		unnumbered := false
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				fixed(200, root)(w, r)
				return
			}
			if got := r.URL.Query().Get("preference"); got != want {
				t.Errorf("got preference %q, want %q", got, want)
			}
			if r.URL.Query().Has("filter_path") && strings.HasSuffix(r.URL.Path, "_search") {
				t.Error("a page is filtered, so that the engine rewrites its documents")
			}
			asked, err := io.ReadAll(r.Body)
			if numbers := strings.Contains(string(asked), "seq_no_primary_term"); err != nil || numbers == unnumbered {
				t.Errorf("got %s, %v, want sequence numbers: %t", asked, err, !unnumbered)
			}
			fixed(200, `{}`)(w, r)
		})
		if _, err := c.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := shard.Position{Shard: shard.ID{Index: "i", Number: 2}, Node: "node-7"}
		for _, unnumbered = range []bool{false, true} {
			page, err := c.OpenScroll(context.WithoutCancel(t.Context()), cluster.Scan{Position: p, Window: shard.Window{Shard: p.Shard, To: 5}, Size: 10, KeepAlive: time.Minute, Unnumbered: unnumbered})
			if err != nil {
				t.Fatal(err)
			}
			if err := page.Body.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	f(`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"8.19.0"}}`, "_shards:2|_only_nodes:node-7")
	f(`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"2.19.1","distribution":"opensearch"}}`, "_shards:2|_primary")
}

func TestIdentity(t *testing.T) {
	f := func(product, number string, major, minor int, want bool) {
		t.Helper()
		v, err := cluster.ParseVersion(number)
		if err != nil {
			t.Fatal(err)
		}
		if got := (cluster.Identity{Product: product, Version: v}).AtLeast(major, minor); got != want {
			t.Errorf("%s %s at least %d.%d: got %t, want %t", product, number, major, minor, got, want)
		}
	}
	f(cluster.Elasticsearch, "7.10.2", 7, 9, true)
	f(cluster.Elasticsearch, "6.8.23", 7, 0, false)
	f(cluster.Elasticsearch, "8.19.0-SNAPSHOT", 7, 17, true)
	f(cluster.OpenSearch, "2.19.1", 7, 10, true)
	f(cluster.OpenSearch, "3.8.0", 7, 11, false)
	if _, err := cluster.ParseVersion("nginx"); err == nil {
		t.Error("a version that is none: got no error")
	}
}

// TestGzip sends a large bulk packed and reads a packed answer; one that is cut
// short is an error.
func TestGzip(t *testing.T) {
	faultcase.Shows(t, 5, "gzip that is cut short")
	body := []byte(strings.Repeat("{\"index\":{\"_id\":\"a\"}}\n{}\n", 1000))
	short := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil || r.Header.Get("Content-Encoding") != "gzip" || r.ContentLength >= int64(len(body)) {
			t.Errorf("got %d bytes, encoding %q, %v", r.ContentLength, r.Header.Get("Content-Encoding"), err)
			return
		}
		if got, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(got, body) {
			t.Errorf("the body did not arrive: %d bytes, %v", len(got), err)
		}
		var packed bytes.Buffer
		out := gzip.NewWriter(&packed)
		if _, err := io.WriteString(out, `{"took":1,"errors":false,"items":[{"index":{"status":201}}]}`); err != nil {
			t.Error(err)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		if short {
			packed.Truncate(packed.Len() - 10)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes()) //nolint:errcheck // the client tells
	}))
	defer server.Close()
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}, Gzip: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if items, err := c.Bulk(t.Context(), "i", "", body, 1); err != nil || items[0].Status != 201 {
		t.Errorf("got %+v, %v", items, err)
	}
	short = true
	if _, err := c.Bulk(t.Context(), "i", "", body, 1); err == nil {
		t.Error("an answer that is cut short: got no error")
	}
}

func TestClosingIsNotAllowed(t *testing.T) {
	f := func(status int, body string, want bool) {
		t.Helper()
		c := answering(t, fixed(status, body))
		if can, err := c.CanClose(t.Context(), "users"); err != nil || can != want {
			t.Errorf("status %d %s: got %t (%v), want %t", status, body, can, err, want)
		}
	}
	door := `{"Message":"Your request: '/users-esferry-asks/_close' is not allowed."}`
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed} {
		f(status, door, false)
	}
	f(http.StatusNotFound, `{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}`, true)
	// Without the privilege the real call says which one.
	f(http.StatusForbidden, `{"error":{"type":"security_exception","reason":"action [indices:admin/close] is unauthorized"},"status":403}`, true)
}

func TestBusy(t *testing.T) {
	f := func(running, state, want string) {
		t.Helper()
		c := answering(t, route(t, map[string]string{"/_snapshot/_status": running, "/_cluster/state/customs": state}))
		if got, err := c.Busy(t.Context(), "ferry"); err != nil || got != want {
			t.Errorf("%s, %s: got %q, %v, want %q", running, state, got, err, want)
		}
	}
	f(`{"snapshots":[]}`, `{}`, "")
	f(`{"snapshots":[{"snapshot":"a","repository":"other","state":"STARTED"}]}`, `{}`, "")
	f(`{"snapshots":[{"snapshot":"a","repository":"ferry","state":"STARTED"}]}`, `{}`, "snapshot a")
	f(`{"snapshots":[]}`, `{"snapshot_deletions":{"snapshot_deletions":[{"repository":"other"},{"repository":"ferry"}]}}`, "the delete of a snapshot")
	f(`{"snapshots":[]}`, `{"repository_cleanup":{"repository_cleanup":[{"repository":"ferry"}]}}`, "a clean-up")
	f(`{"snapshots":[]}`, `{"repository_cleanup":{"repository_cleanup":[{"repository":"other"}]}}`, "")
}
