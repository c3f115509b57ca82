package preflight_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/preflight"
)

// site answers what a cutover's checks ask; answers holds the exceptions.
func site(t *testing.T, answers map[string]string) *cluster.Cluster {
	t.Helper()
	usual := map[string]string{
		"/":                      `{"cluster_name":"c","cluster_uuid":"u","version":{"number":"7.10.2"}}`,
		"/_cluster/health/users": `{"indices":{"users":{"status":"yellow","number_of_shards":2,"active_primary_shards":2}}}`,
		"/_cluster/settings":     `{}`,
		"/_nodes/stats/fs":       `{"_nodes":{"failed":0},"nodes":{"a":{"name":"hot","roles":["data"],"fs":{"total":{"total_in_bytes":100,"available_in_bytes":50}}}}}`,
		"/users/_settings":       `{"users":{"settings":{"index.uuid":"x","index.number_of_shards":"2"}}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("got a %s of %s: a check changes nothing", r.Method, r.URL.Path)
		}
		answer, ok := answers[r.URL.Path]
		if !ok {
			answer, ok = usual[r.URL.Path]
		}
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}`
		} else if strings.Contains(answer, "security_exception") {
			w.WriteHeader(http.StatusForbidden)
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

func TestCutover(t *testing.T) {
	lag := int64(7)
	f := func(answers map[string]string, change func(c *preflight.Crossing), check string, want preflight.State, says string) {
		t.Helper()
		c := preflight.Crossing{
			Source: site(t, nil), Target: site(t, answers), MaxLag: 10,
			Indices: []preflight.Carried{{Index: "users", Target: "users", Lag: &lag, Compared: time.Now()}},
			Aliases: map[string]string{"found": "users"}, Hooks: map[string]string{"frozen": "true"},
		}
		if change != nil {
			change(&c)
		}
		found, err := preflight.Cutover(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 8 {
			t.Errorf("got %d findings, want one for each check", len(found))
		}
		for _, one := range found {
			state := preflight.OK
			if one.Check == check {
				state = want
			}
			if one.State != state || one.Check == check && !strings.Contains(one.String(), says) || one.State == preflight.Refused && one.Remedy == "" {
				t.Errorf("got %q, want %s, saying %q", one, state, says)
			}
		}
	}
	indices := func(change func(i *preflight.Carried)) func(c *preflight.Crossing) {
		return func(c *preflight.Crossing) { change(&c.Indices[0]) }
	}
	f(nil, nil, "", "", "")
	f(map[string]string{"/_cluster/health/users": `{"indices":{"users":{"status":"red","number_of_shards":2,"active_primary_shards":1}}}`}, nil,
		"target healthy", preflight.Refused, "1 of 2 primary shards of index users")
	f(nil, func(c *preflight.Crossing) { c.New = []string{"tomorrow"} }, "nothing new", preflight.Refused, "index tomorrow is new on the source")
	full := func(free string) map[string]string {
		return map[string]string{"/_nodes/stats/fs": `{"nodes":{"a":{"name":"hot","fs":{"total":{"total_in_bytes":100,"available_in_bytes":` + free + `}}}}}`}
	}
	f(full("9"), nil, "room on the target", preflight.Refused, "node hot is 91 % full, over the high")
	f(full("12"), nil, "room on the target", preflight.Note, "over the low")
	f(map[string]string{"/_nodes/stats/fs": `{"error":{"type":"security_exception","reason":"unauthorized"},"status":403}`}, nil, "room on the target", preflight.Note, "not looked at")
	f(nil, indices(func(i *preflight.Carried) { *i.Lag, lag = 5000, 5000 }), "lag", preflight.Note, "5000 operations are outstanding, more than cutover.max_lag (10)")
	lag = 7
	f(nil, indices(func(i *preflight.Carried) { i.Lag = nil }), "lag", preflight.Note, "1 indices without sequence numbers")
	f(nil, indices(func(i *preflight.Carried) { i.Differs = true }), "last comparison", preflight.Refused, "index users differed")
	f(nil, indices(func(i *preflight.Carried) { i.Compared = time.Time{} }), "last comparison", preflight.Note, "never been compared")
	f(nil, indices(func(i *preflight.Carried) { i.Compared = time.Now().Add(-72 * time.Hour) }), "last comparison", preflight.Note, "72h0m0s old")
	f(nil, func(c *preflight.Crossing) { c.Aliases["found"] = "usres" }, "aliases", preflight.Refused, "index usres, which the target does not have")
	f(map[string]string{"/found/_settings": `{"found":{"settings":{"index.uuid":"y","index.number_of_shards":"1"}}}`}, nil, "aliases", preflight.Refused, "an index named found")
	f(map[string]string{"/found/_settings": `{"error":{"type":"security_exception","reason":"unauthorized"},"status":403}`}, nil, "aliases", preflight.Note, "may not: found")

	script := filepath.Join(t.TempDir(), "dns.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(nil, func(c *preflight.Crossing) { c.Hooks["switched"] = script }, "hooks", preflight.Refused, "the hook for switched cannot be run")
	f(nil, func(c *preflight.Crossing) { c.Hooks["aborted"] = "./absent" }, "hooks", preflight.Refused, "the hook for aborted")
}
