package golden_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// root is where the repository begins, seen from this package.
const root = "../.."

var (
	update = flag.Bool("update", false, "write what is printed now into the scripts")
	// binary is the path of esferry, built once.
	binary string
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "esferry-golden-")
	if err == nil {
		binary = filepath.Join(dir, "esferry")
		build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, "./cmd/esferry")
		build.Dir, build.Stderr = root, os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build esferry:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}
