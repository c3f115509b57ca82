package jsonscan

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ending gives where the object or array ends that text begins with, by looking at
// one byte after the other; 0 where it does not end.
func ending(text string) int {
	depth, within, escaped := 0, false, false
	for i, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
		case c == '"':
			within = !within
		case within:
			escaped = c == '\\'
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// checkEnding holds the walk by blocks and words against it, and that by words alone,
// which is all that processors without the instructions of blocks do.
func checkEnding(t rapid.TB, text string) {
	t.Helper()
	want := ending(text)
	// What lies behind in memory would end it.
	buf := []byte(text + strings.Repeat(`]"`, 64))[:len(text)]
	got, err := New(buf).Value()
	if len(got) != want || (err == nil) != (want > 0) || err != nil && !errors.Is(err, ErrTruncated) {
		t.Fatalf("%q: got %q, %v, want %d bytes", text, got, err, want)
	}
	if end, depth := wordwise(buf, 1, 1, 0); (depth == 0) != (want > 0) || depth == 0 && end != want {
		t.Fatalf("%q by words: got %d bytes at depth %d, want %d", text, end, depth, want)
	}
}

// TestContainersEndWhereBytesSay draws texts of what counts and of what looks like
// it: bytes that differ from a bracket, a quote or a backslash in one bit.
func TestContainersEndWhereBytesSay(t *testing.T) {
	t.Parallel()
	const dense = "{}[]\"\\"
	likes := dense + "|~^_zyZY+;:= \xa2\xdb\xdd\xfb\xfd\xdc\x00\x7f\xff"
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		text.WriteString(rapid.SampledFrom([]string{"{", "["}).Draw(t, "opening"))
		for range rapid.IntRange(0, 40).Draw(t, "parts") {
			among := rapid.SampledFrom([]string{dense, likes, "abc"}).Draw(t, "among")
			part := rapid.SliceOfN(rapid.SampledFrom([]byte(among)), 0, 20).Draw(t, "part")
			text.Write(part)
		}
		// Long enough that it ends in the middle as well as at the end.
		text.WriteString(rapid.SampledFrom([]string{"", `"`, "}]}]}]}]", `"}]}]}]}]}]`}).Draw(t, "ending"))
		checkEnding(t, text.String())
	})
}

// TestBordersOfBlocksMatterNot moves what counts over the borders of words and blocks.
func TestBordersOfBlocksMatterNot(t *testing.T) {
	t.Parallel()
	for _, what := range []string{
		`"`, `\"`, `\\"`, `\\\"`, `\\\\"`, `\\\\\"`, `","`, `\"]","`, `\\"]`, `"]`, `",[],{}`, `",[]]`, `",{"a":[{}]},"`, `"\"[`, `"\\`,
	} {
		for before := range 3 * 64 {
			for _, after := range []string{"", `"]`, "]", strings.Repeat(`a`, 70) + `"]` + strings.Repeat(" ", 64)} {
				checkEnding(t, `["`+strings.Repeat("a", before)+what+after)
			}
		}
	}
}

// FuzzContainer is the same of any bytes.
func FuzzContainer(f *testing.F) {
	f.Add(`{"a":["}",{"b":"\\\""}]}}`)
	f.Add(`{"message":"` + strings.Repeat(`the \"quick\" {brown} fox `, 9) + `","n":[1,[2,[3]]]} `)
	f.Add(`["` + strings.Repeat(`\\`, 31) + `"]]`)
	f.Fuzz(func(t *testing.T, text string) {
		if text != "" && (text[0] == '{' || text[0] == '[') {
			checkEnding(t, text)
		}
	})
}
