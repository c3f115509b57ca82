package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestWhatIsUnreleasedCanBeReleased reads the repository's own fragments.
func TestWhatIsUnreleasedCanBeReleased(t *testing.T) {
	names, changes, err := fragments("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) > 0 && len(changes) < len(names) {
		t.Errorf("got %d changes of %d files", len(changes), len(names))
	}
}

func TestParse(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := parse("007-x.md", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
	f("", "does not begin")
	f("Kindly:\n\nx", "does not begin")
	f("Kind: Improved\n\nx", `"Improved" is none of`)
	f("Kind: Added", "nothing stands under")
	f("Kind: Added\n\nKind: Fixed\n\nx", "nothing stands under")
}

func TestRelease(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.0.9] - 2026-01-01\n\nOld.\n")
	write(".changes/unreleased/002-b.md", "Kind: Fixed\n\nB is right.\n\nKind: Added\n\nB is there.\n")
	write(".changes/unreleased/001-a.md", "Kind: Fixed\n\nA is right.\n\nIt was\nwrong.\n")
	if err := run(dir, "2026-11-30", []string{"release", "v0.1.0"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	section := "### Added\n\n- B is there.\n\n### Fixed\n\n- A is right.\n\n  It was\n  wrong.\n\n- B is right.\n"
	want := "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n\n" + section + "\n## [0.0.9] - 2026-01-01\n\nOld.\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if notes, err := find(string(got), "v0.1.0"); err != nil || notes != section {
		t.Errorf("got notes %q (%v), want %q", notes, err, section)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".changes", "unreleased", "*")); err != nil || len(left) > 0 {
		t.Errorf("got %v left (%v), want what was released to be gone", left, err)
	}
	for _, args := range [][]string{{"release", "v0.1.0"}, {"release", "v0.2.0"}, {"release", "0.2"}, {"notes", "v9.0.0"}, {"undo", "v0.1.0"}, {}} {
		if err := run(dir, "2026-11-30", args); err == nil {
			t.Errorf("%v: got no error", args)
		}
	}
}
