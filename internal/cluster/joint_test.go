package cluster_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"esferry/internal/cluster"
)

// counted is what an engine answers to searches that count, one for each index.
func counted(answers ...string) string { return `{"responses":[` + strings.Join(answers, ",") + `]}` }

// total is one answer of them.
func total(shards int, total string) string {
	return fmt.Sprintf(`{"timed_out":false,"_shards":{"total":3,"successful":%d,"failed":0},"hits":{"total":%s}}`, shards, total)
}

// TestCountsShareARequest: two callers at the same time are one request, and
// anything but two whole and exact counts sends each on their own way.
func TestCountsShareARequest(t *testing.T) {
	f := func(version, answer string, shared bool) {
		t.Helper()
		var mu sync.Mutex
		asked := map[string]int{}
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked[r.URL.Path]++
			mu.Unlock()
			switch r.URL.Path {
			case "/":
				fixed(200, fmt.Sprintf(`{"cluster_uuid":"u","version":{"number":%q}}`, version))(w, r)
			case "/_msearch":
				fixed(200, answer)(w, r)
			default:
				// The shared answer is wrong by intention.
				fixed(200, `{"count":5,"_shards":{"total":3,"successful":3,"failed":0}}`)(w, r)
			}
		})
		if _, err := c.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		got := make([]int64, 2)
		for i, index := range []string{"a", "b"} {
			all.Go(func() {
				var err error
				if got[i], err = c.Count(t.Context(), index, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if asked["/_msearch"] != 1 {
			// The two did not come at the same time, on a machine that was too busy.
			if got[0] != 5 || got[1] != 5 {
				t.Errorf("%s: got %v, want 5 each", answer, got)
			}
			return
		}
		alone := asked["/a/_count"] + asked["/b/_count"]
		if shared && (alone > 0 || got[0]+got[1] != 14) {
			t.Errorf("%s: got %v and %d more requests, want 7 each and none", answer, got, alone)
		}
		if !shared && (alone != 2 || got[0] != 5 || got[1] != 5) {
			t.Errorf("%s: got %v and %d more requests, want 5 each of two", answer, got, alone)
		}
	}
	f("6.8.23", counted(total(3, "7"), total(3, "7")), true)
	exact := `{"value":7,"relation":"eq"}`
	f("7.10.2", counted(total(3, exact), total(3, exact)), true)
	f("7.10.2", counted(total(3, exact), total(2, exact)), false)
	f("7.10.2", counted(total(3, exact)), false)
	f("7.10.2", counted(total(3, exact), `{}`), false)
	f("7.10.2", counted(total(3, exact), total(3, `{"value":7,"relation":"gte"}`)), false)
	f("7.10.2", counted(total(3, exact), total(3, `{}`)), false)
	f("7.10.2", strings.ReplaceAll(counted(total(3, exact), total(3, exact)), `"timed_out":false`, `"timed_out":true`), false)
}

// TestPositionsShareARequest: each caller gets the positions of their own index;
// one that is not there is an error for its caller alone.
func TestPositionsShareARequest(t *testing.T) {
	const copies = `{"shards":{"0":[{"routing":{"state":"STARTED","primary":true,"node":"n"},"seq_no":{"max_seq_no":%d,"global_checkpoint":%d},"commit":{"user_data":{"history_uuid":"h"}}}]}}`
	highest := map[string]int{"a": 1, "b": 2, "c": 3}
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		names := strings.Split(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/_stats/docs,store"), ",")
		state := strings.HasPrefix(r.URL.Path, "/_cluster/state/metadata/")
		if state {
			names = strings.Split(strings.TrimPrefix(r.URL.Path, "/_cluster/state/metadata/"), ",")
		}
		var indices []string
		for _, name := range names {
			n, there := highest[name]
			switch {
			case there && state:
				indices = append(indices, fmt.Sprintf(`%q:{"primary_terms":{"0":%d}}`, name, 10*n))
			case there:
				indices = append(indices, fmt.Sprintf(`%q:`+copies, name, n, n))
			}
		}
		list := `"indices":{` + strings.Join(indices, ",") + `}`
		if state {
			fixed(200, `{"metadata":{`+list+`}}`)(w, r)
			return
		}
		fixed(200, `{"_shards":{"total":1,"successful":1,"failed":0},`+list+`}`)(w, r)
	})
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "a", "gone"} {
		all.Go(func() {
			got, err := c.Positions(t.Context(), name)
			want := int64(highest[name])
			switch {
			case name == "gone" && !cluster.NotFound(err):
				t.Errorf("got %v, %v, want that it is not there", got, err)
			case name != "gone" && (err != nil || len(got) != 1 || got[0].Shard.Index != name || got[0].Max != want || got[0].Term != 10*want):
				t.Errorf("index %s: got %+v, %v", name, got, err)
			}
		})
	}
	all.Wait()
}
