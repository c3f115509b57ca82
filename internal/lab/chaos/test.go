package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"esferry/internal/lab/faultcase"
)

// timeout bounds the tests of one package.
const timeout = "45m"

// testAll runs the tests that claim something, package by package. One that
// fails ends nothing: its line in the results tells.
func (s settings) testAll(ctx context.Context, claims []faultcase.Claim) error {
	tests := map[string][]string{}
	var packages []string
	for _, c := range claims {
		if tests[c.Package] == nil {
			packages = append(packages, c.Package)
		}
		if !slices.Contains(tests[c.Package], c.Test) {
			tests[c.Package] = append(tests[c.Package], c.Test)
		}
	}
	// Those with engines come last: what is quick to fail fails first.
	slices.SortStableFunc(packages, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "e2e/")+map[bool]string{true: "~"}[strings.HasPrefix(a, "e2e/")], b)
	})
	for _, p := range packages {
		began := time.Now()
		err := s.goTest(ctx, os.Stderr, p, tests[p], faultcase.Folder+"="+s.dir)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		word := "ok"
		if err != nil {
			word = err.Error()
		}
		fmt.Printf("%s: %d tests, %s, %.1f s\n", p, len(tests[p]), word, time.Since(began).Seconds())
	}
	return nil
}

// goTest runs tests of a package; more goes into their environment.
func (s settings) goTest(ctx context.Context, out io.Writer, pkg string, tests []string, more ...string) error {
	dir, within := s.root, pkg
	if rest, ok := strings.CutPrefix(pkg, "e2e/"); ok {
		dir, within = filepath.Join(s.root, "e2e"), rest
	}
	args := []string{"test", "-race", "-timeout", timeout, "-run", pattern(tests), "./" + within}
	if len(more) > 0 {
		// Neither an environment nor an overlay is part of what a cached result
		// is known by to be sure.
		args = slices.Insert(args, 1, "-count=1")
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the names are those of our own tests
	cmd.Dir, cmd.Env = dir, append(os.Environ(), more...)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd.Run()
}

// pattern is what go test wants to hear to run just these; a single one may name
// a part of a test.
func pattern(tests []string) string {
	if len(tests) == 1 {
		return "^" + strings.ReplaceAll(tests[0], "/", "$/^") + "$"
	}
	return "^(" + strings.Join(tests, "|") + ")$"
}
