package measure_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"esferry/bench/measure"
)

// TestRun has a child take memory and time beside a parent that holds more
// memory: only the child's may be counted.
func TestRun(t *testing.T) {
	ballast := make([]byte, 300<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	// dd's block is its memory; reading and hashing it again and again its time.
	script := `dd if=/dev/zero of=/dev/null bs=100M count=20 2>/dev/null; echo done; exec dd if=/dev/zero of=/dev/null bs=100M count=20`
	u, output, err := measure.Run(t.Context(), measure.Program{Argv: []string{"/bin/sh", "-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(output); !strings.HasPrefix(got, "done\n") {
		t.Errorf("got the output %q, want what it printed", got)
	}
	if u.Wall <= 0 || u.CPU <= 0 {
		t.Errorf("got %s and %s of CPU, want both over 0", u.Wall, u.CPU)
	}
	if u.Peak < 100<<20 || u.Peak > 200<<20 {
		t.Errorf("got a peak of %d bytes, want the child's 100 MiB and a little; ours is over %d", u.Peak, len(ballast))
	}
}

func TestRunFails(t *testing.T) {
	_, _, err := measure.Run(t.Context(), measure.Program{Argv: []string{"/bin/sh", "-c", "echo why it failed >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "why it failed") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want the exit status and what was printed", err)
	}
	if _, _, err := measure.Run(t.Context(), measure.Program{Argv: []string{"/nothing/here"}}); err == nil {
		t.Error("a program that is not there: got no error")
	}
}

// TestGroups counts a group of two processes, and nothing of a group that is
// gone.
func TestGroups(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "(while :; do :; done) & while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		cpu, err := measure.Groups(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if cpu >= 100*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy group has used %s of CPU in a minute", cpu)
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a group that was killed: got no error")
	}
	if own, err := measure.Groups(-1); err != nil || own != 0 {
		t.Errorf("a group that is not there: got %s (%v), want nothing", own, err)
	}
}

func TestSelf(t *testing.T) {
	before, err := measure.Self()
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if _, err := os.ReadFile("/proc/self/status"); err != nil {
			t.Fatal(err)
		}
	}
	after, err := measure.Self()
	if err != nil || after <= before {
		t.Errorf("got %s after %s (%v), want more", after, before, err)
	}
}

func TestMedian(t *testing.T) {
	f := func(want float64, values ...float64) {
		t.Helper()
		if got := measure.Median(values); got != want {
			t.Errorf("median of %v: got %v, want %v", values, got, want)
		}
	}
	f(0)
	f(3, 3)
	f(2.5, 4, 1, 3, 2)
	f(2, 9, 1, 2)
}

func TestTable(t *testing.T) {
	var b strings.Builder
	measure.Table(&b, []string{"a", "b"}, [][]string{{"1", "2"}, {"3", ""}})
	if got, want := b.String(), "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |  |\n\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
