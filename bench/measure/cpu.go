package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit in which Linux tells the CPU time of processes.
const tick = 10 * time.Millisecond

// Groups is the CPU time so far of all processes that are in one of the process
// groups and live.
func Groups(pgids ...int) (total time.Duration, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("read CPU times: this system has no /proc (%w)", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			// It has ended meanwhile.
			continue
		}
		// The program's name, in brackets, may hold spaces. Behind it the group is
		// the third field, user and system time are the 12th and 13th.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pgid, err := strconv.Atoi(fields[2])
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", file, err)
		}
		if !slices.Contains(pgids, pgid) {
			continue
		}
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", file, err)
			}
			total += time.Duration(n) * tick
		}
	}
	return total, nil
}

// Self is the CPU time of this process so far.
func Self() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("read our own CPU time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
