package boltstore_test

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/internal/lab/faultcase"
)

// A process is killed at any moment, again and again: the next one opens the
// store, finds every commit whole, and none lost that was said to be durable.
func TestKilled(t *testing.T) {
	faultcase.Shows(t, 1, "around the commits of the store, at any moment")
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	var epoch uint64
	for range 6 {
		said, pid := fillAndKill(t, path, 1+rand.IntN(120))
		r, err := boltstore.OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatalf("open after the kill: %v", err)
		}
		left, right := number(t, r, "left"), number(t, r, "right")
		// One more may be durable than was printed.
		if left != right || left < said || left > said+1 {
			t.Errorf("got %d and %d, want both %d or one more", left, right, said)
		}
		// A reader shows what the killed process left as its holder: a writer
		// cannot tell it from a living one, and nothing but the words depends on it.
		_, err = boltstore.Open(t.Context(), path)
		heldBy(t, "open beside a reader", err, checkpoint.Holder{Host: "child", PID: pid})
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		s := open(t, path)
		lease, err := s.Acquire(t.Context(), checkpoint.Holder{})
		if err != nil || lease.Epoch <= epoch {
			t.Errorf("Acquire: got %+v, %v, want an epoch above %d", lease, err, epoch)
		}
		epoch = lease.Epoch
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// fillAndKill kills a filling process after so many commits, and gives the last
// number that it said to be durable.
func fillAndKill(t *testing.T, path string, commits int) (said, pid int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), storeToFill+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if said == commits {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, killed := errors.AsType[*exec.ExitError](child.Wait()); !killed || said < commits {
		t.Fatalf("the filling process ended after %d commits, want it killed after %d", said, commits)
	}
	return said, child.Process.Pid
}

func number(t *testing.T, s *boltstore.Store, key string) int {
	t.Helper()
	value, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(value))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
