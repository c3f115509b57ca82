package stream_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"esferry/stream"
)

// page wraps hits as an engine does.
func page(total, hits string) string {
	return `{"_scroll_id":"abc","took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},` +
		`"hits":{"total":` + total + `,"max_score":null,"hits":[` + hits + `]}}`
}

func TestCutGivesSlicesAsTheyCame(t *testing.T) {
	f := func(source string) {
		t.Helper()
		hit := `{"_index":"i","_type":"_doc","_id":"a\"\\b","_version":7,"_seq_no":9,"_primary_term":2,"_score":null,"_routing":"r\u00e9","_source":` + source + `,"sort":[0]}`
		for _, total := range []string{"1", `{"value":1,"relation":"eq"}`} {
			p, err := stream.Cut([]byte(page(total, hit)))
			if err != nil {
				t.Errorf("source %.80q: %v", source, err)
				return
			}
			d := p.Docs[0]
			if p.Total != 1 || p.ScrollID != "abc" || len(p.Docs) != 1 || p.Whole() != nil {
				t.Errorf("source %.80q: got %+v, %v", source, p, p.Whole())
			}
			if string(d.Source) != source || string(d.ID) != `"a\"\\b"` || string(d.Routing) != `"r\u00e9"` || d.Version != 7 || d.SeqNo != 9 || d.Term != 2 {
				t.Errorf("source %.80q: got %+v", source, d)
			}
		}
	}
	f(`{}`)
	f(`{"n":9223372036854775807,"f":1.10,"e":1e400,"dup":1,"dup":2}`)
	f("{\n \"pretty\" : [ 1, 2 ] ,\r\n\t\"x\":{} }")
	f(`{"braces":"}{][\"}","backslashes":"\\\\\\","q":"\\\"","nul":"\u0000","lone":"\ud800"}`)
	f(`{"hits":{"hits":[{"_id":"inner","_source":{}}]},"_source":{"_id":1}}`)
	f(`{"deep":` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `}`)
	f(`{"long":"` + strings.Repeat("x", 1<<20) + `"}`)
}

func TestCutRefusesEveryTruncation(t *testing.T) {
	whole := page("2", `{"_id":"a","_version":1,"_seq_no":0,"_primary_term":1,"_source":{"a":"\\\"}"}},{"_id":"b","_version":1,"_source":{"n":[1,{"x":2}]}}`)
	for n := range len(whole) {
		if p, err := stream.Cut([]byte(whole[:n])); err == nil {
			t.Fatalf("cut after %d bytes: got %+v, want an error", n, p)
		}
	}
	if _, err := stream.Cut([]byte(whole + "x")); err == nil {
		t.Error("a byte after the end: got no error")
	}
}

func TestWholeRefusesPartialAnswers(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		p, err := stream.Cut([]byte(text))
		if err == nil {
			err = p.Whole()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error about %q", text, err, want)
		}
	}
	shards := func(s string) string { return `{"timed_out":false,"_shards":{` + s + `},"hits":{"total":0,"hits":[]}}` }
	f(shards(`"total":1,"successful":0,"failed":1,"failures":[{"reason":"gone"}]`), "gone")
	f(shards(`"total":0,"successful":0,"failed":0`), "0 of 0 shards")
	f(shards(`"total":2,"successful":2,"failed":0`), "2 of 2 shards")
	f(`{"timed_out":true,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":0,"hits":[]}}`, "before it had seen everything")
	f(`{"error":{"type":"search_phase_execution_exception"},"status":503}`, "search_phase_execution_exception")
	f(`{}`, "0 of 0 shards")
	f(page("1", `{"_version":1,"_source":{}}`), "no _id")
	f(page("1", `{"_id":"a","_source":7}`), "not an object")
	f(`<html>502</html>`, "belongs")
}

// reference reads a page with encoding/json, keys compared as they are.
func reference(input []byte) (ids, sources []json.RawMessage, ok bool) {
	var top struct{ Hits json.RawMessage }
	var raw map[string]json.RawMessage
	if json.Unmarshal(input, &raw) != nil {
		return nil, nil, false
	}
	top.Hits = raw["hits"]
	var hits map[string]json.RawMessage
	if json.Unmarshal(top.Hits, &hits) != nil {
		return nil, nil, false
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(hits["hits"], &list) != nil {
		return nil, nil, false
	}
	for _, h := range list {
		ids, sources = append(ids, h["_id"]), append(sources, h["_source"])
	}
	return ids, sources, true
}

// FuzzCut holds the cutter against encoding/json: the same documents or an
// error for valid JSON, and no panic for anything.
func FuzzCut(f *testing.F) {
	f.Add(page("1", `{"_id":"a","_version":1,"_source":{"a":"\\\"}","b":[1,2,{"c":null}]}}`))
	f.Add(page(`{"value":2,"relation":"eq"}`, `{"_id":"a","_source":{}},{"_id":"b","_routing":"x","_source":{"x":1e400}}`))
	f.Add(page("0", ""))
	f.Add("{ \"hits\" :\n{\"hits\" : [ {\"_id\":\"\\u0061\" , \"_source\" : {\"\\\\\":\"\\\\\"} } ] } }")
	f.Add(`{"hits":{"hits":[{"_id":"a","_source":{"x":`)
	f.Fuzz(func(t *testing.T, input string) {
		p, err := stream.Cut([]byte(input))
		if err != nil || !json.Valid([]byte(input)) {
			return
		}
		ids, sources, ok := reference([]byte(input))
		if !ok || strings.Count(input, `"hits"`) > 2 || repeated(input) {
			// Not a search's answer, or one with a key twice, which engines never send.
			return
		}
		if len(ids) != len(p.Docs) {
			t.Fatalf("got %d documents, want %d", len(p.Docs), len(ids))
		}
		for i, d := range p.Docs {
			if !bytes.Equal(d.ID, bytes.TrimSpace(ids[i])) || d.Source != nil && !bytes.Equal(d.Source, bytes.TrimSpace(sources[i])) {
				t.Errorf("document %d: got %s %s, want %s %s", i, d.ID, d.Source, ids[i], sources[i])
			}
		}
	})
}

// repeated reports whether a member that the cutter reads stands twice in one
// hit, or is spelled with escapes.
func repeated(input string) bool {
	for _, key := range []string{`_id`, `_source`} {
		if strings.Count(input, key) > strings.Count(input, `{"_id"`)+strings.Count(input, `,"_source"`) {
			return true
		}
	}
	return strings.Contains(input, `\u`)
}

func BenchmarkCut(b *testing.B) {
	var hits []string
	for i := range 1000 {
		hits = append(hits, fmt.Sprintf(`{"_index":"logs","_id":"%d","_version":1,"_seq_no":%d,"_primary_term":1,"_score":null,"_source":{"message":"%s"},"sort":[%d]}`, i, i, strings.Repeat("the quick brown fox ", 33), i))
	}
	text := []byte(page("1000", strings.Join(hits, ",")))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stream.Cut(text); err != nil {
			b.Fatal(err)
		}
	}
}
