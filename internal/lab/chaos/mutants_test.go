package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsFitTheCode: each planted bug still finds its place, and the test
// that has to find it is there. Whether it does is shown by make mutants.
func TestMutantsFitTheCode(t *testing.T) {
	const root = "../../.."
	for _, m := range Mutants() {
		text, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Error(err)
			continue
		}
		if changed, err := m.Apply(string(text)); err != nil || changed == string(text) {
			t.Errorf("%q changes nothing: %v", m.Bug, err)
		}
		files, err := filepath.Glob(filepath.Join(root, m.Package, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, name := range files {
			test, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(m.Test, "/")
			found = found || strings.Contains(string(test), "func "+name+"(t *testing.T)")
		}
		if !found {
			t.Errorf("%q: %s is no test of %s", m.Bug, m.Test, m.Package)
		}
	}
}
