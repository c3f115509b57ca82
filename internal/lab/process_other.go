//go:build !linux

package lab

import (
	"context"
	"errors"
	"syscall"
)

// Alive reports whether a process of the group is there.
func Alive(group int) bool { return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) }

func childAttributes(as *account) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		a.Credential = as.credential()
	}
	return a
}

// guard takes the place of the parent-death signal, which only Linux has.
func guard(ctx context.Context, pid int, as *account) (release func(), err error) {
	return watchdog(ctx, pid, as)
}
