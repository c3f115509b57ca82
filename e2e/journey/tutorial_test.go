package journey_test

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTutorial types what `make stage` prints, in a folder of a newcomer: from
// two fresh clusters to moved indices in three commands.
func TestTutorial(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	program := filepath.Join(t.TempDir(), "stage")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/lab/demo")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stage := exec.CommandContext(ctx, program, "-stay")
	out, err := stage.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var commands [][]string
	for len(commands) < 3 && lines.Scan() {
		if typed, ok := strings.CutPrefix(lines.Text(), "  esferry "); ok {
			commands = append(commands, strings.Fields(typed))
		}
	}
	dir := t.TempDir()
	var last outcome
	for _, args := range append(commands, []string{"verify", "--level", "content"}) {
		last = esferryIn(t, dir, args...).want(t, 0)
		t.Logf("esferry %s\n%s", strings.Join(args, " "), tail(last.stdout))
	}
	if !strings.Contains(last.stdout, "equal") || len(commands) != 3 {
		t.Errorf("after %d commands: %s", len(commands), last.stdout)
	}
	if err := stage.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	if err := stage.Wait(); err != nil || !strings.Contains(rest.String(), "the application meanwhile") {
		t.Errorf("the stage ended with %v and said %q", err, rest.String())
	}
}

// esferryIn runs the binary in a folder.
func esferryIn(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	return finished(t, "sh", append([]string{"-c", `cd "$0" && exec "$@"`, dir, theWorld.binary}, args...)...)
}
