package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"esferry/internal/group"
	"esferry/internal/retry"
)

// How long a process may take to end by itself after SIGTERM. Engines need
// about half a second; one that is stuck is killed.
const termGrace = 10 * time.Second

// command is what launch starts.
type command struct {
	name string
	path string
	args []string
	env  []string
	dir  string
	// log is the file that gets stdout and stderr, appended.
	log string
	// as is the user to run as; nil for our own.
	as *account
}

// process is a child in a process group of its own. Safe for concurrent use.
type process struct {
	name string
	log  string
	pid  int
	// done is closed when no process of the group is left.
	done <-chan struct{}
	wait func() error
}

// launch starts c. The process lives until stop or kill, whatever happens to
// ctx, and dies with us.
func launch(ctx context.Context, c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", c.name, err)
	}
	started := make(chan error, 1)
	done := make(chan struct{})
	p := &process{name: c.name, log: c.log, done: done}
	g, _ := group.New(context.WithoutCancel(ctx))
	g.Go("wait for "+c.name, func(ctx context.Context) error {
		// In this order: a caller that sees the end may start the next at once.
		defer close(done)
		defer close(started)
		defer log.Close() //nolint:errcheck // The child writes it; we only hold it open.
		// The kernel counts the thread that started a child as its parent, and
		// kills the child when that thread ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return p.live(ctx, c, log, started)
	})
	p.wait = g.Wait
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, errors.Join(err, p.wait()))
	}
	return p, nil
}

// live starts the child and returns when its whole group is gone.
func (p *process) live(ctx context.Context, c command, log *os.File, started chan<- error) error {
	cmd := exec.CommandContext(ctx, c.path, c.args...) //nolint:gosec // The lab starts what it fetched itself.
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, log, log
	cmd.SysProcAttr = childAttributes(c.as)
	if err := cmd.Start(); err != nil {
		started <- err
		return nil
	}
	p.pid = cmd.Process.Pid
	release, err := guard(ctx, p.pid, c.as)
	if err != nil {
		signalGroup(p.pid, syscall.SIGKILL)
		started <- err
		_ = cmd.Wait() //nolint:errcheck // Killed, as was wanted: only err says something.
		return nil
	}
	defer release()
	started <- nil
	err = cmd.Wait()
	// A child of the child, such as the server below its launcher, must not
	// outlive it.
	signalGroup(p.pid, syscall.SIGKILL)
	gone := retry.Poll(ctx, "the processes of "+p.name, 10*time.Millisecond, func(context.Context) (bool, error) {
		return !Alive(p.pid), nil
	})
	return errors.Join(err, gone)
}

// running reports whether a process of the group is left.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends the group, by force after a while, and returns when it is gone.
func (p *process) stop() {
	if !p.running() {
		return
	}
	signalGroup(p.pid, syscall.SIGTERM)
	p.thaw()
	timer := time.NewTimer(termGrace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

// kill ends the group as a power cut would, and returns when it is gone.
func (p *process) kill() {
	if !p.running() {
		return
	}
	signalGroup(p.pid, syscall.SIGKILL)
	<-p.done
}

// freeze and thaw stop and continue the group without ending it.
func (p *process) freeze() { signalGroup(p.pid, syscall.SIGSTOP) }
func (p *process) thaw()   { signalGroup(p.pid, syscall.SIGCONT) }

// ended gives the reason for the process's end together with its last words.
func (p *process) ended() error {
	err := p.wait()
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended by itself: %w; %s", p.name, err, tail(p.log))
}

// signalGroup tells all processes of a group. One that is gone needs no signal,
// and there is no other error that a later step would not meet again.
func signalGroup(pid int, s syscall.Signal) {
	_ = syscall.Kill(-pid, s) //nolint:errcheck // See above.
}

// tail quotes the end of a log, enough to hold a Java stack trace's head.
func tail(file string) string {
	const most = 4 << 10
	f, err := os.Open(file)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	defer f.Close() //nolint:errcheck // It is only read.
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return "its log cannot be read: " + err.Error()
		}
	} else if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "its log cannot be read: " + err.Error()
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	if len(text) == 0 {
		return "its log " + file + " is empty"
	}
	return "the end of its log " + file + ":\n" + strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))
}
