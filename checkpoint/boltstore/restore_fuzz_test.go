package boltstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"esferry/checkpoint/boltstore"
)

// FuzzRestore: whatever lies beside the store as its export, what is made of it
// opens, and is the store of that export; or nothing is made.
func FuzzRestore(f *testing.F) {
	path, records := filled(f)
	whole, err := os.ReadFile(path + ".json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"type":"checkpoint_export","schema":1,"tally":{"records":0,"sum":0},"records":{},"binary":{}}`))
	f.Add([]byte(`{"type":"checkpoint_export","schema":1,"tally":{"records":1,"sum":0},"records":{"":null},"binary":{"x":""}}`))
	f.Add([]byte(`{"type":"checkpoint_export","schema":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "ferry.db")
		overwrite(t, file+".json", text)
		if err := boltstore.Restore(t.Context(), file); err != nil {
			if _, left := os.Lstat(file); left == nil {
				t.Errorf("it was refused (%v), and there is a file", err)
			}
			return
		}
		s, err := boltstore.Open(t.Context(), file)
		if err != nil {
			t.Fatalf("open what was restored: %v", err)
		}
		got, err := s.List(t.Context(), "")
		if err != nil || string(text) == string(whole) && len(got) != len(records) {
			t.Errorf("got %d records, %v, want %d", len(got), err, len(records))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
