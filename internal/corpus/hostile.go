package corpus

import (
	"fmt"
	"strings"
)

// HostileMapping fits the documents of Hostile. What lies under raw is kept by
// the engine and not looked into.
const HostileMapping = `{"properties":{
  "raw":{"type":"object","enabled":false},
  "name":{"type":"keyword"},
  "long":{"type":"long"},"double":{"type":"double"},"flag":{"type":"boolean"},
  "items":{"type":"nested","properties":{"sku":{"type":"keyword"},"count":{"type":"long"}}}}}`

// Hostile gives the documents that survive a move only when nothing on the way
// reads them: numbers at the edge of 64 bits and beyond, spellings of floats,
// escapes, white space, sizes, and ids of every kind. Each tells its case in
// its id or in its field "case".
//
// Duplicate keys are optional: Elasticsearch from 6 on and OpenSearch refuse
// them. All others are taken by every engine of the lab. The two of 10 MB are
// made as they are asked for.
func Hostile() Docs {
	return func(yield func(Doc, error) bool) {
		for _, group := range []func() []Doc{hostileValues, hostileIDs, hostileRoutings, hostileNested, hostileSizes} {
			for _, d := range group() {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// hostileValues are sources with ordinary ids.
func hostileValues() []Doc {
	docs := []Doc{
		{ID: "duplicate-keys", Source: []byte(`{"raw":{"a":1,"a":2,"a":{"a":3}}}`), Optional: true},
		{ID: "pretty", Source: []byte("{\n  \"raw\": {\n    \"text\": \"two\\nlines\",\r\n\t\"list\": [\n      1,\n      2\n    ]\n  }\n}")},
		{ID: "pretty-final-newline", Source: []byte("{\n\"name\" : \"line feeds\"\n}\n")},
	}
	for name, source := range hostileSources() {
		docs = append(docs, Doc{ID: name, Source: []byte(source)})
	}
	return docs
}

// hostileSources gives name and source, in a fixed order.
func hostileSources() func(yield func(name, source string) bool) {
	pairs := [][2]string{
		{"empty-object", `{}`},
		{"long-limits", `{"long":[9223372036854775807,-9223372036854775808,9007199254740993,0]}`},
		{"long-as-string", `{"long":"9223372036854775807"}`},
		{"beyond-64-bits", `{"raw":{"u64":18446744073709551615,"u65":36893488147419103232,"pi":3.14159265358979323846264338327950288419716939937510}}`},
		{"float-spellings", `{"double":[1.10,1.0,1e3,1E+3,1.0E-07,-0.0,0.1e-7,100000000000000000000.0,1.7976931348623157e308,4.9e-324]}`},
		{"float-out-of-range", `{"raw":{"huge":1e400,"tiny":1e-400,"minus":-0}}`},
		{"escapes", `{"name":"\u00e9\/\"\\\b\f\n\r\t\u2028\u2029\u003c\u0026","raw":{"\u006b\u0065\u0079":"\ud83d\ude00 and 😀"}}`},
		{"control-and-nul", `{"raw":{"nul":"a\u0000b","bell":"\u0007","delete":"` + "\x7f" + `"}}`},
		{"lone-surrogate", `{"raw":{"high":"\ud800","low":"\udc00 after","swapped":"\udc00\ud800"}}`},
		{"html", `{"name":"<script>alert('x') && \"y\"</script>&amp;"}`},
		{"spaces", `{ "name" :  "kept" ,	"flag":true , "raw" : [ 1 ,2, 3 ] }`},
		{"key-order", `{"raw":{"z":1,"a":2,"m":{"b":1,"a":2}},"name":"order"}`},
		{"odd-keys", `{"raw":{"index":1,"_id":"x","_source":{},"_type":"t","a.b":2,"a":{"b":3},"with space":4,"ключ":5,"\"":6}}`},
		{"nulls", `{"name":null,"long":[null,1,null],"raw":null}`},
		{"empty-values", `{"name":"","long":[],"items":[],"raw":{}}`},
		{"bulk-look-alike", `{"index":{"_index":"x","_id":"1"},"name":"{\"delete\":{\"_id\":\"1\"}}"}`},
		{"unicode", `{"name":"` + "e\u0301 \u00e9 \u202eRTL\u202c \u200b zero \ufeff 𝔘𝔫𝔦 家族 👩‍👩‍👧" + `"}`},
		{"deep", `{"raw":` + strings.Repeat(`{"d":`, 400) + `"bottom"` + strings.Repeat(`}`, 400) + `}`},
		{"many-keys", `{"raw":{` + manyKeys(2000) + `}}`},
	}
	return func(yield func(name, source string) bool) {
		for _, p := range pairs {
			if !yield(p[0], p[1]) {
				return
			}
		}
	}
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"key-%d":%d.%d0`, i, i, i)
	}
	return strings.Join(keys, ",")
}

// hostileIDs are ids that break where they are put into a path, a line of JSON,
// a list or a file name; and those that engines store in other forms: numbers
// and base64.
func hostileIDs() []Doc {
	ids := []string{
		"a/b/c", "/leading", "trailing/", "//", `say "hi"`, "two words", " leading", "trailing ", " ", "comma,comma", ",",
		"100%", "%2F", "%25", "+plus+", "q?x=1&y=2#frag", `back\slash`, "semi;colon", "a:b", "*", "?", "-minus", "_underscore", "_doc", "_search",
		"line\nfeed", "tab\tbed", "cr\rlf", "<b>&amp;</b>", "'single'", "{\"_id\":\"x\"}", "[brackets]", "back`tick", "$HOME", "..%2f",
		"žluťoučký kůň", "日本語", "🚢🏴‍☠️", "مرحبا", "e\u0301", "\u00e9", "\u00a0nbsp", "zero\u200bwidth", "\u202eright",
		"0", "007", "12345", "-1", "1.0", "18446744073709551616", "TG9yZW0gaXBzdW0", "TG9yZW0gaXBzdW0=", "AVx-_flakeIDlike0000", "ABC", "abc",
		"true", "null", "undefined", "2026-08-01T00:00:00Z", "C:\\Windows\\system32", "https://example.com/a?b=c#d",
		// The limit is 512 bytes, not letters.
		"x" + strings.Repeat("0", 511), strings.Repeat("é", 256), strings.Repeat("😀", 128), strings.Repeat("/", 512), strings.Repeat("%", 512),
	}
	docs := make([]Doc, len(ids))
	for i, id := range ids {
		docs[i] = Doc{ID: id, Source: fmt.Appendf(nil, `{"name":"id","raw":{"case":"id %d","long":%d}}`, i, 1<<60+i)}
	}
	return docs
}

// hostileRoutings are documents with routings of every kind, and two that
// share an id: where they lie in different shards, both live.
func hostileRoutings() []Doc {
	var docs []Doc
	for i, routing := range []string{"r1", "user/1", "a,b", "two words", "100%", "q?x&y#z", `"quoted"`, "ключ", "🚢", "0", "-1", strings.Repeat("r", 300)} {
		docs = append(docs, Doc{ID: fmt.Sprintf("routed-%d", i), Routing: routing, Source: fmt.Appendf(nil, `{"name":"routed","long":%d}`, i)})
	}
	for i, routing := range []string{"left", "right", "up", "down"} {
		docs = append(docs, Doc{ID: "same-id", Routing: routing, Source: fmt.Appendf(nil, `{"name":"twin","long":%d}`, i)})
	}
	return docs
}

// hostileNested are documents that an engine stores as several: its counts of
// documents are higher than ours.
func hostileNested() []Doc {
	docs := make([]Doc, 20)
	for i := range docs {
		var items []string
		for j := range i {
			items = append(items, fmt.Sprintf(`{"sku":"sku-%d-%d","count":%d}`, i, j, j))
		}
		docs[i] = Doc{ID: fmt.Sprintf("nested-%d", i), Source: []byte(`{"name":"nested","items":[` + strings.Join(items, ",") + `]}`)}
	}
	return docs
}

func hostileSizes() []Doc {
	const megabyte = 1 << 20
	return []Doc{
		{ID: "size-10mb", Source: []byte(`{"raw":{"text":"` + strings.Repeat("0123456789abcde\\n", 10*megabyte/17) + `"}}`)},
		{ID: "size-10mb-numbers", Source: []byte(`{"raw":[` + strings.TrimSuffix(strings.Repeat("1.10,", 10*megabyte/5), ",") + `]}`)},
		{ID: "size-1mb", Source: []byte(`{"raw":{"text":"` + strings.Repeat("x", megabyte) + `"}}`)},
		{ID: "size-64kb", Source: []byte(`{"raw":{"text":"` + strings.Repeat("ü", 32<<10) + `"}}`)},
	}
}

// JoinMapping fits the documents of Joined. The engines with the module are
// Elasticsearch 5.6, 6.8, 7.10 and both OpenSearch of the lab.
const JoinMapping = `{"properties":{
  "relation":{"type":"join","relations":{"question":"answer"}},
  "text":{"type":"text"}}}`

// Joined gives n questions, each with three answers that are routed by it.
func Joined(n int) Docs {
	return func(yield func(Doc, error) bool) {
		for i := range n {
			parent := fmt.Sprintf("q-%d", i)
			if !yield(Doc{ID: parent, Source: fmt.Appendf(nil, `{"relation":"question","text":"why %d"}`, i)}, nil) {
				return
			}
			for j := range 3 {
				source := fmt.Appendf(nil, `{"relation":{"name":"answer","parent":%q},"text":"because %d"}`, parent, j)
				if !yield(Doc{ID: fmt.Sprintf("a-%d-%d", i, j), Routing: parent, Source: source}, nil) {
					return
				}
			}
		}
	}
}
