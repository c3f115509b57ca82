package boltstore_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/internal/lab/faultcase"
)

// Whatever single bit flips: the store opens with all its records as they were
// written, or it does not open.
func TestFlippedBits(t *testing.T) {
	faultcase.Shows(t, 34, "one bit flipped")
	t.Parallel()
	path, records := filled(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const flips = 1000
	r := rand.New(rand.NewPCG(1, 2))
	refused, used := 0, inUse(t, whole)
	for range flips {
		at, bit := r.IntN(used), r.IntN(8)
		if r.IntN(2) == 0 {
			// Half of them in the headers and element tables of pages.
			at = at&^4095 | r.IntN(128)
		}
		whole[at] ^= 1 << bit
		overwrite(t, path, whole)
		whole[at] ^= 1 << bit
		s, err := boltstore.OpenReadOnly(t.Context(), path)
		if err != nil {
			if _, ok := errors.AsType[*boltstore.DamagedError](err); !ok {
				t.Errorf("bit %d of byte %d: got %v, want a *DamagedError", bit, at, err)
			}
			refused++
			continue
		}
		if got, err := s.List(t.Context(), ""); err != nil || !slices.EqualFunc(got, records, equal) {
			t.Errorf("bit %d of byte %d: opened with other records (%d, %v)", bit, at, len(got), err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("bit %d of byte %d: Close: %v", bit, at, err)
		}
	}
	if refused < flips/4 {
		t.Errorf("%d of %d flips were refused; most of the file is in use", refused, flips)
	}
}

func equal(a, b checkpoint.Record) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }

// FuzzOpen: whatever is in the file, opening it neither crashes nor hangs, and
// what opens can be read.
func FuzzOpen(f *testing.F) {
	path, _ := filled(f)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte("x"))
	f.Add(4096+8, []byte{1, 0, 3})
	f.Add(3*4096+16, []byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, at int, patch []byte) {
		file := filepath.Join(t.TempDir(), "ferry.db")
		content := append([]byte{}, whole...)
		if at >= 0 && at < len(content) {
			copy(content[at:], patch)
		}
		overwrite(t, file, content)
		s, err := boltstore.Open(t.Context(), file)
		if err != nil {
			return
		}
		if _, err := s.List(t.Context(), ""); err != nil {
			t.Errorf("List of what opened: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close of what opened: %v", err)
		}
	})
}
