package verify_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/verify"
)

func TestSameContent(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got, back := verify.SameContent([]byte(a), []byte(b)), verify.SameContent([]byte(b), []byte(a)); got != want || back != want {
			t.Errorf("%s and %s: got %t and %t, want %t", a, b, got, back, want)
		}
	}
	f(`{"a":1.10}`, `{"a":1.1}`, true)
	f(`{"a":1e3}`, `{"a":1000.0}`, true)
	f(`{"a":10E-1}`, `{"a":1}`, true)
	f(`{"a":100000000000000000000000000000000}`, `{"a":1e32}`, true)
	f(`{"a":[ 1 ,2 ] , "b":{}}`, `{"b":{},"a":[1,2]}`, true)
	f(`{"a":"\u00e9\/"}`, `{"a":"é/"}`, true)
	f(`{"a":"\ud83d\ude00"}`, `{"a":"😀"}`, true)
	f(`{"a":null}`, `{"a": null}`, true)
	// What a float would not tell apart.
	f(`{"a":9007199254740993}`, `{"a":9007199254740992}`, false)
	f(`{"a":1e400}`, `{"a":1e401}`, false)
	f(`{"a":-0}`, `{"a":0}`, false)
	f(`{"a":1e99999999999}`, `{"a":1.0e99999999999}`, false)
	// What decoding does not tell apart.
	f(`{"a":"\ud800"}`, `{"a":"\udc00"}`, false)
	f(`{"a":1,"a":2}`, `{"a":2}`, false)
	f(`{"a":1,"a":2}`, `{"a":2,"a":2}`, false)
	f(`{"a":[1,2]}`, `{"a":[2,1]}`, false)
	f(`{"a":[1,2]}`, `{"a":[1]}`, false)
	f(`{"a":1}`, `{"a":"1"}`, false)
	f(`{"a":null}`, `{}`, false)
	f(`{"a":{}}`, `{"a":[]}`, false)
	f(`{"a":true}`, `{"a":false}`, false)
	f(`{"a":1} {}`, `{ "a":1}`, false)
	f(`{"a":1`, `{ "a":1`, false)
}

// value draws any JSON value, as Go holds it.
func value(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
	}
	if depth > 0 {
		plain = append(plain, rapid.SliceOfN(value(depth-1), 0, 4).AsAny(), rapid.MapOfN(rapid.String(), value(depth-1), 0, 4).AsAny())
	}
	return rapid.OneOf(plain...)
}

// TestSameContentIgnoresWhatMeansNothing writes a value in two ways: equal; and
// with one number more: not equal.
func TestSameContentIgnoresWhatMeansNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "value")
		compact, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var spread bytes.Buffer
		encoder := json.NewEncoder(&spread)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent(" ", "\t")
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
		// A replacement character may stand for anything, unless nothing was rewritten.
		if want := !bytes.ContainsRune(compact, '\ufffd') && !strings.Contains(string(compact), `\ufffd`); want && !verify.SameContent(compact, spread.Bytes()) {
			t.Fatalf("%s and %s: got not the same", compact, spread.Bytes())
		}
		other, err := json.Marshal([]any{v, 1})
		if err != nil {
			t.Fatal(err)
		}
		if verify.SameContent(compact, other) {
			t.Fatalf("%s and %s: got the same", compact, other)
		}
	})
}

// FuzzSameContent: it never panics, and what it calls the same decodes to the
// same.
func FuzzSameContent(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\u00e9",null]}`), []byte(`{ "a":[1.0,"é",null]}`))
	f.Add([]byte(`{"a":1,"a":2}`), []byte(`{"a":2}`))
	f.Add([]byte(`[1e5]`), []byte(`[100000]`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if !verify.SameContent(a, b) || bytes.Equal(a, b) {
			return
		}
		var x, y any
		if err := json.Unmarshal(a, &x); err != nil {
			// Out of a float's range, or no JSON: the latter is never the same.
			if !json.Valid(a) {
				t.Errorf("%q is not JSON, and the same as %q", a, b)
			}
			return
		}
		if err := json.Unmarshal(b, &y); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		first, err := json.Marshal(x)
		second, other := json.Marshal(y)
		if err != nil || other != nil || !bytes.Equal(first, second) {
			t.Errorf("%q and %q decode to %s and %s", a, b, first, second)
		}
	})
}
