package boltstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/checkpoint/storetest"
	"esferry/internal/lab/faultcase"
)

func TestConformance(t *testing.T) {
	faultcase.Shows(t, 2, "a stale lease commits")
	t.Parallel()
	root := t.TempDir()
	storetest.Run(t, func(t *testing.T) checkpoint.Store {
		t.Helper()
		return open(t, filepath.Join(root, strings.ReplaceAll(t.Name(), "/", "_"), "ferry.db"))
	})
}

// open opens the store, to be closed by the test or at its end.
func open(tb testing.TB, path string) *boltstore.Store {
	tb.Helper()
	s, err := boltstore.Open(tb.Context(), path)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() }) //nolint:errcheck // the test itself looks at Close where it matters
	return s
}

func TestFilesAndModes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder", "ferry.db")
	s := open(t, path)
	if _, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 7}); err != nil {
		t.Fatal(err)
	}
	mode := func(name string, want os.FileMode) {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want mode %o", name, info, err, want)
		}
	}
	mode(filepath.Dir(path), 0o700)
	mode(path, 0o600)
	mode(path+".holder", 0o600)
	mode(path+".json", 0o600)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || strings.Join(left, " ") != path+" "+path+".json" {
		t.Errorf("after Close: got %v, %v, want the store and its export", left, err)
	}
}
