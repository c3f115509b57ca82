package stream

import (
	"bytes"
	"errors"
	"fmt"
)

// errTruncated is what every scan ends with that runs out of bytes.
var errTruncated = errors.New("the page ends in the middle of a value")

// scanner walks forward over JSON whose shape is known, and gives slices of
// its buffer. It does not validate what it skips: the target parses every
// document anyway, and truncation shows at the closing brace.
type scanner struct {
	buf []byte
	pos int
}

// space skips white space and gives the next byte, 0 at the end.
func (s *scanner) space() byte {
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// expect consumes one byte after white space.
func (s *scanner) expect(want byte) error {
	got := s.space()
	if got == 0 && s.pos >= len(s.buf) {
		return errTruncated
	}
	if got != want {
		return fmt.Errorf("byte %d of the page is %q where %q belongs", s.pos, got, want)
	}
	s.pos++
	return nil
}

// text consumes a string and gives it with its quotes and escapes.
func (s *scanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	for start := s.pos - 1; ; s.pos++ {
		n := bytes.IndexByte(s.buf[s.pos:], '"')
		if n < 0 {
			s.pos = len(s.buf)
			return nil, errTruncated
		}
		s.pos += n
		if !escaped(s.buf[start+1 : s.pos]) {
			s.pos++
			return s.buf[start:s.pos], nil
		}
	}
}

// escaped reports whether what follows b is escaped: an odd run of backslashes
// ends it.
func escaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// value consumes any value and gives its bytes.
func (s *scanner) value() ([]byte, error) {
	switch s.space() {
	case '"':
		return s.text()
	case '{', '[':
		return s.container()
	}
	start := s.pos
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return s.scalar(start)
		}
		s.pos++
	}
	return s.scalar(start)
}

func (s *scanner) scalar(start int) ([]byte, error) {
	if s.pos == start {
		if s.pos >= len(s.buf) {
			return nil, errTruncated
		}
		return nil, fmt.Errorf("byte %d of the page is %q where a value belongs", s.pos, s.buf[s.pos])
	}
	return s.buf[start:s.pos], nil
}

// container consumes an object or array by counting brackets outside strings.
func (s *scanner) container() ([]byte, error) {
	start, depth := s.pos, 0
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case '"':
			if _, err := s.text(); err != nil {
				return nil, err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				s.pos++
				return s.buf[start:s.pos], nil
			}
		}
		s.pos++
	}
	return nil, errTruncated
}

// object consumes an object and calls member at each of its values; member
// must consume the value.
func (s *scanner) object(member func(key []byte) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.space() == '}' {
		s.pos++
		return nil
	}
	for {
		s.space()
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
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

// array consumes an array and calls element at each of its values; element
// must consume the value.
func (s *scanner) array(element func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.space() == ']' {
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
func (s *scanner) more(end byte) (bool, error) {
	if s.space() == end {
		s.pos++
		return false, nil
	}
	if err := s.expect(','); err != nil {
		return false, err
	}
	return true, nil
}
