package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"esferry/internal/group"
)

// collectEvery is how many percent the heap may grow before it is collected.
// Most of it is a few large buffers, without pointers, that are used again:
// collecting twice as often as usual costs next to nothing, and saves memory.
const collectEvery = 50

func main() {
	debug.SetGCPercent(collectEvery)
	// The first signal ends the context; a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and gives its exit code. A panic is a failure,
// not the exit code 2 that Go would give it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	iv := &invocation{stdout: stdout, stderr: stderr}
	err := execute(ctx, iv, args)
	return iv.exit(ctx, err)
}

func execute(ctx context.Context, iv *invocation, args []string) (err error) {
	defer group.Recover("esferry", &err)
	root := iv.root() //nolint:contextcheck // cobra hands the context to each command
	root.SetArgs(args)
	root.SetOut(iv.stdout)
	root.SetErr(iv.stderr)
	if err := fromEnvironment(root); err != nil {
		return err
	}
	return root.ExecuteContext(ctx)
}
