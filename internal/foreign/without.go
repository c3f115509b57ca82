package foreign

import (
	"bytes"
	"io"
)

// hidden stands where a word was.
const hidden = "***"

// Hiding passes text on without the words that it was given: each becomes ***,
// also one that comes in pieces, for which what may begin a word is held back
// until more comes. Of two that fit, the longer one is meant. Called from one
// goroutine.
type Hiding struct {
	to    io.Writer
	words [][]byte
	rest  []byte
}

// Without gives a writer that hides the words; empty ones are none.
func Without(to io.Writer, words []string) *Hiding {
	h := &Hiding{to: to}
	for _, w := range words {
		if w != "" {
			h.words = append(h.words, []byte(w))
		}
	}
	return h
}

// Write implements io.Writer.
func (h *Hiding) Write(p []byte) (int, error) {
	h.rest = append(h.rest, p...)
	return len(p), h.pass(false)
}

// Flush passes on what was held back. To be called at the end of the text.
func (h *Hiding) Flush() error { return h.pass(true) }

func (h *Hiding) pass(ended bool) error {
	var out []byte
	rest := h.rest
	for len(rest) > 0 && (ended || !h.begun(rest)) {
		if n := h.word(rest); n > 0 {
			out, rest = append(out, hidden...), rest[n:]
			continue
		}
		out, rest = append(out, rest[0]), rest[1:]
	}
	h.rest = append(h.rest[:0], rest...)
	if len(out) == 0 {
		return nil
	}
	_, err := h.to.Write(out)
	return err //nolint:wrapcheck // a writer gives the writer's own error
}

// begun reports whether text is the beginning of a word, and not all of it.
func (h *Hiding) begun(text []byte) bool {
	for _, w := range h.words {
		if len(text) < len(w) && bytes.HasPrefix(w, text) {
			return true
		}
	}
	return false
}

// word is the length of the longest word that text begins with; 0 without one.
func (h *Hiding) word(text []byte) (length int) {
	for _, w := range h.words {
		if len(w) > length && bytes.HasPrefix(text, w) {
			length = len(w)
		}
	}
	return length
}
