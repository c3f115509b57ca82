package reconcile_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"esferry/internal/lab/faultcase"
	"esferry/internal/reconcile"
)

// TestFullDisk fills the spool's disk: the comparison ends with an error that
// names the folder and what to do, and never with what fitted.
func TestFullDisk(t *testing.T) {
	faultcase.Shows(t, 35, "the spool's disk is full")
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
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
	s, err := reconcile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 1_000_000 && err == nil; i++ {
		err = s.Add(reconcile.Source, entry(strconv.Quote("id-"+strconv.Itoa(i*7919)), "", int64(i), strings.Repeat("x", i%50+1)))
	}
	if err == nil {
		err = s.Compare(t.Context(), func(reconcile.Difference) error { return nil })
	}
	var hint interface{ NextStep() string }
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) || !errors.As(err, &hint) || !strings.Contains(hint.NextStep(), "room") {
		t.Errorf("got %v, want no space, the folder, and the next step", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
