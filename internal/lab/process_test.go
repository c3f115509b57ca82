package lab_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/retry"
)

func launch(t *testing.T, script string) lab.Process {
	t.Helper()
	p, err := lab.Launch(t.Context(), t.TempDir(), script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// up waits until the child has said so.
func up(t *testing.T, p lab.Process) {
	t.Helper()
	wait(t, "the child's word", func() bool { return p.Log() == "up" })
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := retry.Poll(ctx, what, 5*time.Millisecond, func(context.Context) (bool, error) { return done(), nil }); err != nil {
		t.Fatal(err)
	}
}

func gone(pid int) bool { return !lab.Alive(pid) }

func TestStopLetsAProcessFinish(t *testing.T) {
	p := launch(t, `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done`)
	up(t, p)
	p.Stop()
	if got := p.Log(); !strings.HasSuffix(got, "bye") {
		t.Errorf("got log %q, want a farewell", got)
	}
	if p.Running() || !gone(p.PID()) {
		t.Error("it is still there")
	}
	p.Stop()
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	// The child of the child hears no SIGTERM and outlives its parent.
	p := launch(t, `(trap '' TERM; echo up; while :; do sleep 0.01; done) & wait`)
	up(t, p)
	p.Stop()
	if !gone(p.PID()) {
		t.Error("a grandchild is still there")
	}
}

func TestStopAfterFreeze(t *testing.T) {
	p := launch(t, `echo up; while :; do sleep 0.01; done`)
	up(t, p)
	p.Freeze()
	p.Thaw()
	p.Freeze()
	began := time.Now()
	p.Stop()
	if took := time.Since(began); took > 5*time.Second || !gone(p.PID()) {
		t.Errorf("stopping a frozen process took %v", took)
	}
}

func TestEndedQuotesTheLog(t *testing.T) {
	p := launch(t, `echo first; head -c 9000 /dev/zero | tr '\0' x; echo; echo no memory >&2; exit 7`)
	<-p.Done()
	err := p.Ended()
	if err == nil || !strings.Contains(err.Error(), "no memory") || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("got %v, want exit status and last words", err)
	}
	if strings.Contains(err.Error(), "first") || len(err.Error()) > 5000 {
		t.Errorf("got %d bytes, want the tail only", len(err.Error()))
	}
}

func TestLaunchOfNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := lab.Launch(t.Context(), dir+"/none", "true"); err == nil {
		t.Error("a process started in a folder that is not there")
	}
}

func TestProcessOutlivesItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := lab.Launch(ctx, t.TempDir(), `echo up; while :; do sleep 0.01; done`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	cancel()
	up(t, p)
	if !p.Running() {
		t.Error("the end of the starting context ended the process")
	}
}

func TestWatchdogKillsTheGroup(t *testing.T) {
	p := launch(t, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
	up(t, p)
	release, err := lab.Watchdog(t.Context(), p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if !p.Running() {
		t.Fatal("the watchdog bit too early")
	}
	release()
	wait(t, "the end of the group", func() bool { return !p.Running() && gone(p.PID()) })
}

func TestAlive(t *testing.T) {
	p := launch(t, `echo up; while :; do sleep 0.01; done`)
	up(t, p)
	if !lab.Alive(p.PID()) {
		t.Error("a running process is not alive")
	}
	p.Kill()
	if lab.Alive(p.PID()) {
		t.Error("a killed process is alive")
	}
}
