package lab

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
)

// watchdog starts a shell in the process group pid that waits for the end of
// its input, which is the end of this process however it comes, and then kills
// the group, itself included. release does the same at once.
func watchdog(ctx context.Context, pid int, as *account) (release func(), err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "cat >/dev/null; kill -9 -$1", "sh", strconv.Itoa(pid)) //nolint:gosec // A process id is no foreign text.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: pid}
	if as != nil {
		cmd.SysProcAttr.Credential = as.credential()
	}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a watchdog: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a watchdog: %w", err)
	}
	return func() {
		_ = hold.Close() //nolint:errcheck // Its end is what the watchdog waits for.
		_ = cmd.Wait()   //nolint:errcheck // Its death by SIGKILL is what was wanted.
	}, nil
}
