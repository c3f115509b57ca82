package golden_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// TestEveryHelpIsGolden names commands that help.txtar has not met yet.
func TestEveryHelpIsGolden(t *testing.T) {
	dir := t.TempDir()
	tool(t, dir, binary, "man", dir)
	pages, err := filepath.Glob(dir + "/*.1")
	if err != nil || len(pages) < 30 {
		t.Fatalf("got %d manual pages (%v)", len(pages), err)
	}
	script := read(t, "e2e/golden/testdata/script/help.txtar")
	for _, page := range pages {
		name := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(page), ".1"), "esferry-")
		// The texts of completion are cobra's.
		if !strings.HasPrefix(name, "completion") && !strings.Contains(script, "cmp stdout "+name+".golden\n") {
			t.Errorf("help.txtar lacks esferry %s --help", strings.ReplaceAll(name, "-", " "))
		}
	}
}
