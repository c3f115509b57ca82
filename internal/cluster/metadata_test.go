package cluster_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"esferry/internal/cluster"
)

// speaking starts a stand-in that says who it is, and answers other requests by
// "METHOD path"; what it does not know is an error of the kind engines give.
func speaking(t *testing.T, distribution, version string, answers map[string]string) (*cluster.Cluster, *[]string) {
	t.Helper()
	var asked []string
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/" {
			_, _ = fmt.Fprintf(w, `{"cluster_name":"c","cluster_uuid":"u","version":{"number":%q,"distribution":%q}}`, version, distribution)
			return
		}
		line := r.Method + " " + r.URL.Path
		asked = append(asked, line+"?"+r.URL.RawQuery+" "+string(body))
		answer, known := answers[line]
		if !known {
			w.WriteHeader(http.StatusBadRequest)
			answer = `{"error":{"type":"illegal_argument_exception","reason":"no handler found for uri"},"status":400}`
		}
		if status, text, coded := strings.Cut(answer, "|"); coded {
			n := 0
			_, _ = fmt.Sscan(status, &n) //nolint:errcheck // the test's own table
			w.WriteHeader(n)
			answer = text
		}
		_, _ = io.WriteString(w, answer) //nolint:errcheck // the client may have left
	})
	if _, err := c.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, &asked
}

func TestPolicies(t *testing.T) {
	f := func(distribution, version string, kind cluster.MetadataKind, path, answer, want string) {
		t.Helper()
		c, _ := speaking(t, distribution, version, map[string]string{"GET " + path: answer})
		got, err := c.ListMetadata(t.Context(), kind)
		text := fmt.Sprintf("%s %v", got, err)
		if got == nil && err == nil {
			text = "none"
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s %s %s: got %s, want %s", distribution, version, kind, text, want)
		}
	}
	const ilm, ism, old = "/_ilm/policy", "/_plugins/_ism/policies", "/_opendistro/_ism/policies"
	policies := `{"policies":[{"_id":"weekly","_seq_no":3,"_primary_term":1,"policy":{"policy_id":"weekly","schema_version":1,"last_updated_time":7,"default_state":"hot","states":[]}}],"total_policies":%d}`
	f("", "8.19.0", cluster.LifecyclePolicy, ilm, `{"w":{"version":1,"modified_date":"x","policy":{"phases":{}}}}`, `map[w:{"policy":{"phases":{}}}]`)
	f("", "8.19.0", cluster.LifecyclePolicy, ilm, `{"w":{}}`, "no body")
	f("", "8.19.0", cluster.LifecyclePolicy, "/elsewhere", ``, "none")
	f("", "6.5.0", cluster.LifecyclePolicy, ilm, `{}`, "none")
	f("opensearch", "2.19.1", cluster.LifecyclePolicy, ilm, `{}`, "none")
	f("opensearch", "2.19.1", cluster.StatePolicy, ism, fmt.Sprintf(policies, 1), `map[weekly:{"policy":{"default_state":"hot","states":[]}}]`)
	f("opensearch", "2.19.1", cluster.StatePolicy, ism, fmt.Sprintf(policies, 2), "1 policies came of 2")
	f("opensearch", "2.19.1", cluster.StatePolicy, ism, `403|{"error":{"type":"security_exception","reason":"no permissions"},"status":403}`, "no permissions")
	f("", "7.10.2", cluster.StatePolicy, old, fmt.Sprintf(policies, 1), "default_state")
	f("", "7.10.2", cluster.StatePolicy, old, `404|{"error":{"type":"index_not_found_exception"},"status":404}`, "none")
	f("", "7.17.28", cluster.StatePolicy, old, fmt.Sprintf(policies, 1), "none")
}

func TestStatePolicyIsReplacedByNumber(t *testing.T) {
	const path = "/_plugins/_ism/policies/weekly"
	f := func(there, want string) {
		t.Helper()
		c, asked := speaking(t, "opensearch", "2.19.1", map[string]string{"GET " + path: there, "PUT " + path: `{}`})
		if err := c.PutMetadata(t.Context(), cluster.StatePolicy, "weekly", []byte(`{"policy":{}}`)); err != nil {
			t.Error(err)
		}
		if got := (*asked)[len(*asked)-1]; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(`404|{"error":"not found"}`, `PUT `+path+`? {"policy":{}}`)
	f(`{"_id":"weekly","_seq_no":12,"_primary_term":3}`, `PUT `+path+`?if_primary_term=3&if_seq_no=12 {"policy":{}}`)
}

func TestDataStreams(t *testing.T) {
	f := func(version, answer, want string) {
		t.Helper()
		c, _ := speaking(t, "", version, map[string]string{"GET /_data_stream": answer})
		got, err := c.DataStreams(t.Context())
		if text := fmt.Sprint(got, err); !strings.Contains(text, want) {
			t.Errorf("%s: got %s, want %s", version, text, want)
		}
	}
	f("8.19.0", `{"data_streams":[{"name":"logs","indices":[{"index_name":".ds-logs-1"},{"index_name":".ds-logs-2"}]}]}`, "[{logs [.ds-logs-1 .ds-logs-2]}] <nil>")
	f("8.19.0", `405|{}`, "[] <nil>")
	f("7.10.2", `400|{"error":{"type":"invalid_index_name_exception","reason":"must not start with '_'."},"status":400}`, "[] <nil>")
	f("8.19.0", `{"data_streams":7}`, "cannot unmarshal")
	f("6.8.23", ``, "[] <nil>")
}

func TestPrimaryPreference(t *testing.T) {
	f := func(product, version string, want bool) {
		t.Helper()
		v, err := cluster.ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		if got := (cluster.Identity{Product: product, Version: v}).PrimaryPreference(); got != want {
			t.Errorf("%s %s: got %t, want %t", product, version, got, want)
		}
	}
	f(cluster.OpenSearch, "1.3.13", false)
	f(cluster.OpenSearch, "2.7.0", false)
	f(cluster.OpenSearch, "2.8.0", true)
	f(cluster.OpenSearch, "3.8.0", true)
	f(cluster.Elasticsearch, "8.19.0", false)
}
