package measure

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"esferry/internal/group"
	"esferry/internal/retry"
)

// Program is what is run.
type Program struct {
	// Argv is the path and its arguments.
	Argv []string
	// Env is added to our own environment.
	Env []string
	Dir string
}

// Usage is what a program took.
type Usage struct {
	Wall, CPU time.Duration
	// Peak of memory, in bytes; 0 when it was not seen.
	Peak int64
}

// lookEvery is how often the high-water mark is looked at.
const lookEvery = 20 * time.Millisecond

// Run runs a program to its end and gives what it took and what it printed. The
// error holds the end of that.
func Run(ctx context.Context, p Program) (u Usage, output []byte, err error) {
	cmd := exec.CommandContext(ctx, p.Argv[0], p.Argv[1:]...) //nolint:gosec // benchmarks run what they built or fetched
	cmd.Env, cmd.Dir = append(os.Environ(), p.Env...), p.Dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return u, nil, fmt.Errorf("start %s: %w", p.Argv[0], err)
	}
	var peak atomic.Int64
	watching, stop := context.WithCancel(ctx)
	g, _ := group.New(watching)
	g.Go("watch "+p.Argv[0], func(ctx context.Context) error {
		return retry.Poll(ctx, "the end of "+p.Argv[0], lookEvery, func(context.Context) (bool, error) {
			peak.Store(max(peak.Load(), highWater(cmd.Process.Pid)))
			return false, nil
		})
	})
	ended := cmd.Wait()
	u.Wall = time.Since(began)
	stop()
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return u, nil, err
	}
	u.CPU, u.Peak = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), peak.Load()
	if ended != nil {
		return u, out.Bytes(), fmt.Errorf("%s: %w\n%s", strings.Join(p.Argv, " "), ended, tail(out.Bytes()))
	}
	return u, out.Bytes(), nil
}

// highWater is the peak of a process's memory so far, in bytes; 0 when the
// process is just ending.
func highWater(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}

// tail is the end of what a program printed, enough to see why it failed.
func tail(text []byte) []byte { return text[max(0, len(text)-2000):] }
