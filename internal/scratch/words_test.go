package scratch_test

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"esferry/internal/scratch"
)

// FuzzWords: what was written is read back, and what was not written so is torn.
func FuzzWords(f *testing.F) {
	f.Add([]byte{}, "", "", int64(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "a", "ü", int64(-1))
	f.Add([]byte{5, 'a'}, "id", "routing", int64(1)<<62)
	f.Fuzz(func(t *testing.T, torn []byte, a, b string, n int64) {
		text := append(binary.AppendVarint(scratch.AppendWords(nil, a, b), n), torn...)
		var gotA, gotB string
		var gotN int64
		rest, err := scratch.ReadWords(text, &gotA, &gotB)
		if err == nil {
			rest, err = scratch.ReadNumbers(rest, &gotN)
		}
		if err != nil || gotA != a || gotB != b || gotN != n || string(rest) != string(torn) {
			t.Fatalf("got %q %q %d and %q, %v", gotA, gotB, gotN, rest, err)
		}
		if rest, err := scratch.ReadWords(torn, &gotA, &gotB); err != nil && !errors.Is(err, scratch.ErrTorn) || err == nil && len(rest) >= len(torn) {
			t.Fatalf("got %q of %q, %v", rest, torn, err)
		}
		if rest, err := scratch.ReadNumbers(torn, &gotN); err != nil && !errors.Is(err, scratch.ErrTorn) || err == nil && len(rest) >= len(torn) {
			t.Fatalf("got %q of %q, %v", rest, torn, err)
		}
	})
}

// TestNothingIsLeft: a scratch file has no name, so that nobody else can open it.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	file, err := scratch.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	piece, err := file.Keep([]byte("an id"))
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want no name", left, err)
	}
	if got, err := file.Load(piece); err != nil || string(got) != "an id" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
