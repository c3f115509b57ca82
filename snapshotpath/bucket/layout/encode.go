package layout

import (
	"encoding/binary"
	"hash/crc32"
	"maps"
	"math"
	"slices"
)

// frame makes a Lucene file of a body, as unframe reads it.
func frame(codec string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, headerMagic)
	out = append(append(out, byte(len(codec))), codec...) //nolint:gosec // the engines' names are short
	out = append(binary.BigEndian.AppendUint32(out, 1), body...)
	out = binary.BigEndian.AppendUint32(out, footerMagic)
	out = binary.BigEndian.AppendUint32(out, 0)
	return binary.BigEndian.AppendUint64(out, uint64(crc32.ChecksumIEEE(out)))
}

// encodeSmile writes what decodeSmile gives, without references back, and equal
// values as equal bytes.
func encodeSmile(v any) []byte { return appendSmile([]byte(":)\n\x00"), v) }

func appendSmile(out []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(out, 0x23)
		}
		return append(out, 0x22)
	case int64:
		token := byte(0x25)
		if v >= math.MinInt32 && v <= math.MaxInt32 {
			// Jackson reads five bytes at least of what is said to be long.
			token = 0x24
		}
		return appendVarint(append(out, token), uint64(v)<<1^uint64(v>>63)) //nolint:gosec // the wrap is the encoding
	case float64:
		return appendBits(append(out, 0x29), math.Float64bits(v), 10)
	case string:
		return appendText(out, v)
	case []byte:
		return appendBinary(out, v)
	case []any:
		out = append(out, 0xF8)
		for _, one := range v {
			out = appendSmile(out, one)
		}
		return append(out, 0xF9)
	case map[string]any:
		out = append(out, 0xFA)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = appendSmile(appendKey(out, key), v[key])
		}
		return append(out, 0xFB)
	default:
		// Nothing else is decoded but the null of JSON.
		return append(out, 0x21)
	}
}

func appendText(out []byte, s string) []byte {
	if s == "" {
		return append(out, 0x20)
	}
	return append(append(append(out, 0xE4), s...), textEnd)
}

func appendKey(out []byte, s string) []byte {
	switch {
	case s == "":
		return append(out, 0x20)
	case len(s) <= maxSharedBytes && plainASCII(s):
		return append(append(out, 0x80+byte(len(s)-1)), s...) //nolint:gosec // at most 64
	default:
		return append(append(append(out, 0x34), s...), textEnd)
	}
}

func plainASCII(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b > 0x7F })
}

func appendVarint(out []byte, u uint64) []byte {
	last := byte(u&0x3F) | 0x80
	u >>= 6
	var high [9]byte
	n := 0
	for ; u > 0; u >>= 7 {
		high[n] = byte(u & 0x7F)
		n++
	}
	for n--; n >= 0; n-- {
		out = append(out, high[n])
	}
	return append(out, last)
}

// appendBits writes a number in n bytes of seven bits.
func appendBits(out []byte, u uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		out = append(out, byte(u>>(7*i)&0x7F))
	}
	return out
}

// appendBinary writes seven bits a byte: see smile.binary.
func appendBinary(out, data []byte) []byte {
	out = appendVarint(append(out, 0xE8), uint64(len(data)))
	for ; len(data) > 0; data = data[min(7, len(data)):] {
		n := min(7, len(data))
		var u uint64
		for _, b := range data[:n] {
			u = u<<8 | uint64(b)
		}
		if n == 7 {
			out = appendBits(out, u, 8)
			continue
		}
		out = append(appendBits(out, u>>n, n), byte(u&(1<<n-1))) //nolint:gosec // the lowest bits are meant
	}
	return out
}
