package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
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

func (f fixed) Do(_ context.Context, command string, arguments json.RawMessage) (any, error) {
	switch command {
	case "slower":
		return map[string]json.RawMessage{"was asked": arguments}, f.err
	case "panic":
		panic("out of order")
	default:
		return nil, control.ErrUnknown
	}
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

type odd struct {
	fixed
	status func(ctx context.Context) (any, error)
}

func (o odd) Status(ctx context.Context) (any, error) { return o.status(ctx) }

// What cannot be told, for whatever reason, is an error and not an empty answer.
func TestAStatusThatCannotBeTold(t *testing.T) {
	f := func(want string, status func(ctx context.Context) (any, error)) {
		t.Helper()
		store := filepath.Join(t.TempDir(), "ferry.db")
		serving(t, store, odd{status: status})
		if got, err := control.Status(t.Context(), store); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q and %v, want an error that says %q", got, err, want)
		}
	}
	f("unsupported type", func(context.Context) (any, error) { return func() {}, nil })
	f("out of order", func(context.Context) (any, error) { panic("out of order") })
}

func TestDo(t *testing.T) {
	store := filepath.Join(t.TempDir(), "ferry.db")
	if _, err := control.Do(t.Context(), store, "slower", nil); !errors.Is(err, control.ErrNotRunning) {
		t.Fatalf("before the start: got %v, want ErrNotRunning", err)
	}
	serving(t, store, fixed{})
	got, err := control.Do(t.Context(), store, "slower", map[string]int{"rate": 7})
	if want := `{"was asked":{"rate":7}}`; err != nil || string(got) != want {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
}

// What is refused is told in the handler's own sentence.
func TestRefusals(t *testing.T) {
	f := func(h control.Handler, command, want string) {
		t.Helper()
		store := filepath.Join(t.TempDir(), "ferry.db")
		serving(t, store, h)
		got, err := control.Do(t.Context(), store, command, nil)
		if _, refused := errors.AsType[*control.RefusedError](err); !refused || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %s and %v, want a refusal %q", command, got, err, want)
		}
	}
	f(fixed{err: errors.New("not today")}, "slower", "not today")
	f(fixed{}, "faster", "the running esferry does not know POST /faster")
	f(fixed{}, "panic", "panic: panic: out of order")
}

// The end waits for an answer under way, and lets it know.
func TestTheEndWaitsForAnswers(t *testing.T) {
	store := filepath.Join(t.TempDir(), "ferry.db")
	asked, left := make(chan struct{}), false
	handler := odd{status: func(ctx context.Context) (any, error) {
		close(asked)
		<-ctx.Done()
		left = true
		return "last words", nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server, _ := group.New(ctx)
	server.Go("server", func(ctx context.Context) error { return control.Serve(ctx, store, handler) })
	client, _ := group.New(t.Context())
	client.Go("client", func(ctx context.Context) error {
		return retry.Poll(ctx, "the socket", time.Millisecond, func(ctx context.Context) (bool, error) {
			got, err := control.Status(ctx, store)
			if errors.Is(err, control.ErrNotRunning) {
				return false, nil
			}
			if string(got) != `"last words"` {
				t.Errorf("got %q and %v, want the answer", got, err)
			}
			return true, nil
		})
	})
	<-asked
	stop()
	if err := server.Wait(); err != nil || !left {
		t.Errorf("the server ended with %v, its handler having returned: %v", err, left)
	}
	if err := client.Wait(); err != nil {
		t.Error(err)
	}
}

// A newer esferry that asks for more than this one knows gets a sentence.
func TestAnUnknownQuestion(t *testing.T) {
	store := filepath.Join(t.TempDir(), "ferry.db")
	serving(t, store, fixed{})
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", store+".sock")
	}}
	f := func(method, path, want string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://esferry"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusNotFound || strings.TrimSpace(string(body)) != want {
			t.Errorf("%s %s: got %s, %q, %v, want %q", method, path, answer.Status, body, err, want)
		}
	}
	f(http.MethodPost, "/pause", "the running esferry does not know POST /pause")
	f(http.MethodDelete, "/status", "the running esferry does not know DELETE /status")
}
