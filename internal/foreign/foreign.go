package foreign

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line gives text without what a terminal obeys: control characters, line ends
// among them, become spaces, and format characters are spelled out (\u202e), so
// that names which differ in them alone can be told apart. What is no UTF-8
// becomes U+FFFD.
func Line(text string) string {
	return mapped(text, func(rune) bool { return false })
}

// lines keeps what parts lines and columns of an output as a whole.
func lines(text string) string {
	return mapped(text, func(r rune) bool { return r == '\n' || r == '\t' })
}

func mapped(text string, keep func(rune) bool) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !keep(r) && (unicode.IsControl(r) || formats(r)) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case keep(r):
			b.WriteRune(r)
		case unicode.IsControl(r):
			b.WriteByte(' ')
		case formats(r):
			b.Write(escaped(nil, r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// formats reports whether a character is not seen itself, but changes how others
// are: directions, joiners, soft hyphens, tags, and Unicode's own line ends.
func formats(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }

// escaped spells a character as JSON does.
func escaped(to []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Appendf(to, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(to, `\u%04x`, r)
}

// Text gives a writer that passes text on as Line makes it, but for tabs and
// ends of lines. A character may come in pieces; its last one makes it whole.
// Called from one goroutine.
func Text(to io.Writer) io.Writer { return &writer{to: to} }

type writer struct {
	to io.Writer
	// rest is the beginning of a character.
	rest []byte
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	whole := len(w.rest)
	for back := 1; back < utf8.UTFMax && back <= len(w.rest); back++ {
		if at := len(w.rest) - back; utf8.RuneStart(w.rest[at]) {
			if !utf8.FullRune(w.rest[at:]) {
				whole = at
			}
			break
		}
	}
	text := lines(string(w.rest[:whole]))
	w.rest = append(w.rest[:0], w.rest[whole:]...)
	if _, err := io.WriteString(w.to, text); err != nil {
		return 0, err //nolint:wrapcheck // a writer gives the writer's own error
	}
	return len(p), nil
}

// JSON gives a writer that passes JSON on and escapes in it what a terminal would
// obey and JSON lets stand: the values are the same. Each Write is whole values, as
// encoding/json writes them.
func JSON(to io.Writer) io.Writer { return escaping{to} }

type escaping struct{ to io.Writer }

// Write implements io.Writer.
func (e escaping) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p))
	for rest := p; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r >= 0x7f && (unicode.IsControl(r) || formats(r)):
			out = escaped(out, r)
		case r == utf8.RuneError && size == 1:
			out = utf8.AppendRune(out, unicode.ReplacementChar)
		default:
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	if _, err := e.to.Write(out); err != nil {
		return 0, err //nolint:wrapcheck // a writer gives the writer's own error
	}
	return len(p), nil
}
