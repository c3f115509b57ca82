package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestExitCodeOfAnUnchangedRun(t *testing.T) {
	f := func(code int, ok bool) {
		t.Helper()
		err := (&job{unchanged: code}).check()
		if (err == nil) != ok || err != nil && codeOf(t.Context(), err) != exitUsage {
			t.Errorf("%d: got %v", code, err)
		}
	}
	f(0, true)
	f(5, true)
	f(99, true)
	f(125, true)
	for _, taken := range []int{-1, exitFailed, exitUsage, exitDifference, exitRejected, exitHeld, 126, 127, exitInterrupted, 256} {
		f(taken, false)
	}
	if got := codeOf(t.Context(), &unchangedError{code: 99}); got != 99 {
		t.Errorf("got exit code %d, want 99", got)
	}
}

func TestAJobThatFailedLeavesItsMetrics(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "esferry.prom")
	absent := filepath.Join(dir, "absent.yaml")
	code, stdout, stderr := command(t, "sync", "-c", absent, "--metrics-file", file)
	text, err := os.ReadFile(file)
	if code != exitUsage || err != nil || !strings.Contains(string(text), `esferry_job_exit_code{command="sync",ferry=""} 2`) {
		t.Errorf("got exit code %d and %q (%v)", code, text, err)
	}
	if stdout != "" || !strings.Contains(stderr, "absent.yaml") {
		t.Errorf("got stdout %q and stderr %q", stdout, stderr)
	}
	if code, _, stderr := command(t, "sync", "-c", absent, "--follow", "--metrics-file", file); code != exitUsage || !strings.Contains(stderr, "--follow") {
		t.Errorf("got exit code %d and %q", code, stderr)
	}
}

func TestVersion(t *testing.T) {
	if code, stdout, _ := command(t, "--version"); code != 0 || !strings.HasPrefix(stdout, "esferry ") {
		t.Errorf("got exit code %d and %q", code, stdout)
	}
	var b build
	code, stdout, _ := command(t, "--version", "--json")
	if err := json.Unmarshal([]byte(stdout), &b); code != 0 || err != nil || b.Type != "version" || b.Version == "" || b.Go == "" || b.Platform == "" {
		t.Errorf("got exit code %d and %q (%v)", code, stdout, err)
	}
}

// visible gives every command that a user may see.
func visible(t *testing.T) []*cobra.Command {
	t.Helper()
	root := (&invocation{}).root()
	all := []*cobra.Command{root}
	below(root, func(cmd *cobra.Command) {
		if cmd.IsAvailableCommand() {
			all = append(all, cmd)
		}
	})
	return all
}

func TestEveryCommandHasAnExampleThatItUnderstands(t *testing.T) {
	for _, cmd := range visible(t) {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if !strings.HasPrefix(line, "  "+cmd.CommandPath()) {
				// A group shows its commands at work.
				if !cmd.HasAvailableSubCommands() || line == "" {
					t.Errorf("%s: the example %q does not begin with it", cmd.CommandPath(), line)
				}
			}
			understood(t, line)
		}
		for _, flag := range []string{"--help", "-h"} {
			args := strings.Fields(cmd.CommandPath() + " " + flag)[1:]
			if code, help, _ := command(t, args...); code != 0 || !strings.Contains(help, cmd.Example) {
				t.Errorf("%v: got exit code %d and %q", args, code, help)
			}
		}
	}
}

// understood parses an example as the command line that it is, up to a pipe.
func understood(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(strings.ReplaceAll(line, "'", ""), "|")
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "esferry" {
		t.Errorf("%q is no example of esferry", line)
		return
	}
	cmd, rest, err := (&invocation{}).root().Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("the example %q: %v", line, err)
	}
}

func TestEveryCommandHasAManualPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795228800")
	dir := filepath.Join(t.TempDir(), "man1")
	if code, _, stderr := command(t, "man", dir); code != 0 {
		t.Fatalf("got exit code %d and %s", code, stderr)
	}
	for _, cmd := range visible(t) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(page), ".SH EXAMPLE") || !strings.Contains(string(page), `"Nov 2026"`) {
			t.Errorf("%s: got %q (%v)", name, page, err)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, script, _ := command(t, "completion", shell); code != 0 || !strings.Contains(script, "esferry") {
			t.Errorf("%s: got exit code %d and %d bytes", shell, code, len(script))
		}
	}
	f := func(want string, args ...string) {
		t.Helper()
		code, stdout, _ := command(t, append([]string{"__complete"}, args...)...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%v: got exit code %d and %q, want it to offer %q", args, code, stdout, want)
		}
	}
	f("cutover", "cu")
	f("abort", "cutover", "a")
	f("--metrics-file", "sync", "--me")
	f("yaml", "plan", "-c", "")
}
