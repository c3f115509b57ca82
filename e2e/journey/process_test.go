package journey_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// process is the binary while it runs; its stdout is JSON lines.
type process struct {
	cmd    *exec.Cmd
	stdout io.Reader
	lines  *bufio.Scanner
	stderr bytes.Buffer
	// last event that drain saw.
	last string
}

func started(t *testing.T, args ...string) *process {
	t.Helper()
	return startedBy(t, theWorld.binary, args...)
}

func startedBy(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), binary, args...)}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout, p.lines = stdout, bufio.NewScanner(stdout)
	p.lines.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// next gives the next event; false when the process has ended.
func (p *process) next() (string, bool) {
	if !p.lines.Scan() {
		return "", false
	}
	return p.lines.Text(), true
}

// await reads events until one holds all the words.
func (p *process) await(t *testing.T, words ...string) {
	t.Helper()
	for {
		line, ok := p.next()
		if !ok {
			p.end(t)
			t.Fatalf("it ended before %q\n%s", words, tail(p.stderr.String()))
		}
		if hasAll(line, words) {
			return
		}
	}
}

func hasAll(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

// kill ends it with SIGKILL.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	p.end(t)
}

// drain reads events until the process has ended, and says so.
func (p *process) drain(ended chan<- string) func(context.Context) error {
	return func(context.Context) error {
		for {
			line, ok := p.next()
			if !ok {
				close(ended)
				return nil
			}
			p.last = line
		}
	}
}

// interrupt ends it with SIGINT and gives its exit code.
func (p *process) interrupt(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	return p.end(t)
}

func (p *process) end(t *testing.T) int {
	t.Helper()
	if _, err := io.Copy(io.Discard, p.stdout); err != nil {
		t.Log(err)
	}
	if err := p.cmd.Wait(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// killed runs the binary and kills it right after its n-th event; it reports
// whether it was done before.
func killed(t *testing.T, n int, args ...string) (done bool) {
	t.Helper()
	p := started(t, args...)
	last := ""
	for range n {
		line, ok := p.next()
		if !ok {
			break
		}
		last = line
	}
	p.kill(t)
	p.mustNotHaveFailed(t)
	t.Logf("killed after event %d: %.160s", n, last)
	return p.cmd.ProcessState.Exited()
}

// killedIn runs the binary and kills it when the phase begins.
func killedIn(t *testing.T, phase string, args ...string) {
	t.Helper()
	p := started(t, args...)
	for {
		line, ok := p.next()
		if !ok {
			break
		}
		if hasAll(line, []string{`"phase_begun"`, `"phase":"` + phase + `"`}) {
			break
		}
	}
	p.kill(t)
	p.mustNotHaveFailed(t)
}

// mustNotHaveFailed allows a process to be killed, or to have ended well.
func (p *process) mustNotHaveFailed(t *testing.T) {
	t.Helper()
	if s := p.cmd.ProcessState; s.Exited() && s.ExitCode() != 0 {
		t.Fatalf("it failed by itself with exit code %d\n%s", s.ExitCode(), tail(p.stderr.String()))
	}
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in %s", err, tail(text))
	}
}
