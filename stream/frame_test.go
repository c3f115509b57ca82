package stream_test

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/stream"
)

// checkFrames holds a page of many documents against pages of one.
func checkFrames(t rapid.TB, hits ...string) {
	t.Helper()
	var want []batch.Doc
	var wrong error
	for _, h := range hits {
		p, err := stream.Cut([]byte(page("1", h)), nil)
		if err != nil {
			wrong = err
			break
		}
		want = append(want, p.Docs...)
	}
	got, err := stream.Cut([]byte(page("1", strings.Join(hits, ","))), nil)
	if (err == nil) != (wrong == nil) || err == nil && !reflect.DeepEqual(got.Docs, want) {
		t.Errorf("%q: got %+v, %v, want %+v, %v", hits, got, err, want, wrong)
	}
}

// TestADocumentIsCutAsIfItWereAlone: whatever the one before it was like.
func TestADocumentIsCutAsIfItWereAlone(t *testing.T) {
	t.Parallel()
	first := `{"_index":"i","_type":"t","_id":"a","_version":1,"_score":null,"_source":{},"sort":[0]}`
	checkFrames(t, first, first, first)
	for _, change := range [][2]string{
		{`"_index":"i"`, `"_index":"j"`},
		{`"_index":"i",`, ``},
		{`"_score":null`, `"_score":1`},
		{`"_id":"a",`, ``},
		{`"_id":"a"`, `"_ID":"a"`},
		{`"_id":"a"`, `"_id":1`},
		{`"_id":"a"`, `"_id":"a","_routing":"r"`},
		{`"_version":1`, `"_version":1234567890123456789`},
		{`"_version":1`, `"_version":-1`},
		{`"_version":1`, `"_version":1.5`},
		{`"_version":1`, `"_version":1 `},
		{`"_source":{}`, `"_source":[]`},
		{`"_source":{}`, `"_source":{"}":"{"}`},
		{`,"sort":[0]}`, `}`},
		{`,"sort":[0]}`, `,"sort":[0],"_routing":"r"}`},
		{`,"sort":[0]}`, `,"sort":[0],"_seq_no":7}`},
		{`"sort":[0]}`, `"sort":0}`},
		{`"sort":[0]}`, `"sort":[0]]`},
		{first, `{}`},
		{first, `{"_id":"b"}`},
		{first, `{ "_id" : "b" }`},
	} {
		other := strings.Replace(first, change[0], change[1], 1)
		checkFrames(t, first, other, first)
		checkFrames(t, other, first, other, other)
	}

	members := []string{
		`"_index":"i"`, `"_index":"j"`, `"_id":"a"`, `"_id":"b\""`, ` "_id": "c"`, `"_type":"t"`, `"_type":null`, `"_routing":"r"`, `"_parent":"p"`, `"_score":null`,
		`"_version":1`, `"_version": 22 `, `"_seq_no":3`, `"_primary_term":4`, `"_source":{}`, `"_source":{"x":[1,"}"]}`, "\"_source\":{\n}", `"sort":[1]`, `"sort":null`, `"x":7`,
	}
	rapid.Check(t, func(t *rapid.T) {
		frame := rapid.SliceOfN(rapid.SampledFrom(members), 0, 8)
		frames := rapid.SliceOfN(frame, 1, 3).Draw(t, "frames")
		var hits []string
		for _, f := range rapid.SliceOfN(rapid.SampledFrom(frames), 1, 8).Draw(t, "documents") {
			hits = append(hits, "{"+strings.Join(f, ",")+"}")
		}
		checkFrames(t, hits...)
	})
}
