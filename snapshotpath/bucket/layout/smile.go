package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	// maxDepth bounds nesting: descriptions of indices go some twenty deep.
	maxDepth = 200
	// maxShared is how many strings SMILE remembers before it begins anew, and
	// maxSharedBytes the longest of them.
	maxShared, maxSharedBytes = 1024, 64
	// textEnd closes long texts.
	textEnd = 0xFC
)

// smile reads one document of SMILE, the binary JSON of Jackson that the
// engines write their metadata in (format 1.0: see smile-format-specification
// of FasterXML). It reads what the engines write: no numbers beyond 64 bits.
type smile struct {
	data []byte
	at   int
	// names and texts are what may be referred back to.
	names, texts           []string
	sharesNames, sharesTxt bool
}

// decodeSmile gives maps, slices, string, int64, float64, bool, []byte and nil.
func decodeSmile(data []byte) (any, error) {
	if len(data) < 4 || string(data[:3]) != ":)\n" {
		return nil, errors.New("it is not SMILE")
	}
	s := &smile{data: data, at: 4, sharesNames: data[3]&1 != 0, sharesTxt: data[3]&2 != 0}
	v, err := s.value(0)
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", s.at, err)
	}
	if s.at < len(data) && data[s.at] != 0xFF {
		return nil, fmt.Errorf("at byte %d: more than one document", s.at)
	}
	return v, nil
}

var errShort = errors.New("it ends too early")

func (s *smile) next() (byte, error) {
	if s.at >= len(s.data) {
		return 0, errShort
	}
	s.at++
	return s.data[s.at-1], nil
}

func (s *smile) take(n int) ([]byte, error) {
	if n < 0 || n > len(s.data)-s.at {
		return nil, errShort
	}
	s.at += n
	return s.data[s.at-n : s.at], nil
}

// value reads one token and what it opens.
func (s *smile) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	b, err := s.next()
	if err != nil {
		return nil, err
	}
	switch {
	case b >= 0x01 && b <= 0x1F:
		return back(s.texts, int(b)-1)
	case b >= 0x20 && b <= 0x29:
		return s.literal(b)
	case b >= 0x40 && b <= 0x7F:
		return s.text(int(b-0x40)+1, true)
	case b >= 0x80 && b <= 0xBF:
		return s.text(int(b-0x80)+2, true)
	case b >= 0xC0 && b <= 0xDF:
		return zigzag(uint64(b & 0x1F)), nil
	default:
		return s.structure(b, depth)
	}
}

// literal reads constants and numbers.
func (s *smile) literal(b byte) (any, error) {
	switch b {
	case 0x20:
		return "", nil
	case 0x21:
		return nil, nil //nolint:nilnil // the null of JSON
	case 0x22, 0x23:
		return b == 0x23, nil
	case 0x24, 0x25:
		u, err := s.varint()
		return zigzag(u), err
	case 0x28:
		u, err := s.bits(5)
		return float64(math.Float32frombits(uint32(u))), err //nolint:gosec // five bytes of seven bits, of which 32 count
	case 0x29:
		u, err := s.bits(10)
		return math.Float64frombits(u), err
	default:
		return nil, fmt.Errorf("token %#02x is not known", b)
	}
}

// structure reads the tokens from 0xE0 on.
func (s *smile) structure(b byte, depth int) (any, error) {
	switch b {
	case 0xE0, 0xE4:
		return s.longText()
	case 0xE8:
		return s.binary()
	case 0xEC, 0xED, 0xEE, 0xEF:
		low, err := s.next()
		if err != nil {
			return nil, err
		}
		return back(s.texts, int(b&3)<<8|int(low))
	case 0xF8:
		return s.array(depth)
	case 0xFA:
		return s.object(depth)
	case 0xFD:
		n, err := s.varint()
		if err != nil {
			return nil, err
		}
		return s.take(int(min(n, math.MaxInt32)))
	default:
		return nil, fmt.Errorf("token %#02x is not known", b)
	}
}

func (s *smile) array(depth int) (any, error) {
	out := []any{}
	for {
		if s.at < len(s.data) && s.data[s.at] == 0xF9 {
			s.at++
			return out, nil
		}
		v, err := s.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

func (s *smile) object(depth int) (any, error) {
	out := map[string]any{}
	for {
		b, err := s.next()
		if err != nil {
			return nil, err
		}
		if b == 0xFB {
			return out, nil
		}
		key, err := s.key(b)
		if err != nil {
			return nil, err
		}
		if out[key], err = s.value(depth + 1); err != nil {
			return nil, err
		}
	}
}

func (s *smile) key(b byte) (string, error) {
	switch {
	case b == 0x20:
		return "", nil
	case b >= 0x30 && b <= 0x33:
		low, err := s.next()
		if err != nil {
			return "", err
		}
		return back(s.names, int(b&3)<<8|int(low))
	case b == 0x34:
		return s.longText()
	case b >= 0x40 && b <= 0x7F:
		return back(s.names, int(b-0x40))
	case b >= 0x80 && b <= 0xBF:
		return s.text(int(b-0x80)+1, false)
	case b >= 0xC0 && b <= 0xF7:
		return s.text(int(b-0xC0)+2, false)
	default:
		return "", fmt.Errorf("key %#02x is not known", b)
	}
}

// text reads a short text, a value or a name, and remembers it.
func (s *smile) text(n int, value bool) (string, error) {
	data, err := s.take(n)
	if err != nil {
		return "", err
	}
	text := string(data)
	switch {
	case value && s.sharesTxt && n <= maxSharedBytes:
		s.texts = remember(s.texts, text)
	case !value && s.sharesNames && n <= maxSharedBytes:
		s.names = remember(s.names, text)
	}
	return text, nil
}

func remember(seen []string, text string) []string {
	if len(seen) == maxShared {
		seen = seen[:0]
	}
	return append(seen, text)
}

func back(seen []string, i int) (string, error) {
	if i >= len(seen) {
		return "", errors.New("it refers to a text that was not there")
	}
	return seen[i], nil
}

func (s *smile) longText() (string, error) {
	for i := s.at; i < len(s.data); i++ {
		if s.data[i] == textEnd {
			text := string(s.data[s.at:i])
			s.at = i + 1
			return text, nil
		}
	}
	return "", errShort
}

// varint reads seven bits a byte, six in the last, which has the high bit set.
func (s *smile) varint() (u uint64, err error) {
	for range 11 {
		b, err := s.next()
		if err != nil {
			return 0, err
		}
		if b&0x80 != 0 {
			return u<<6 | uint64(b&0x3F), nil
		}
		u = u<<7 | uint64(b)
	}
	return 0, errors.New("a number is longer than 64 bits")
}

func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// bits reads a number in n bytes of seven bits.
func (s *smile) bits(n int) (u uint64, err error) {
	data, err := s.take(n)
	for _, b := range data {
		u = u<<7 | uint64(b&0x7F)
	}
	return u, err
}

// binary reads bytes that are written seven bits a byte: eight bytes for seven,
// and for a rest of n bytes n+1, the last with n bits.
func (s *smile) binary() ([]byte, error) {
	length, err := s.varint()
	if err != nil {
		return nil, err
	}
	n := int(min(length, math.MaxInt32))
	data, err := s.take(n + (n+6)/7)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, n+7)
	for ; len(data) >= 8; data = data[8:] {
		var u uint64
		for _, b := range data[:8] {
			u = u<<7 | uint64(b&0x7F)
		}
		var eight [8]byte
		binary.BigEndian.PutUint64(eight[:], u)
		out = append(out, eight[1:]...)
	}
	if len(data) < 2 {
		return out, nil
	}
	rest := len(data) - 1
	var u uint64
	for _, b := range data[:rest] {
		u = u<<7 | uint64(b&0x7F)
	}
	u = u<<rest | uint64(data[rest])
	for i := rest - 1; i >= 0; i-- {
		out = append(out, byte(u>>(8*i))) //nolint:gosec // one byte of it is meant
	}
	return out, nil
}
