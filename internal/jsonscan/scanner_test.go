package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"esferry/internal/jsonscan"
)

func TestValueGivesWhatStandsThere(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		got, err := jsonscan.New([]byte(text)).Value()
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	f(`"a" rest`, `"a"`)
	f(` "\\" , 1`, `"\\"`)
	f(`"\"}"}`, `"\"}"`)
	f("12.50e3,", "12.50e3")
	f("null\n", "null")
	f(`{"a":["}",{"b":"\\\""}]}}`, `{"a":["}",{"b":"\\\""}]}`)
	f(`[[],[{}],"]"]]`, `[[],[{}],"]"]`)
}

func TestEveryTruncationIsAnError(t *testing.T) {
	t.Parallel()
	whole := `{"a":{"b":"\\\"}","c":[1,{"x":null}]},"d":"e","n":17,"t":true}`
	for n := range len(whole) {
		s := jsonscan.New([]byte(whole[:n]))
		err := s.Object(func([]byte) error { return s.Skip() })
		if !errors.Is(err, jsonscan.ErrTruncated) {
			t.Errorf("%q: got %v, want ErrTruncated", whole[:n], err)
		}
	}
}

func TestTypedValues(t *testing.T) {
	t.Parallel()
	var n int64
	if err := jsonscan.New([]byte(" -9223372036854775808 ")).Int(&n); err != nil || n != -9223372036854775808 {
		t.Errorf("Int: got %d, %v", n, err)
	}
	for _, text := range []string{"9223372036854775808", "1.5", "true", `"1"`, "", "}"} {
		if err := jsonscan.New([]byte(text)).Int(&n); err == nil {
			t.Errorf("Int of %q: got %d, want an error", text, n)
		}
	}
	var b bool
	if err := jsonscan.New([]byte("true,")).Bool(&b); err != nil || !b {
		t.Errorf("Bool: got %v, %v", b, err)
	}
	if err := jsonscan.New([]byte("1")).Bool(&b); err == nil {
		t.Error("Bool of 1: got no error")
	}
	if _, err := jsonscan.New([]byte("7")).Quoted(); err == nil {
		t.Error("Quoted of 7: got no error")
	}
	s := jsonscan.New([]byte("{} \n x"))
	if err := s.Skip(); err != nil {
		t.Fatal(err)
	}
	if err := s.End(); err == nil || !strings.Contains(err.Error(), "byte 5") {
		t.Errorf("End: got %v, want an error at byte 5", err)
	}
}

// TestRestGoesOnBehindAValue: an object whose beginning was known is walked through from
// there.
func TestRestGoesOnBehindAValue(t *testing.T) {
	t.Parallel()
	f := func(text, rest string, wrong bool) {
		t.Helper()
		const known = `{"a":`
		s := jsonscan.New([]byte(text))
		if s.Met([]byte(known+"2")) || s.Met([]byte(text+" ")) || s.Pos() != 0 || !s.Met([]byte(known)) {
			t.Fatalf("%s: at byte %d, want to be behind %s", text, s.Pos(), known)
		}
		if err := s.Skip(); err != nil {
			t.Fatal(err)
		}
		at, got := s.Pos(), ""
		err := s.Rest(func(key []byte) error {
			v, err := s.Value()
			got += string(key) + string(v)
			return err
		})
		if got != rest || (err != nil) != wrong {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, rest)
		}
		if since := string(s.Since(at)); err == nil && known+"1"+since != strings.TrimSuffix(text, "]") {
			t.Errorf("%s: got %q passed", text, since)
		}
	}
	f(`{"a":1}`, "", false)
	f(`{"a":1 , "b":2,"c":{} }]`, "b2c{}", false)
	f(`{"a":1,"b":2`, "b2", true)
	f(`{"a":1`, "", true)
	f(`{"a":1]`, "", true)
}

// FuzzWalk walks over any text: for valid JSON the members are those that
// encoding/json finds, in their order and to the byte; nothing panics.
func FuzzWalk(f *testing.F) {
	f.Add(`{"a":1,"b":[true,{"c":"\\\""}],"d":{}}`)
	f.Add("[1 , \"x\\\\\" ,null]")
	f.Add(`{"a":`)
	f.Add(`"\u0022"`)
	f.Fuzz(func(t *testing.T, text string) {
		s := jsonscan.New([]byte(text))
		var got [][]byte
		note := func() error {
			v, err := s.Value()
			got = append(got, v)
			return err
		}
		var err error
		switch s.Peek() {
		case '{':
			err = s.Object(func([]byte) error { return note() })
		case '[':
			err = s.Array(note)
		default:
			err = note()
		}
		if err == nil {
			err = s.End()
		}
		if !json.Valid([]byte(text)) {
			return
		}
		if err != nil {
			t.Fatalf("%q: got %v for valid JSON", text, err)
		}
		compare(t, text, got)
	})
}

// compare holds the values against a decoder's, which gives each raw.
func compare(t *testing.T, text string, got [][]byte) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	var want []json.RawMessage
	switch token {
	case json.Delim('{'), json.Delim('['):
		for d.More() {
			if token == json.Delim('{') {
				if _, err := d.Token(); err != nil {
					t.Fatal(err)
				}
			}
			var v json.RawMessage
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			want = append(want, v)
		}
	default:
		want = append(want, bytes.TrimSpace([]byte(text)))
	}
	if len(got) != len(want) {
		t.Fatalf("%q: got %d values, want %d", text, len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%q: value %d: got %s, want %s", text, i, got[i], want[i])
		}
	}
}
