package preflight_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/internal/preflight"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine stands in for one with an index "users": what its user may see, how
// many documents a search counts, and how many are stored. It fails the test for
// any other question.
func engine(t *testing.T, privileges string, seen, stored int) *cluster.Cluster {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := ""
		switch r.URL.Path {
		case "/":
			answer = `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"7.10.2"}}`
		case "/_security/user/_privileges":
			if privileges == "" {
				w.WriteHeader(http.StatusBadRequest)
				answer = `{"error":{"type":"illegal_argument_exception","reason":"no handler found"},"status":400}`
				break
			}
			answer = privileges
		case "/users/_stats/docs":
			answer = fmt.Sprintf(`{"_shards":{"total":2,"successful":1,"failed":0},"_all":{"primaries":{"docs":{"count":%d}}}}`, stored)
		case "/users/_count":
			answer = fmt.Sprintf(`{"count":%d,"_shards":{"total":1,"successful":1,"failed":0}}`, seen)
		case "/elsewhere/_settings":
			w.WriteHeader(http.StatusNotFound)
			answer = `{"error":{"type":"index_not_found_exception"},"status":404}`
		default:
			t.Errorf("asked for %s", r.URL.Path)
		}
		_, _ = io.WriteString(w, answer) //nolint:errcheck // the client may have left
	}))
	t.Cleanup(server.Close)
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPartialSightIsNoticed(t *testing.T) {
	faultcase.Shows(t, 26, "a role that sees a part")
	faultcase.Shows(t, 36, "a role that sees a part of the documents")
	f := func(privileges, mappings string, seen, stored int, want string) {
		t.Helper()
		e := engine(t, privileges, seen, stored)
		sight, err := e.Sight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found, err := preflight.Index(t.Context(), preflight.Subject{
			Source: e, Target: e, Index: cluster.Index{Name: "users", Open: true}, Mappings: json.RawMessage(mappings), TargetName: "elsewhere",
			Restrictions: sight.Restrictions,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(found) > 0 {
			got = found[0].String()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s, %d of %d: got %q, want %q", privileges, seen, stored, got, want)
		}
	}
	whole := `{"indices":[{"names":["*"],"privileges":["read"],"field_security":[{"grant":["*"]}]}]}`
	f("", `{}`, 5000, 5000, "")
	f(whole, `{}`, 5000, 5000, "")
	// What was written since the last refresh.
	f(whole, `{}`, 99_500, 100_000, "")
	f(whole, `{}`, 20, 900, "")
	f("", `{}`, 4000, 100_000, "counts 4000 of its 100000")
	f("", `{"properties":{"n":{"type":"nested"}}}`, 4000, 100_000, "")
	f(`{"indices":[{"names":["use*"],"query":["{\"term\":{\"a\":1}}"]}]}`, `{}`, 5000, 5000, "hides documents")
	f(`{"indices":[{"names":["users"],"field_security":[{"grant":["*"],"except":["secret"]}]}]}`, `{}`, 5000, 5000, "hides fields")
	f(`{"indices":[{"names":["other-*"],"query":["{}"]}]}`, `{}`, 5000, 5000, "")
}

// secured stands in for an OpenSearch whose security plugin answers as 2.19.1's
// does: what it shows of the index "users", and of the role that the user has.
func secured(t *testing.T, shown, role string) *cluster.Cluster {
	t.Helper()
	answers := map[string]string{
		"/":                                 `{"cluster_name":"c","cluster_uuid":"u","version":{"distribution":"opensearch","number":"2.19.1"}}`,
		"/_plugins/_security/api/account":   `{"user_name":"seer","is_reserved":false,"backend_roles":[],"tenants":{"seer":true},"roles":["see"]}`,
		"/_plugins/_security/api/roles/see": role,
		"/_cluster/state/metadata/users":    `{"metadata":{"indices":{"users":{"mappings":{"_doc":{"properties":{"v":{"type":"long"},"k":{"properties":{"a":{"type":"long"},"b":{"type":"text"}}}}}}}}}}`,
		"/users":                            `{"users":{"mappings":` + shown + `}}`,
		"/users/_stats/docs":                `{"_shards":{"total":2,"successful":1,"failed":0},"_all":{"primaries":{"docs":{"count":5}}}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, known := answers[r.URL.Path]
		switch {
		case r.URL.Path == "/elsewhere/_settings":
			w.WriteHeader(http.StatusNotFound)
			answer = `{"error":{"type":"index_not_found_exception"},"status":404}`
		case !known:
			t.Errorf("asked for %s", r.URL.Path)
		case answer == "":
			w.WriteHeader(http.StatusForbidden)
			answer = `{"status":"FORBIDDEN","message":"No permission to access REST API: User seer with Security roles [see] does not have any role privileged for admin access. No ssl info found in request."}`
		}
		_, _ = io.WriteString(w, answer) //nolint:errcheck // the client may have left
	}))
	t.Cleanup(server.Close)
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSightOfRoles(t *testing.T) {
	faultcase.Shows(t, 26, "a role that hides fields, on OpenSearch")
	f := func(shown, role, want string, unread ...string) {
		t.Helper()
		e := secured(t, shown, role)
		sight, err := e.Sight(t.Context())
		if err != nil || !slices.Equal(sight.Unread, unread) {
			t.Fatalf("got %+v, %v, want %v unread", sight, err, unread)
		}
		found, err := preflight.Index(t.Context(), preflight.Subject{
			Source: e, Target: e, Index: cluster.Index{Name: "users", Open: true}, Mappings: json.RawMessage(shown), TargetName: "elsewhere",
			Restrictions: sight.Restrictions,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(found) > 0 {
			got = found[0].String()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s, %s: got %q, want %q", shown, role, got, want)
		}
	}
	role := func(permissions string) string {
		return `{"see":{"reserved":false,"hidden":false,"cluster_permissions":["cluster_monitor"],"index_permissions":[` + permissions + `],"tenant_permissions":[],"static":false}}`
	}
	whole := `{"properties":{"v":{"type":"long"},"k":{"properties":{"a":{"type":"long"},"b":{"type":"text"}}}}}`
	f(whole, role(`{"index_patterns":["users"],"fls":[],"masked_fields":[],"allowed_actions":["*"]}`), "")
	f(whole, role(`{"index_patterns":["use*"],"fls":[],"masked_fields":["k"],"allowed_actions":["*"]}`), "masked fields, on use*")
	f(whole, role(`{"index_patterns":["users"],"fls":["~k"],"masked_fields":[],"allowed_actions":["*"]}`), "hides fields")
	f(whole, role(`{"index_patterns":["users"],"dls":"{\"term\":{\"v\":1}}","fls":[],"masked_fields":[],"allowed_actions":["*"]}`), "hides documents")
	f(whole, role(`{"index_patterns":["other"],"fls":["~k"],"masked_fields":["k"],"allowed_actions":["*"]}`), "")
	f(whole, "", "", "see")
	f(`{"properties":{"v":{"type":"long"},"k":{"properties":{"a":{"type":"long"}}}}}`, "", "not shown all of its fields", "see")
}
