package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"esferry/checkpoint"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/group"
	"esferry/internal/lab/faultcase"
	"esferry/internal/preflight"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCodeOf(t *testing.T) {
	f := func(err error, want int) {
		t.Helper()
		if got := codeOf(t.Context(), err); got != want {
			t.Errorf("%v: got exit code %d, want %d", err, got, want)
		}
	}
	f(nil, 0)
	f(errors.New("disk full"), 1)
	f(&group.PanicError{Name: "reader"}, 1)
	f(fmt.Errorf("run: %w", &usageError{err: errors.New("no such flag")}), 2)
	f(fmt.Errorf("read: %w", &config.Error{Message: "unknown key"}), 2)
	f(&ferry.ObstacleError{Obstacles: []preflight.Obstacle{{Problem: "same cluster", Usage: true}}}, 2)
	f(&ferry.ObstacleError{Obstacles: []preflight.Obstacle{{Problem: "closed"}}}, 1)
	f(fmt.Errorf("index i: %w", ferry.ErrDifference), 3)
	f(fmt.Errorf("%w: 3", errRejected), 4)
	f(fmt.Errorf("open: %w", &checkpoint.HeldError{}), 11)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := codeOf(ended, context.Canceled); got != 130 {
		t.Errorf("interrupted: got %d, want 130", got)
	}
}

func TestSelection(t *testing.T) {
	f := func(s selection, want string) {
		t.Helper()
		got, err := s.json()
		if err != nil || string(got) != want {
			t.Errorf("%+v: got %s, %v, want %s", s, got, err, want)
		}
	}
	f(selection{field: "@timestamp"}, "")
	f(selection{query: `{"term":{"n":1.10}}`}, `{"bool":{"filter":[{"term":{"n":1.10}}]}}`)
	f(selection{field: "at", since: "2026-11-01", until: "2026-11-02"}, `{"bool":{"filter":[{"range":{"at":{"gte":"2026-11-01","lt":"2026-11-02"}}}]}}`)
	if _, err := (selection{query: "user:x"}).json(); codeOf(t.Context(), err) != exitUsage {
		t.Errorf("a query that is no JSON: got %v, want a usage error", err)
	}
}

// command runs one command line.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"rnu"}, {"run", "--cutoff"}, {"run", "now"}, {"backfill"}, {"verify", "--level", "smell"}, {"plan", "-c", filepath.Join(t.TempDir(), "absent.yaml")}} {
		code, _, stderr := command(t, args...)
		if code != exitUsage || !strings.HasPrefix(stderr, "esferry: ") || !strings.Contains(stderr, "\n  next: ") {
			t.Errorf("%v: got exit code %d and %q", args, code, stderr)
		}
	}
}

// TestBothClustersAreReachedAtTheSameTime has each answer only once the other is asked.
func TestBothClustersAreReachedAtTheSameTime(t *testing.T) {
	asked := map[string]chan struct{}{"source": make(chan struct{}), "target": make(chan struct{})}
	url := func(mine, other string) string {
		var once sync.Once
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() { close(asked[mine]) })
			select {
			case <-asked[other]:
			case <-r.Context().Done():
			case <-time.After(10 * time.Second):
				t.Errorf("the %s is not asked before the %s has answered", other, mine)
			}
			http.Error(w, "", http.StatusUnauthorized)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	config := filepath.Join(t.TempDir(), "ferry.yaml")
	text := fmt.Sprintf("name: both\nsource: {url: %q}\ntarget: {url: %q}\nindices: {include: [logs]}\n", url("source", "target"), url("target", "source"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "verify", "-c", config); code == 0 || !strings.Contains(stderr, "401") {
		t.Errorf("got exit code %d and %q, want the refusal", code, stderr)
	}
}

func TestErrorsAsJSON(t *testing.T) {
	_, _, stderr := command(t, "plan", "--json", "-c", filepath.Join(t.TempDir(), "absent.yaml"))
	var e struct {
		Type, Message, Hint string
		Code                int
	}
	if err := json.Unmarshal([]byte(stderr), &e); err != nil || e.Type != "error" || e.Code != exitUsage || e.Message == "" || e.Hint == "" {
		t.Errorf("got %q (%v)", stderr, err)
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	code, stdout, _ := command(t, "--help")
	for _, name := range []string{"plan", "run", "baseline", "sync", "backfill", "verify", "cutover", "status", "snapshot", "restore", "checkpoint", "ctl"} {
		if !strings.Contains(stdout, "\n  "+name) {
			t.Errorf("the help does not name %s", name)
		}
		if code, help, _ := command(t, name, "--help"); code != 0 || !strings.Contains(help, "Usage:") {
			t.Errorf("%s --help: got exit code %d and %q", name, code, help)
		}
	}
	if code != 0 {
		t.Errorf("got exit code %d", code)
	}
}

func TestTheEnvironmentHasATwinOfEachFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(path, []byte("memroy: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ESFERRY_CONFIG", path)
	if _, _, stderr := command(t, "plan"); !strings.Contains(stderr, "other.yaml") {
		t.Errorf("got %q, want the file that the environment names", stderr)
	}
	t.Setenv("ESFERRY_CUTOVER", "perhaps")
	if code, _, stderr := command(t, "run"); code != exitUsage || !strings.Contains(stderr, "ESFERRY_CUTOVER") {
		t.Errorf("got exit code %d and %q, want it to name the variable", code, stderr)
	}
}

func TestForeignTextCannotDrawOnTheTerminal(t *testing.T) {
	faultcase.Shows(t, 40, "error texts and names on the terminal")
	if got := plain("a\x1b[31m\nb\u009b"); strings.ContainsAny(got, "\x1b\n\u009b") {
		t.Errorf("got %q", got)
	}
}

func TestLogFormat(t *testing.T) {
	var asked atomic.Int64 // both clusters are reached at the same time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ferry.yaml")
	text := fmt.Sprintf("name: f\nsource: {url: %q, auth: {basic: {username: u, password: hunter2}}}\ntarget: {url: %q}\nindices: {include: [a]}\n", server.URL, server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want ...string) {
		t.Helper()
		asked.Store(0)
		_, _, stderr := command(t, append([]string{"plan", "-c", path}, want[0:2]...)...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		for i, line := range lines {
			if !strings.Contains(line, want[2]) {
				t.Errorf("%v: line %d is %q", want, i, line)
			}
			if strings.HasPrefix(want[2], "{") && !json.Valid([]byte(line)) {
				t.Errorf("%v: line %d is no JSON: %q", want, i, line)
			}
		}
		if asked.Load() == 0 || strings.Contains(stderr, "hunter2") || strings.Contains(stderr, "aHVudGVyMg") {
			t.Errorf("%v: got %q after %d requests", want, stderr, asked.Load())
		}
		if requests := strings.Count(stderr, "/") > 0 && strings.Contains(stderr, "took_ms"); requests != (want[1] == "--verbose") {
			t.Errorf("%v: got %q", want, stderr)
		}
	}
	f("--log-format=json", "--verbose", `{"time":`)
	f("--log-format=json", "--no-progress", `{"time":`)
	f("--log-format=text", "--verbose", "")
	f("--log-format=text", "--no-progress", "")
	if code, _, stderr := command(t, "plan", "--log-format", "xml", "-c", path); code != exitUsage || !strings.Contains(stderr, "xml") {
		t.Errorf("got exit code %d and %q", code, stderr)
	}
}
