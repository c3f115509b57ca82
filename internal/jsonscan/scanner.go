package jsonscan

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
)

// ErrTruncated is what every walk ends with that runs out of bytes.
var ErrTruncated = errors.New("the text ends in the middle of a value")

// Scanner stands at a place in a text. All slices that it gives are of that
// text. To be used by one goroutine.
type Scanner struct {
	text []byte
	pos  int
}

// New gives a scanner at the beginning of text.
func New(text []byte) *Scanner { return &Scanner{text: text} }

// Pos is how many bytes lie behind.
func (s *Scanner) Pos() int { return s.pos }

// Resume goes on at a place of a text that begins with the one before, after an
// ErrTruncated or without.
func (s *Scanner) Resume(text []byte, pos int) { s.text, s.pos = text, pos }

// Peek skips white space and gives the next byte, 0 at the end.
func (s *Scanner) Peek() byte {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

// End fails where anything but white space is left.
func (s *Scanner) End() error {
	if s.Peek(); s.pos < len(s.text) {
		return fmt.Errorf("more follows the end at byte %d", s.pos)
	}
	return nil
}

// Expect consumes one byte after white space.
func (s *Scanner) Expect(want byte) error {
	if s.met(want) {
		return nil
	}
	return s.expect(want)
}

// met consumes a byte where it stands right there. Unlike Expect it costs no call.
func (s *Scanner) met(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// Met consumes text where exactly that stands right there.
func (s *Scanner) Met(text []byte) bool {
	if !bytes.HasPrefix(s.text[s.pos:], text) {
		return false
	}
	s.pos += len(text)
	return true
}

// Since gives the text from a place that lies behind to here.
func (s *Scanner) Since(pos int) []byte { return s.text[pos:s.pos] }

// expect is Expect where something else stands there.
func (s *Scanner) expect(want byte) error {
	got := s.Peek()
	if got == 0 && s.pos >= len(s.text) {
		return ErrTruncated
	}
	if got != want {
		return fmt.Errorf("byte %d is %q where %q belongs", s.pos, got, want)
	}
	s.pos++
	return nil
}

// Text consumes a string and gives it with its quotes and escapes.
func (s *Scanner) Text() ([]byte, error) {
	if !s.met('"') {
		if err := s.expect('"'); err != nil {
			return nil, err
		}
	}
	start := s.pos - 1
	if s.pos = afterText(s.text, s.pos); s.pos < 0 {
		s.pos = len(s.text)
		return nil, ErrTruncated
	}
	return s.text[start:s.pos], nil
}

// Eight times the same byte, and the lowest and the highest bit of each byte.
const (
	quotes      = 0x2222222222222222
	backslashes = 0x5c5c5c5c5c5c5c5c
	lowest      = 0x0101010101010101
	highest     = 0x8080808080808080
)

// afterText gives the place behind the string whose content begins at i; -1
// where it does not end. It looks at eight bytes at a time: most strings of
// documents are too short for bytes.IndexByte to pay.
func afterText(text []byte, i int) int {
	for i+8 <= len(text) {
		marks := marked(word(text[i:]))
		if marks == 0 {
			i += 8
			continue
		}
		if i += bits.TrailingZeros64(marks) / 8; text[i] == '"' {
			return i + 1
		}
		i += 2
	}
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// marked sets the highest bit of bytes that are a quote or a backslash. The
// lowest mark is true; those above it may not be.
func marked(w uint64) uint64 {
	q, b := w^quotes, w^backslashes
	return ((q-lowest)&^q | (b-lowest)&^b) & highest
}

// Value consumes any value and gives its bytes.
func (s *Scanner) Value() ([]byte, error) {
	switch s.Peek() {
	case '"':
		return s.Text()
	case '{', '[':
		return s.container()
	}
	start := s.pos
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return s.scalar(start)
		}
		s.pos++
	}
	return s.scalar(start)
}

func (s *Scanner) scalar(start int) ([]byte, error) {
	if s.pos == start {
		if s.pos >= len(s.text) {
			return nil, ErrTruncated
		}
		return nil, fmt.Errorf("byte %d is %q where a value belongs", s.pos, s.text[s.pos])
	}
	return s.text[start:s.pos], nil
}

// Object consumes an object and calls member at each of its values, with the
// key as it is spelled; member must consume the value.
func (s *Scanner) Object(member func(key []byte) error) error {
	if err := s.Expect('{'); err != nil {
		return err
	}
	if s.Peek() == '}' {
		s.pos++
		return nil
	}
	return s.members(member)
}

// Rest consumes the rest of an object, behind one of its values, as Object does.
func (s *Scanner) Rest(member func(key []byte) error) error {
	if more, err := s.more('}'); !more {
		return err
	}
	return s.members(member)
}

func (s *Scanner) members(member func(key []byte) error) error {
	for {
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := member(key[1 : len(key)-1]); err != nil {
			return err
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// key consumes a string and the colon behind it.
func (s *Scanner) key() ([]byte, error) {
	key, err := s.Text()
	if err != nil || s.met(':') {
		return key, err
	}
	return key, s.expect(':')
}

// Array consumes an array and calls element at each of its values; element
// must consume the value.
func (s *Scanner) Array(element func() error) error {
	if err := s.Expect('['); err != nil {
		return err
	}
	if s.Peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

// more consumes what stands between two members: a comma, or the end.
func (s *Scanner) more(end byte) (bool, error) {
	if s.met(',') {
		return true, nil
	}
	if s.Peek() == end {
		s.pos++
		return false, nil
	}
	err := s.expect(',')
	return err == nil, err
}

// Quoted consumes a string like Text, and fails on any other value.
func (s *Scanner) Quoted() ([]byte, error) {
	if s.Peek() != '"' {
		return nil, fmt.Errorf("byte %d begins no string", s.pos)
	}
	return s.Text()
}

// Int consumes an integer into to.
func (s *Scanner) Int(to *int64) error {
	// Eighteen digits always fit; whatever else stands there is judged below.
	const most = 18
	i, n := s.pos, int64(0)
	for ; i < len(s.text) && s.text[i]-'0' <= 9; i++ {
		n = 10*n + int64(s.text[i]-'0')
	}
	if i > s.pos && i-s.pos <= most && i < len(s.text) && (s.text[i] == ',' || s.text[i] == '}') {
		s.pos, *to = i, n
		return nil
	}
	raw, err := s.Value()
	if err != nil {
		return err
	}
	n, err = strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return fmt.Errorf("read a number: %w", err)
	}
	*to = n
	return nil
}

// Bool consumes true or false into to.
func (s *Scanner) Bool(to *bool) error {
	raw, err := s.Value()
	if err != nil {
		return err
	}
	switch string(raw) {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return fmt.Errorf("%.20q is neither true nor false", raw)
	}
	return nil
}

// Skip consumes any value.
func (s *Scanner) Skip() error {
	_, err := s.Value()
	return err
}
