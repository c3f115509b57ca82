package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	if err := run(".", time.Now().UTC().Format(time.DateOnly), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "changelog: %v\n", err)
		os.Exit(1)
	}
}

// run works in the folder of the repository.
func run(dir, today string, args []string) error {
	if len(args) != 2 || !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[a-z0-9.]+)?$`).MatchString(args[1]) {
		return errors.New("wants release or notes, and a version such as v0.1.0")
	}
	file := filepath.Join(dir, "CHANGELOG.md")
	changelog, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the changelog: %w", err)
	}
	switch args[0] {
	case "release":
		return release(dir, file, string(changelog), args[1], today)
	case "notes":
		text, err := find(string(changelog), args[1])
		if err != nil {
			return err
		}
		_, err = fmt.Print(text)
		return err
	default:
		return fmt.Errorf("there is no %q: it is release or notes", args[0])
	}
}

// release writes the new section, and only then removes what it was made of.
func release(dir, file, changelog, version, today string) error {
	if _, err := find(changelog, version); err == nil {
		return fmt.Errorf("the changelog has a section of %s already", version)
	}
	names, changes, err := fragments(dir)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return errors.New("nothing is unreleased")
	}
	text, err := insert(changelog, section(version, today, changes))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // a file of the repository, for everybody
		return fmt.Errorf("write the changelog: %w", err)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("remove what was moved into the changelog: %w", err)
		}
	}
	return nil
}

// fragments reads all that is unreleased, in the order of the files' names.
func fragments(dir string) (names []string, changes []change, err error) {
	names, err = filepath.Glob(filepath.Join(dir, ".changes", "unreleased", "*.md"))
	if err != nil {
		return nil, nil, fmt.Errorf("list what is unreleased: %w", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("read a fragment: %w", err)
		}
		more, err := parse(filepath.Base(name), string(text))
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, more...)
	}
	return names, changes, nil
}
