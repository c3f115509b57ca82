package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"

	"esferry/internal/lab/faultcase"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	// root of both modules.
	root string
	// only names the packages to test, as a regular expression, and the bugs to
	// plant, as mutants/BUG.
	only string
	// dir holds results; what lies there already is kept.
	dir string
	// page to write; none where it is empty.
	page string
}

func run(ctx context.Context) error {
	var s settings
	flag.StringVar(&s.root, "root", ".", "where both modules begin")
	flag.StringVar(&s.only, "only", ".", "run only packages that match, and bugs, as mutants/BUG")
	flag.StringVar(&s.dir, "dir", "", "keep results here, beside those of earlier runs")
	flag.StringVar(&s.page, "page", "", "write this page")
	flag.Parse()
	only, err := regexp.Compile(s.only)
	if err != nil {
		return fmt.Errorf("read -only: %w", err)
	}
	if s.root, err = filepath.Abs(s.root); err != nil {
		return err
	}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "esferry-chaos-"); err != nil {
			return err
		}
		defer os.RemoveAll(s.dir) //nolint:errcheck // the system clears its temporary folder
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return s.run(ctx, only)
}

func (s settings) run(ctx context.Context, only *regexp.Regexp) error {
	list, err := faultcase.List()
	if err != nil {
		return err
	}
	claims, err := faultcase.ReadClaims(s.root)
	if err != nil {
		return err
	}
	if findings := faultcase.Faulty(list, claims); len(findings) > 0 {
		return &findingsError{what: "the list of faults and the tests do not fit together", findings: findings}
	}
	var wanted []faultcase.Claim
	for _, c := range claims {
		if only.MatchString(c.Package) {
			wanted = append(wanted, c)
		}
	}
	if err := s.testAll(ctx, wanted); err != nil {
		return err
	}
	if err := s.plantAll(ctx, only); err != nil {
		return err
	}
	results, err := faultcase.ReadResults(s.dir)
	if err != nil {
		return err
	}
	if s.page != "" {
		if err := os.WriteFile(s.page, []byte(faultcase.Page(list, claims, results)), 0o644); err != nil { //nolint:gosec // a page of the documentation
			return err
		}
	}
	if findings := results.Wrong(wanted); len(findings) > 0 {
		return &findingsError{what: "not everything is shown", findings: findings}
	}
	return ctx.Err()
}

// findingsError lists what is wrong, one a line.
type findingsError struct {
	what     string
	findings []string
}

// Error gives all of them.
func (e *findingsError) Error() string {
	all := []error{errors.New(e.what)}
	for _, f := range e.findings {
		all = append(all, errors.New(f))
	}
	return errors.Join(all...).Error()
}
