package boltstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/internal/lab/faultcase"
)

// disk mounts a small file system of its own, which only root may.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("only root mounts a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// The disk fills up: the commit that finds no room fails and says so, and what
// was committed before is there, as soon as there is room, and without it.
func TestFullDisk(t *testing.T) {
	faultcase.Shows(t, 34, "disk full at a commit")
	path := filepath.Join(disk(t, "512k"), "ferry.db")
	s := open(t, path)
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 7})
	if err != nil {
		t.Fatal(err)
	}
	committed := 0
	for ; committed < 1000; committed++ {
		record := checkpoint.Record{Key: fmt.Sprintf("f/index/%03d", committed), Value: []byte(strings.Repeat("x", 4000))}
		if err = s.Commit(t.Context(), lease, record); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Fatalf("after %d commits: got %v, want no space, and the file's name", committed, err)
	}
	if err := s.Close(); err != nil {
		t.Logf("close: %v", err)
	}
	for _, filler := range []string{path + ".json", "none"} {
		r, err := boltstore.OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatalf("without %s: %v", filler, err)
		}
		left, err := r.List(t.Context(), "")
		if err != nil || len(left) != committed {
			t.Errorf("got %d records, %v, want the %d that were committed", len(left), err, committed)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := os.Remove(filler); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// On a disk that takes no writes the store can be looked at, and is not opened
// for more.
func TestReadOnlyDisk(t *testing.T) {
	faultcase.Shows(t, 34, "the store on a read-only file system")
	dir := disk(t, "4m")
	path := filepath.Join(dir, "ferry.db")
	s := open(t, path)
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 7})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Commit(t.Context(), lease, checkpoint.Record{Key: "k", Value: []byte("v")}), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if s, err := boltstore.Open(t.Context(), path); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, %v, want it refused as read-only, with the file's name", s, err)
	}
	r, err := boltstore.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if value, err := r.Load(t.Context(), "k"); err != nil || string(value) != "v" {
		t.Errorf("got %q, %v", value, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
