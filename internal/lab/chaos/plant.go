package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"esferry/internal/lab/faultcase"
)

// plantAll plants one bug after the other, of those that are wanted.
func (s settings) plantAll(ctx context.Context, only *regexp.Regexp) error {
	for _, m := range Mutants() {
		if !only.MatchString("mutants/" + m.Bug) {
			continue
		}
		began := time.Now()
		result, err := s.plant(ctx, m)
		if err != nil {
			return fmt.Errorf("plant %q: %w", m.Bug, err)
		}
		p := faultcase.Planted{
			Bug: m.Bug, File: m.File, Package: m.Package, Test: m.Test, Result: result, Seconds: time.Since(began).Seconds(), At: time.Now().UTC(),
		}
		fmt.Printf("planted: %s: %s by %s of %s, %.1f s\n", m.Bug, result, m.Test, m.Package, p.Seconds)
		if err := faultcase.Leave(s.dir, p); err != nil {
			return err
		}
	}
	return nil
}

// plant lays the bug over the code and runs the test, which must pass without
// it, and fail with it: by itself, not because nothing could be built.
func (s settings) plant(ctx context.Context, m Mutant) (string, error) {
	var said bytes.Buffer
	if err := s.goTest(ctx, &said, m.Package, []string{m.Test}); err != nil {
		return "", fmt.Errorf("%s fails without it: %w\n%s", m.Test, err, said.Bytes())
	}
	dir, err := os.MkdirTemp("", "esferry-mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	overlay, err := s.overlay(dir, m)
	if err != nil {
		return "", err
	}
	said.Reset()
	// By the environment, so that programs which a test builds have it, too.
	err = s.goTest(ctx, &said, m.Package, []string{m.Test}, "GOFLAGS=-overlay="+overlay)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return faultcase.Survived, nil
	case strings.Contains(said.String(), "--- FAIL: "+m.Test):
		return faultcase.Found, nil
	default:
		return "", fmt.Errorf("%s did not fail, it did not run: %w\n%s", m.Test, err, said.Bytes())
	}
}

// overlay writes the changed file, and what tells go of it.
func (s settings) overlay(dir string, m Mutant) (string, error) {
	original := filepath.Join(s.root, m.File)
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	changed, err := m.Apply(string(text))
	if err != nil {
		return "", err
	}
	file, overlay := filepath.Join(dir, filepath.Base(m.File)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: file}})
	if err != nil {
		return "", err
	}
	//nolint:gosec // both lie in a folder of our own, made a moment ago
	return overlay, errors.Join(os.WriteFile(file, []byte(changed), 0o600), os.WriteFile(overlay, replace, 0o600))
}
