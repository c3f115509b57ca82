package layout_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/snapshotpath/bucket/layout"
)

// encoder writes SMILE as plainly as the format allows, with references back
// to names and texts.
type encoder struct {
	out          []byte
	names, texts []string
}

func encode(v any) []byte {
	e := &encoder{out: []byte(":)\n\x03")}
	e.value(v)
	return e.out
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.out = append(e.out, 0x21)
	case bool:
		e.out = append(e.out, map[bool]byte{false: 0x22, true: 0x23}[v])
	case int64:
		e.out = append(e.out, 0x25)
		e.varint(uint64(v)<<1 ^ uint64(v>>63))
	case float64:
		e.out = append(e.out, 0x29)
		bits := math.Float64bits(v)
		for i := 9; i >= 0; i-- {
			e.out = append(e.out, byte(bits>>(7*i))&0x7F)
		}
	case string:
		e.text(v)
	case []byte:
		e.binary(v)
	case []any:
		e.out = append(e.out, 0xF8)
		for _, one := range v {
			e.value(one)
		}
		e.out = append(e.out, 0xF9)
	case map[string]any:
		e.out = append(e.out, 0xFA)
		for key, one := range v {
			e.name(key)
			e.value(one)
		}
		e.out = append(e.out, 0xFB)
	}
}

func (e *encoder) varint(u uint64) {
	tail := []byte{byte(u&0x3F) | 0x80}
	for u >>= 6; u > 0; u >>= 7 {
		tail = append([]byte{byte(u & 0x7F)}, tail...)
	}
	e.out = append(e.out, tail...)
}

func (e *encoder) text(s string) {
	if i := last(e.texts, s); i >= 0 && i < 31 && s != "" {
		e.out = append(e.out, byte(i+1))
		return
	} else if i >= 31 && i&0xFF < 0xFE {
		e.out = append(e.out, 0xEC|byte(i>>8), byte(i))
		return
	}
	switch {
	case s == "":
		e.out = append(e.out, 0x20)
	case ascii(s) && len(s) <= 64:
		e.out = append(append(e.out, 0x40+byte(len(s)-1)), s...)
		e.texts = seen(e.texts, s)
	case len(s) >= 2 && len(s) <= 64:
		e.out = append(append(e.out, 0x80+byte(len(s)-2)), s...)
		e.texts = seen(e.texts, s)
	default:
		e.out = append(append(append(e.out, 0xE4), s...), 0xFC)
	}
}

func (e *encoder) name(s string) {
	switch i := last(e.names, s); {
	case i >= 0 && i < 64:
		e.out = append(e.out, 0x40+byte(i))
	case i >= 64 && i&0xFF < 0xFE:
		e.out = append(e.out, 0x30|byte(i>>8), byte(i))
	case s == "":
		e.out = append(e.out, 0x20)
	case ascii(s) && len(s) <= 64:
		e.out = append(append(e.out, 0x80+byte(len(s)-1)), s...)
		e.names = seen(e.names, s)
	case len(s) >= 2 && len(s) <= 57:
		e.out = append(append(e.out, 0xC0+byte(len(s)-2)), s...)
		e.names = seen(e.names, s)
	default:
		e.out = append(append(append(e.out, 0x34), s...), 0xFC)
	}
}

func (e *encoder) binary(data []byte) {
	e.out = append(e.out, 0xE8)
	e.varint(uint64(len(data)))
	for ; len(data) >= 7; data = data[7:] {
		u := binary.BigEndian.Uint64(append([]byte{0}, data[:7]...))
		for i := 7; i >= 0; i-- {
			e.out = append(e.out, byte(u>>(7*i))&0x7F)
		}
	}
	if len(data) == 0 {
		return
	}
	var u uint64
	for _, b := range data {
		u = u<<8 | uint64(b)
	}
	n := len(data)
	for i := n - 1; i >= 0; i-- {
		e.out = append(e.out, byte(u>>(7*i+n))&0x7F)
	}
	e.out = append(e.out, byte(u)&(1<<n-1))
}

func seen(list []string, s string) []string {
	if len(list) == 1024 {
		list = nil
	}
	return append(list, s)
}

func last(list []string, s string) int {
	for i, one := range list {
		if one == s {
			return i
		}
	}
	return -1
}

func ascii(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }

// TestSmile reads back whatever is written.
func TestSmile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := document(t, 4)
		got, err := layout.DecodeSmile(encode(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v (%v), want %#v", got, err, want)
		}
		got, err = layout.DecodeSmile(layout.EncodeSmile(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("ours: got %#v (%v), want %#v", got, err, want)
		}
	})
}

func document(t *rapid.T, depth int) any {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "ä", "settings", strings.Repeat("x", 33), strings.Repeat("ö", 32), strings.Repeat("y", 65)}), rapid.StringN(0, 80, 200))
	kind := rapid.IntRange(0, 7)
	if depth == 0 {
		kind = rapid.IntRange(0, 5)
	}
	switch kind.Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4:
		return text.Draw(t, "text")
	case 5:
		return rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes")
	case 6:
		out := []any{}
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			out = append(out, document(t, depth-1))
		}
		return out
	default:
		out := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			out[text.Draw(t, "key")] = document(t, depth-1)
		}
		return out
	}
}

// TestManyTexts goes over the number of texts and names that SMILE remembers.
func TestManyTexts(t *testing.T) {
	var want []any
	for i := range 3000 {
		name := "n" + strings.Repeat("x", i%50) + string(rune('a'+i%26))
		want = append(want, map[string]any{name: name, "constant": "value"})
	}
	got, err := layout.DecodeSmile(encode(want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("3000 objects came back otherwise (%v)", err)
	}
}

func TestTokens(t *testing.T) {
	f := func(body string, want any) {
		t.Helper()
		got, err := layout.DecodeSmile([]byte(":)\n\x03" + body))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("% x: got %#v (%v), want %#v", body, got, err, want)
		}
	}
	f("\xC0", int64(0))
	f("\xC1", int64(-1))
	f("\xDE", int64(15))
	f("\x24\x0B\x4C\x7A\xBE", int64(6082399))
	f("\x28\x03\x7C\x00\x00\x00", 1.0)
	f("\xE0long\xFC", "long")
	f("\xFD\x83abc", []byte("abc"))
	f("\xF8\x40a\x01\xF9\xFF", []any{"a", "a"})

	wrong := func(body string) {
		t.Helper()
		if got, err := layout.DecodeSmile([]byte(body)); err == nil {
			t.Errorf("% x was read as %#v", body, got)
		}
	}
	wrong("")
	wrong("{}")
	wrong(":)\n\x03")
	wrong(":)\n\x03\x01")
	wrong(":)\n\x03\x00")
	wrong(":)\n\x03\x26\x81\x01")
	wrong(":)\n\x03\x24\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01")
	wrong(":)\n\x03\xFA\x40\xC0\xFB")
	wrong(":)\n\x03\xE0endless")
	wrong(":)\n\x03\xC0\xC0")
	wrong(":)\n\x03\xE8\x7F\x7F\x7F\x7F\xBF\x00")
	wrong(":)\n\x03" + strings.Repeat("\xF8", 5000))
}

// FuzzSmile wants no panic, and no answer that is out of proportion.
func FuzzSmile(f *testing.F) {
	f.Add(encode(map[string]any{"files": []any{map[string]any{"name": "__a", "length": int64(7), "meta_hash": []byte("abc")}}}))
	f.Add([]byte(":)\n\x05\xfa\x87snapshot\xfa\x83nameBone\xfb\xfb"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, err := layout.DecodeSmile(data)
		_ = err // any answer is good that is no panic
	})
}

// FuzzFiles frames what it is given with a good checksum, so that the fuzzer
// gets behind it, and reads it as each kind of file.
func FuzzFiles(f *testing.F) {
	for _, name := range []string{"elasticsearch-7.10.2-plain", "opensearch-3.8.0-infix"} {
		r := open(f, name)
		for _, glob := range []string{"snap-*.dat", "indices/*/meta-*.dat", "indices/*/0/snap-*.dat", "*/indices/*/0/snap-*.dat"} {
			keys, err := fs.Glob(r, glob)
			if err != nil {
				f.Fatal(err)
			}
			for _, key := range keys {
				data := r.read(f, key)
				f.Add(data[9+int(data[4]) : len(data)-16])
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := layout.ParseSnapshot("x", framed("snapshot", body))
		sound(t, err)
		_, err = layout.ParseDescription("x", framed("index-metadata", body))
		sound(t, err)
		files, err := layout.ParseShard("x", framed("snapshot", body))
		sound(t, err)
		for _, file := range files {
			var sum int64
			for _, b := range file.Blobs() {
				sum += b.Size
			}
			if !file.Virtual() && sum != file.Length {
				t.Fatalf("%+v has blobs of %d bytes", file, sum)
			}
		}
	})
}

func sound(t *testing.T, err error) {
	t.Helper()
	_, shape := errors.AsType[*layout.ShapeError](err)
	_, corrupt := errors.AsType[*layout.CorruptError](err)
	if err != nil && !shape && !corrupt {
		t.Fatalf("%v is of no type", err)
	}
}

func framed(codec string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, 0x3fd76c17)
	out = append(append(out, byte(len(codec))), codec...)
	out = append(binary.BigEndian.AppendUint32(out, 1), body...)
	out = binary.BigEndian.AppendUint32(out, 0xc02893e8)
	out = binary.BigEndian.AppendUint32(out, 0)
	return binary.BigEndian.AppendUint64(out, uint64(crc32.ChecksumIEEE(out)))
}
