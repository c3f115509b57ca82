package lab_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"esferry/internal/lab"
)

// side is an index as a stand-in for an engine gives it: pages of hits.
type side struct {
	pages [][]string
	total string
	// types is how many types the index has, where it has any.
	types int
	// shards replaces the header of the last page.
	shards string
}

func hit(id, routing string, version int, source string) string {
	h := fmt.Sprintf(`"_id":%q,"_version":%d,"_source":%s`, id, version, source)
	if routing != "" {
		h += fmt.Sprintf(`,"_routing":%q`, routing)
	}
	return "{" + h + "}"
}

// serve answers as an engine does: the scroll id counts the pages.
func serve(t *testing.T, s side) string {
	t.Helper()
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, n int) {
		var hits []string
		if n < len(s.pages) {
			hits = s.pages[n]
		}
		shards := `{"total":2,"successful":2,"failed":0}`
		if s.shards != "" && n >= len(s.pages)-1 {
			shards = s.shards
		}
		fmt.Fprintf(w, `{"_scroll_id":"%d","terminated_early":%v,"_shards":%s,"hits":{"total":%s,"hits":[%s]}}`, n, n > 0, shards, s.total, strings.Join(hits, ","))
	}
	mux.HandleFunc("POST /index/_refresh", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	mux.HandleFunc("POST /index/_search", func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("scroll") {
			fmt.Fprintf(w, `{"aggregations":{"types":{"buckets":[%s]}}}`, strings.TrimSuffix(strings.Repeat("{},", s.types), ","))
			return
		}
		page(w, 0)
	})
	mux.HandleFunc("DELETE /_search/scroll", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	mux.HandleFunc("POST /_search/scroll", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			ID string `json:"scroll_id"`
		}
		var n int
		if err := json.NewDecoder(r.Body).Decode(&body); err == nil {
			_, err = fmt.Sscan(body.ID, &n)
			if err != nil {
				t.Error(err)
			}
		}
		page(w, n+1)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func compare(t *testing.T, source, target side) (lab.Diff, error) {
	t.Helper()
	return lab.Compare(t.Context(), serve(t, source), serve(t, target), "index", "index")
}

func TestCompareJudges(t *testing.T) {
	one := func(source string) side { return side{total: "1", pages: [][]string{{hit("a", "", 3, source)}}} }
	f := func(source, target side, want string) {
		t.Helper()
		diff, err := compare(t, source, target)
		if err != nil {
			t.Errorf("want %q: %v", want, err)
			return
		}
		if got := diff.String(); !strings.Contains(got, want) || diff.Equal() != strings.HasPrefix(want, "equal") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	old := side{total: "3", pages: [][]string{{hit("a", "", 1, `{"x":1.10}`), hit("b", "r", 2, `{}`)}, {hit("b", "s", 1, `{}`)}}}
	anew := side{total: `{"value":3,"relation":"eq"}`, pages: [][]string{{hit("b", "s", 1, `{}`)}, {hit("b", "r", 2, `{}`), hit("a", "", 1, `{"x":1.10}`)}}}
	f(old, anew, "equal: 3 documents")
	f(old, side{total: "2", pages: [][]string{old.pages[0]}}, `missing 1, first "b" routed by "s"`)
	f(side{total: "2", pages: [][]string{old.pages[0]}}, old, `surplus 1, first "b" routed by "s"`)
	f(one(`{"x":1.10}`), one(`{"x":1.1}`), `different 1, first "a": content`)
	f(one(`{"x": 1}`), one(`{"x":1}`), `different 1, first "a": content`)
	f(one("{\n\"x\" : 1.10}"), one(`{"x":1.10}`), "equal")
	f(one("{\n\"x\" : 1.10}"), one(`{"x":1.1}`), "content, also without white space")
	f(one(`{"x":1}`), one("{\n\"x\":1}"), `different 1, first "a": content`)
	f(one(`{"a":1,"a":2}`), one(`{"a":2,"a":1}`), `different 1`)
	f(one(`{}`), side{total: "1", pages: [][]string{{hit("a", "", 4, `{}`)}}}, `version 4, want 3`)
	f(one(`{}`), side{total: "2", pages: [][]string{{hit("a", "", 3, `{}`), hit("a", "", 3, `{}`)}}}, `surplus 1, first "a"`)
}

func TestCompareTypesAndParents(t *testing.T) {
	member := func(kind, parent string) string {
		h := fmt.Sprintf(`{"_type":%q,"_id":"a","_version":1,"_source":{}`, kind)
		if parent != "" {
			h += fmt.Sprintf(`,"_routing":%q,"_parent":%[1]q`, parent)
		}
		return h + "}"
	}
	family := func(types int, hits ...string) side {
		return side{types: types, total: strconv.Itoa(len(hits)), pages: [][]string{hits}}
	}
	f := func(source, target side, want string) {
		t.Helper()
		diff, err := compare(t, source, target)
		if err != nil || !strings.Contains(diff.String(), want) {
			t.Errorf("got %v, %v, want %q", diff, err, want)
		}
	}
	f(family(1, member("doc", "")), family(0, member("_doc", "")), "equal: 1 documents")
	f(family(2, member("mother", ""), member("child", "")), family(2, member("child", ""), member("mother", "")), "equal: 2 documents")
	f(family(2, member("mother", "")), family(1, member("child", "")), `missing 1, first mother "a"; surplus 1, first child "a"`)
	f(family(1, member("mother", "")), family(2, member("child", "")), `missing 1, first mother "a"; surplus 1, first child "a"`)
	f(family(1, member("child", "p")), family(1, member("child", "q")), `missing 1, first "a" routed by "p" below "p"`)
	if _, err := compare(t, family(1, member("mother", ""), member("child", "")), family(1)); err == nil {
		t.Error("two documents with one id and no types are no error")
	}
}

func TestCompareRefusesPartialAnswers(t *testing.T) {
	f := func(s side, want string) {
		t.Helper()
		good := side{total: "1", pages: [][]string{{hit("a", "", 1, `{}`)}}}
		if _, err := compare(t, s, good); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("as source: got %v, want %q", err, want)
		}
	}
	pages := [][]string{{hit("a", "", 1, `{}`)}, {hit("b", "", 1, `{}`)}}
	f(side{total: "2", pages: pages, shards: `{"total":2,"successful":1,"failed":1}`}, "1 failed")
	f(side{total: "2", pages: pages, shards: `{"total":2,"successful":1,"failed":0}`}, "1 of 2 shards")
	f(side{total: "2", pages: pages, shards: `{"total":0,"successful":0,"failed":0}`}, "0 of 0 shards")
	f(side{total: "3", pages: pages}, "2 documents came, and the engine counts 3")
	f(side{total: `{"value":2,"relation":"gte"}`, pages: pages}, "no exact count")
	f(side{total: "2", pages: [][]string{{hit("a", "", 1, `{}`), hit("a", "", 1, `{}`)}}}, "came twice")
	f(side{total: "1", pages: [][]string{{`{"_id":"a","_version":1}`}}}, "no _source")
}

func TestFindingsAreBounded(t *testing.T) {
	var hits []string
	for i := range 100 {
		hits = append(hits, hit(strconv.Itoa(i), "", 1, `{}`))
	}
	diff, err := compare(t, side{total: "100", pages: [][]string{hits}}, side{total: "0"})
	if err != nil || diff.Missing.Count != 100 || len(diff.Missing.First) != 20 || diff.Source != 100 {
		t.Errorf("got %v, %v", diff, err)
	}
}
