package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"esferry/checkpoint"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/foreign"
	"esferry/internal/group"
	"esferry/snapshotpath"
)

// The exit codes; scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDifference  = 3
	exitRejected    = 4
	exitHeld        = 11
	exitInterrupted = 130
)

// errRejected ends a command that is done, but for documents that the target
// refused and that are kept.
var errRejected = errors.New("done, with documents rejected by the target")

// usageError is a wrong command line.
type usageError struct {
	err  error
	hint string
}

// Error gives the cause.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *usageError) Unwrap() error { return e.err }

// NextStep is printed on a line of its own.
func (e *usageError) NextStep() string { return e.hint }

// codeOf is the one place where an error becomes an exit code.
func codeOf(ctx context.Context, err error) int {
	var (
		usage    *usageError
		settings *config.Error
		setting  *snapshotpath.SettingError
		held     *checkpoint.HeldError
		obstacle *ferry.ObstacleError
		same     *unchangedError
		ended    *runEndedError
	)
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &settings), errors.As(err, &setting), errors.As(err, &obstacle) && obstacle.Usage():
		return exitUsage
	case errors.As(err, &held):
		return exitHeld
	case errors.Is(err, ferry.ErrDifference):
		return exitDifference
	case errors.Is(err, errRejected):
		return exitRejected
	case errors.As(err, &same):
		return same.code
	case errors.As(err, &ended):
		return ended.Code
	default:
		return exitFailed
	}
}

// exit prints the error, in one sentence with the next step, and gives the code.
func (iv *invocation) exit(ctx context.Context, err error) int {
	iv.settle()
	code := codeOf(ctx, err)
	if _, same := errors.AsType[*unchangedError](err); err == nil || same {
		return code
	}
	message, hint := plain(err.Error()), plain(hintOf(err))
	if code == exitInterrupted {
		message, hint = "interrupted", "run the same command again; it resumes"
	}
	if _, logs := iv.logged(); logs && !iv.json {
		iv.logger.LogAttrs(ctx, slog.LevelError, "failed", slog.Int("code", code), slog.String("error", message), slog.String("hint", hint))
	} else if iv.json {
		line := map[string]any{"type": "error", "code": code, "message": message, "hint": hint}
		_ = json.NewEncoder(iv.stderr).Encode(line) //nolint:errcheck // there is nobody left to tell
	} else {
		_, _ = fmt.Fprintf(iv.stderr, "esferry: %s\n", message)
		if hint != "" {
			_, _ = fmt.Fprintf(iv.stderr, "  next: %s\n", hint)
		}
	}
	if panicked, ok := errors.AsType[*group.PanicError](err); ok {
		_, _ = fmt.Fprintf(iv.stderr, "%s\n", panicked.Stack)
	}
	return code
}

func hintOf(err error) string {
	type stepper interface {
		error
		NextStep() string
	}
	if h, ok := errors.AsType[stepper](err); ok {
		return h.NextStep()
	}
	return ""
}

// plain makes text that may be foreign one line, and joins the lines of joined
// errors.
func plain(s string) string { return foreign.Line(strings.ReplaceAll(s, "\n", "; ")) }
