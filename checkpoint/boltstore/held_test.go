package boltstore_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/internal/group"
	"esferry/internal/lab/faultcase"
)

// heldBy checks that the error says who holds the store.
func heldBy(t *testing.T, what string, err error, want checkpoint.Holder) {
	t.Helper()
	held, ok := errors.AsType[*checkpoint.HeldError](err)
	if !ok || held.Holder != want {
		t.Errorf("%s: got %v, want it held by %+v", what, err, want)
	}
}

func TestHeld(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	s := open(t, path)
	_, err := boltstore.Open(t.Context(), path)
	heldBy(t, "open before Acquire", err, checkpoint.Holder{})

	holder := checkpoint.Holder{Host: "north", PID: 4711, Since: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)}
	if _, err := s.Acquire(t.Context(), holder); err != nil {
		t.Fatal(err)
	}
	_, err = boltstore.Open(t.Context(), path)
	heldBy(t, "open after Acquire", err, holder)
	_, err = boltstore.OpenReadOnly(t.Context(), path)
	heldBy(t, "open for reading", err, holder)

	for _, stale := range []string{"", `"text"`} {
		overwrite(t, path+".holder", []byte(stale))
		_, err = boltstore.Open(t.Context(), path)
		heldBy(t, "open beside a holder of "+stale, err, checkpoint.Holder{})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if _, err := again.Acquire(t.Context(), holder); err != nil {
		t.Errorf("acquire after the holder's Close: %v", err)
	}
}

// What a killed process left as holder must not be believed of the next one.
func TestHolderOfADeadProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, path+".holder", []byte(`{"host":"dead","pid":1}`))
	open(t, path)
	_, err := boltstore.Open(t.Context(), path)
	heldBy(t, "open while the next process has not acquired", err, checkpoint.Holder{})
}

// A wait for the lock ends with the context.
func TestHeldUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	open(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := boltstore.Open(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
	if spent := time.Since(began); spent > 900*time.Millisecond {
		t.Errorf("returned after %s, want about 50ms", spent)
	}
}

// Several may look at once while nobody runs, and keep a writer out meanwhile.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	s := open(t, path)
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Commit(t.Context(), lease, checkpoint.Record{Key: "a", Value: []byte("1")}), s.Close()); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, path)
	var readers []*boltstore.Store
	for range 2 {
		r, err := boltstore.OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
		if value, err := r.Load(t.Context(), "a"); err != nil || string(value) != "1" {
			t.Errorf("Load: got %q, %v, want 1", value, err)
		}
		if _, err := r.Acquire(t.Context(), checkpoint.Holder{}); !errors.Is(err, boltstore.ErrReadOnly) {
			t.Errorf("Acquire: got %v, want ErrReadOnly", err)
		}
		if err := r.Commit(t.Context(), lease); !errors.Is(err, boltstore.ErrReadOnly) {
			t.Errorf("Commit: got %v, want ErrReadOnly", err)
		}
	}
	_, err = boltstore.Open(t.Context(), path)
	heldBy(t, "open beside readers", err, checkpoint.Holder{})
	for _, r := range readers {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if snapshot(t, path) != before {
		t.Error("looking changed a file")
	}
}

// snapshot is everything in the store's folder.
func snapshot(t *testing.T, path string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(name + "\n" + string(content))
	}
	return all.String()
}

func TestReadOnlyOfNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "ferry.db")
	if _, err := boltstore.OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking made a folder")
	}
}

func TestOpenWithAnEndedContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := boltstore.Open(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: got %v, want context.Canceled", err)
	}
	if _, err := boltstore.OpenReadOnly(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("OpenReadOnly: got %v, want context.Canceled", err)
	}
	if got := snapshot(t, path); got != "" {
		t.Errorf("an ended context left %q", got)
	}
}

// Many processes start at once where there is no file yet: one gets it, and no
// other takes its half-made file for a damaged one.
func TestManyMakeOneStore(t *testing.T) {
	faultcase.Shows(t, 3, "many processes make one store")
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "ferry.db")
	var won atomic.Pointer[boltstore.Store]
	g, _ := group.New(t.Context())
	for range 8 {
		g.Go("open", func(ctx context.Context) error {
			s, err := boltstore.Open(ctx, path)
			if _, held := errors.AsType[*checkpoint.HeldError](err); held {
				return nil
			}
			if err == nil && !won.CompareAndSwap(nil, s) {
				return errors.Join(errors.New("two opened it"), s.Close())
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if s := won.Load(); s == nil || s.Close() != nil {
		t.Error("nobody opened it, or it did not close")
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) != 2 {
		t.Errorf("left: %v, %v, want the store and its export", left, err)
	}
}
