package cluster_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"esferry/internal/cluster"
)

// TestManyIndicesInFewRequests: a change of many is one request, or as few as
// the engines' first line allows.
func TestManyIndicesInFewRequests(t *testing.T) {
	f := func(names []string, most int, fail string) {
		t.Helper()
		var asked []string
		requests := 0
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				fixed(200, `{"version":{"number":"8.19.0","build_flavor":"default"},"cluster_uuid":"u"}`)(w, r)
				return
			}
			requests++
			if line := len(r.Method + " " + r.RequestURI + " HTTP/1.1"); line > 4096 {
				t.Errorf("a first line of %d bytes", line)
			}
			list := strings.Split(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/_block/write"), ",")
			asked = append(asked, list...)
			var blocked []string
			for _, name := range list {
				blocked = append(blocked, fmt.Sprintf(`{"name":%q,"blocked":%t}`, name, name != fail))
			}
			_, _ = io.WriteString(w, `{"acknowledged":true,"shards_acknowledged":true,"indices":[`+strings.Join(blocked, ",")+`]}`) //nolint:errcheck // the client may have left
		})
		if _, err := c.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := c.BlockWrites(t.Context(), names)
		if e, ok := err.(*cluster.Error); fail != "" && (!ok || e.Index != fail) { //nolint:errorlint // the verb's own
			t.Errorf("got %v, want an error about %s", err, fail)
		}
		if fail == "" && (err != nil || !slices.Equal(asked, names) || requests > most) {
			t.Errorf("got %v after %d requests for %d of %d indices, want at most %d", err, requests, len(asked), len(names), most)
		}
	}
	many := func(n int, name string) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("%s-%03d", name, i))
		}
		return names
	}
	f(many(1, "one"), 1, "")
	f(many(27, "logs-2026"), 1, "")
	f(many(20, strings.Repeat("ü", 120)), 10, "")
	f(many(27, "logs"), 1, "logs-013")
	f(nil, 0, "")
}
