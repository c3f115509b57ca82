package stream_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"esferry/internal/batch"
	"esferry/internal/corpus"
	"esferry/stream"
)

// page wraps hits as an engine does.
func page(total, hits string) string {
	return `{"_scroll_id":"abc","took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},` +
		`"hits":{"total":` + total + `,"max_score":null,"hits":[` + hits + `]}}`
}

// unnamed takes its scroll's name off a page.
func unnamed(page string) string { return strings.Replace(page, `"_scroll_id":"abc",`, "", 1) }

func TestCutGivesSlicesAsTheyCame(t *testing.T) {
	f := func(source string) {
		t.Helper()
		hit := `{"_index":"i","_type":"_doc","_id":"a\"\\b","_version":7,"_seq_no":9,"_primary_term":2,"_score":null,"_routing":"r\u00e9","_source":` + source + `,"sort":[0]}`
		for _, total := range []string{"1", `{"value":1,"relation":"eq"}`} {
			p, err := stream.Cut([]byte(page(total, hit)), nil)
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
		if p, err := stream.Cut([]byte(whole[:n]), nil); err == nil {
			t.Fatalf("cut after %d bytes: got %+v, want an error", n, p)
		}
	}
	if _, err := stream.Cut([]byte(whole+"x"), nil); err == nil {
		t.Error("a byte after the end: got no error")
	}
}

func TestWholeRefusesPartialAnswers(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		p, err := stream.Cut([]byte(text), nil)
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

// reference reads a page's hits with encoding/json, keys compared as they are.
func reference(input []byte) (hits []map[string]json.RawMessage, ok bool) {
	var top, inner map[string]json.RawMessage
	if json.Unmarshal(input, &top) != nil || json.Unmarshal(top["hits"], &inner) != nil || json.Unmarshal(inner["hits"], &hits) != nil {
		return nil, false
	}
	return hits, hits != nil
}

// FuzzCut holds the cutter against encoding/json: for valid JSON the same
// documents, or an error where one is none; no panic for anything.
func FuzzCut(f *testing.F) {
	f.Add(page("1", `{"_id":"a","_version":1,"_source":{"a":"\\\"}","b":[1,2,{"c":null}]}}`))
	f.Add(page(`{"value":2,"relation":"eq"}`, `{"_id":"a","_source":{}},{"_id":"b","_routing":"x","_seq_no":7,"_source":{"x":1e400}}`))
	f.Add(page("2", `{"_index":"i","_id":"a","_source":{}},{"_index":"i","_id":"b","_source":{}},{"_index":"i","_id":"c","_routing":"x"}`))
	f.Add(page("0", ""))
	f.Add("{ \"hits\" :\n{\"hits\" : [ {\"_id\":\"\\u0061\" , \"_source\" : {\"\\\\\":\"\\\\\"} } ] } }")
	f.Add(`{"hits":{"hits":[{"_id":"a","_source":{"x":`)
	f.Fuzz(func(t *testing.T, input string) {
		p, err := stream.Cut([]byte(input), nil)
		if !json.Valid([]byte(input)) {
			return
		}
		hits, ok := reference([]byte(input))
		if !ok || strings.Count(input, `"hits"`) > 2 || repeated(input) {
			// Not a search's answer, or one with a key twice, which engines never send.
			return
		}
		if err != nil {
			if whole(hits) && strings.HasPrefix(input, `{"_scroll_id":"abc","took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":1,`) {
				t.Fatalf("got %v for a page of whole documents", err)
			}
			return
		}
		if len(hits) != len(p.Docs) {
			t.Fatalf("got %d documents, want %d", len(p.Docs), len(hits))
		}
		for i, d := range p.Docs {
			if !bytes.Equal(d.ID, hits[i]["_id"]) || !bytes.Equal(d.Routing, hits[i]["_routing"]) || !bytes.Equal(d.Source, hits[i]["_source"]) {
				t.Errorf("document %d: got %s %s %s, want %s", i, d.ID, d.Routing, d.Source, hits[i])
			}
			if n, there := hits[i]["_seq_no"]; there && string(n) != strconv.FormatInt(d.SeqNo, 10) && string(n) != "-0" {
				t.Errorf("document %d: got sequence number %d, want %s", i, d.SeqNo, n)
			}
		}
	})
}

// whole reports whether each hit is a document as engines send it.
func whole(hits []map[string]json.RawMessage) bool {
	for _, h := range hits {
		for key, v := range h {
			switch key {
			case "_id", "_routing", "_parent":
				if v[0] != '"' {
					return false
				}
			case "_source":
				if v[0] != '{' {
					return false
				}
			case "_version", "_seq_no", "_primary_term":
				if _, err := strconv.ParseInt(string(v), 10, 64); err != nil {
					return false
				}
			}
		}
		if h["_id"] == nil {
			return false
		}
	}
	return true
}

// repeated reports whether a member that the cutter reads stands twice in one
// hit, or is spelled with escapes.
func repeated(input string) bool {
	for _, key := range []string{`_id`, `_source`, `_routing`, `_seq_no`} {
		if strings.Count(input, key) > strings.Count(input, `{"_id"`)+strings.Count(input, `,"`+key+`"`) {
			return true
		}
	}
	return strings.Contains(input, `\u`)
}

// BenchmarkCut cuts pages of a thousand documents: log lines of 700 bytes as
// the bench's, such as have other members by turns, one of text alone, and one of
// numbers. No two log lines are alike: a processor learns one that repeats by heart.
func BenchmarkCut(b *testing.B) {
	const documents = 1000
	f := func(name string, source func(i int) string) {
		b.Run(name, func(b *testing.B) {
			var hits []string
			for i := range documents {
				hits = append(hits, fmt.Sprintf(`{"_index":"logs","_type":"_doc","_id":"2026-11-01-%06d","_version":1,"_seq_no":%d,"_primary_term":1,"_score":null,"_source":%s,"sort":[%d]}`, i, i, source(i), i))
			}
			text := []byte(page("1000", strings.Join(hits, ",")))
			var docs []batch.Doc
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := stream.Cut(text, docs)
				if err != nil {
					b.Fatal(err)
				}
				docs = p.Docs[:0]
			}
		})
	}
	var lines []string
	for d, err := range corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), documents, 7) {
		if err != nil {
			b.Fatal(err)
		}
		lines = append(lines, string(d.Source))
	}
	f("log", func(i int) string { return lines[i] })
	f("mixed", func(i int) string {
		if i%2 == 0 {
			return lines[i] + `,"fields":{}`
		}
		return lines[i]
	})
	f("text", func(int) string { return `{"message":"` + strings.Repeat("the quick brown fox ", 33) + `"}` })
	f("numbers", func(int) string { return `{"n":[` + strings.Repeat("12345.678,", 69) + `0]}` })
}
