package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"esferry/internal/jsonscan"
)

func TestCanonical(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := string(jsonscan.Canonical([]byte(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	f(`"plain"`, `"plain"`)
	f(``, ``)
	f(`"🚢"`, `"🚢"`)
	f(`"\uD83D\uDEA2"`, `"🚢"`)
	f(`"\u043a\/"`, `"к/"`)
	f(`"a\"b\\c"`, `"a\"b\\c"`)
	f(`"\n\t\u0001"`, `"\u000a\u0009\u0001"`)
	f(`"torn\`, `"torn\`)
}

// FuzzCanonical: the canonical spelling means the same, and is its own.
func FuzzCanonical(f *testing.F) {
	f.Add(`"a\u00e9\n\"x"`)
	f.Add(`"\uD83D\uDEA2"`)
	f.Fuzz(func(t *testing.T, in string) {
		var was, is string
		if json.Unmarshal([]byte(in), &was) != nil {
			return
		}
		once := jsonscan.Canonical([]byte(in))
		if err := json.Unmarshal(once, &is); err != nil || is != was {
			t.Errorf("%q became %q, %v", in, once, err)
		}
		// However encoding/json spells it, it is the same.
		if spelled, err := json.Marshal(was); err != nil || utf8.ValidString(in) && string(jsonscan.Canonical(spelled)) != strings.TrimSpace(string(once)) {
			t.Errorf("%q became %q, and %s did not (%v)", in, once, spelled, err)
		}
		if twice := jsonscan.Canonical(once); string(twice) != string(once) {
			t.Errorf("%q became %q, then %q", in, once, twice)
		}
	})
}
