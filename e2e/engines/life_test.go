package engines_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/retry"
)

// orphan is set in the environment of the process that TestDiesWithParent
// kills: this test program, started again.
const orphan = "ESFERRY_TEST_ORPHAN"

// TestDiesWithParent kills the process that started an engine, as a test that
// runs out of time is killed, and wants launcher and server to end too.
func TestDiesWithParent(t *testing.T) {
	if os.Getenv(orphan) != "" {
		l := lab.For(t)
		c := l.StartFor(t, lab.Spec{Engine: lab.ES819})
		data, err := l.Folder("data")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("group %d\n%s\n", c.PIDs()[0], filepath.Dir(data))
		<-t.Context().Done()
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiesWithParent$")
	cmd.Env, cmd.Stderr = append(os.Environ(), orphan+"=1"), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var group int
	var folder string
	if _, err := fmt.Fscanf(out, "group %d\n%s\n", &group, &folder); err != nil {
		t.Errorf("the process to be killed started no engine: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("wait for the killed process: %v", err)
	}
	err = retry.Poll(t.Context(), "the end of the engine", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		return !lab.Alive(group), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNeverUp wants the engine's own words when it does not come up, and
// nothing left of it.
func TestNeverUp(t *testing.T) {
	l := lab.For(t)
	_, err := l.Start(t.Context(), lab.Spec{Engine: lab.ES717, Settings: map[string]string{"no.such.setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "unknown setting [no.such.setting]") {
		t.Errorf("got %v, want the engine's complaint", err)
	}
}

// TestNodes kills one node of two, and then both, and wants the documents back
// after the restart.
func TestNodes(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	c := l.StartFor(t, lab.Spec{Engine: lab.ES717, Nodes: 2})
	e := open(t, c.URL())
	create(t, e, "kept", corpus.LogMapping)
	load(t, e, "kept", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 500, 1))
	before := c.PIDs()
	c.KillNode(1)
	gone(t, before[1:])
	c.Kill()
	gone(t, before)
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(c.PIDs()); got != 2 {
		t.Errorf("got %d processes after the restart, want 2", got)
	}
	err := retry.Poll(t.Context(), "all shards", 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		diff, err := lab.Compare(ctx, c.URLs()[0], c.URLs()[1], "kept", "kept")
		// Until every shard has started, pages cover less than all.
		return err == nil && diff.Equal() && diff.Source == 500, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSecurity wants a password to be asked for, in the clear and with TLS.
func TestSecurity(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	for _, s := range []lab.Spec{{Engine: lab.ES68, Secure: true}, {Engine: lab.ES819, Secure: true, TLS: true}} {
		t.Run(string(s.Engine), func(t *testing.T) {
			t.Parallel()
			c := l.StartFor(t, s)
			client, err := c.Client()
			if err != nil {
				t.Fatal(err)
			}
			defer client.CloseIdleConnections()
			for password, want := range map[string]int{c.Password: http.StatusOK, "wrong": http.StatusUnauthorized} {
				if got := health(t, client, c, password); got != want {
					t.Errorf("password %q: got status %d, want %d", password, got, want)
				}
			}
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func health(t *testing.T, client *http.Client, c *lab.Cluster, password string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL()+"/_cluster/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(c.Username, password)
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}
