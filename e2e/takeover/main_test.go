package takeover_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is esferry, with the race detector in it; set by TestMain.
var binary string

func TestMain(m *testing.M) {
	if text := os.Getenv(memberVariable); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if endpoint := os.Getenv(fillVariable); endpoint != "" {
		fmt.Fprintln(os.Stderr, fill(context.Background(), endpoint))
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "esferry-takeover-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "esferry")
	build := exec.CommandContext(context.Background(), "go", "build", "-race", "-o", binary, "./cmd/esferry")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build esferry: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	os.Exit(code)
}
