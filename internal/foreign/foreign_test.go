package foreign_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"esferry/internal/foreign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLine(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := foreign.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("logs-2026.11.01", "logs-2026.11.01")
	f("журнал-日本語-🚢", "журнал-日本語-🚢")
	f("a\x1b[2Jb\nc\rd\te\x7f\u009b31m", "a [2Jb c d e  31m")
	f("nigol\u202elogin", `nigol\u202elogin`)
	f("a\u200bb\u2066c\u2069\u2028d\u00ad", `a\u200bb\u2066c\u2069\u2028d\u00ad`)
	f("tag\U000e0041", `tag\udb40\udc41`)
	f("torn\xff\xc3", "torn\ufffd\ufffd")
}

// loud gives texts full of what must not get through.
func loud() *rapid.Generator[string] {
	letters := []rune("ab \n\t\r\x00\x07\x1b[31m\x7f\u0085\u009b\u00ad\u061c\u200b\u200f\u202a\u202e\u2028\u2066\u2069\ufeffü日🚢\U000e0041\"\\<>")
	return rapid.StringOf(rapid.RuneFrom(letters))
}

// quiet reports whether a terminal takes text for text.
func quiet(text string, keep string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune(keep, r) && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
	})
}

// TestNothingGetsThrough writes any text in any pieces.
func TestNothingGetsThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := loud().Draw(t, "text")
		if got := foreign.Line(text); !quiet(got, "") || foreign.Line(got) != got {
			t.Fatalf("%q: got the line %q", text, got)
		}
		var whole, pieces bytes.Buffer
		if _, err := foreign.Text(&whole).Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		w := foreign.Text(&pieces)
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if wrote, err := w.Write(rest[:n]); wrote != n || err != nil {
				t.Fatal(wrote, err)
			}
			rest = rest[n:]
		}
		if whole.String() != pieces.String() || !quiet(whole.String(), "\n\t") {
			t.Fatalf("%q: got %q as a whole and %q in pieces", text, whole.String(), pieces.String())
		}
		if strings.Count(whole.String(), "\n") != strings.Count(text, "\n") {
			t.Fatalf("%q: got %q, with other lines", text, whole.String())
		}
	})
}

// TestJSONMeansTheSame: what is escaped is read back as it was.
func TestJSONMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{loud().Draw(t, "key"): loud().Draw(t, "value")}
		var out bytes.Buffer
		encoder := json.NewEncoder(foreign.JSON(&out))
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(want); err != nil {
			t.Fatal(err)
		}
		if !quiet(out.String(), "\n") || strings.Count(out.String(), "\n") != 1 {
			t.Fatalf("got %q", out.String())
		}
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	})
}

// TestWithout hides words in texts that come in any pieces.
func TestWithout(t *testing.T) {
	f := func(text, want string, words ...string) {
		t.Helper()
		for _, size := range []int{1, 2, 3, len(text) + 1} {
			var out bytes.Buffer
			h := foreign.Without(&out, words)
			for rest := text; rest != ""; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				if n, err := h.Write([]byte(piece)); err != nil || n != len(piece) {
					t.Fatalf("got %d, %v", n, err)
				}
			}
			if err := h.Flush(); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != want {
				t.Errorf("%q without %q, %d at a time: got %q, want %q", text, words, size, got, want)
			}
		}
	}
	f("nothing to hide", "nothing to hide")
	f("nothing to hide", "nothing to hide", "", "secret")
	f("my secret\nis a secret", "my ***\nis a ***", "secret")
	f("abcd, abc, ab", "***, ***, ab", "abc", "abcd")
	f("aab", "a***", "ab")
	f("half a secre", "half a secre", "secret")
	f("two\nlines and two", "*** and two", "two\nlines")
}
