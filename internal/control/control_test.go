package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/control"
	"esferry/internal/group"
	"esferry/internal/retry"
)

type fixed struct{ err error }

func (f fixed) Status(context.Context) (any, error) {
	return map[string]string{"name": "x"}, f.err
}

// serving runs a server for the length of a test.
func serving(t *testing.T, store string, h control.Handler) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	g, _ := group.New(ctx)
	g.Go("server", func(ctx context.Context) error { return control.Serve(ctx, store, h) })
	t.Cleanup(func() {
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if _, err := control.Status(context.WithoutCancel(ctx), store); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("after the end: got %v, want ErrNotRunning", err)
		}
	})
	err := retry.Poll(t.Context(), "the socket", time.Millisecond, func(ctx context.Context) (bool, error) {
		_, err := control.Status(ctx, store)
		return !errors.Is(err, control.ErrNotRunning), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	f := func(store string) {
		t.Helper()
		if _, err := control.Status(t.Context(), store); !errors.Is(err, control.ErrNotRunning) {
			t.Fatalf("before the start: got %v, want ErrNotRunning", err)
		}
		serving(t, store, fixed{})
		got, err := control.Status(t.Context(), store)
		if err != nil || strings.TrimSpace(string(got)) != `{"name":"x"}` {
			t.Errorf("got %s and %v", got, err)
		}
	}
	f(filepath.Join(t.TempDir(), "ferry.db"))
	// Too long for a socket's address.
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	f(filepath.Join(deep, "ferry.db"))
}

func TestADeadSocketIsReplacedAndTheNewOneIsPrivate(t *testing.T) {
	store := filepath.Join(t.TempDir(), "ferry.db")
	if err := os.WriteFile(store+".sock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	serving(t, store, fixed{})
	info, err := os.Stat(store + ".sock")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got mode %o, want 600", got)
	}
}

func TestAnErrorIsToldAsOne(t *testing.T) {
	store := filepath.Join(t.TempDir(), "ferry.db")
	serving(t, store, fixed{err: errors.New("no status today")})
	if _, err := control.Status(t.Context(), store); err == nil || !strings.Contains(err.Error(), "no status today") {
		t.Errorf("got %v, want the handler's error", err)
	}
}
