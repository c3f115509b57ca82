package golden_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommandsInDocs gives every command line of README and docs to the binary.
func TestCommandsInDocs(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, page := range append(pages, root+"/README.md") {
		text := read(t, strings.TrimPrefix(page, root))
		for _, block := range regexp.MustCompile("(?s)```(?:sh|ini)\n(.*?)```").FindAllStringSubmatch(text, -1) {
			for line := range strings.SplitSeq(block[1], "\n") {
				line, _, _ = strings.Cut(line, " #")
				line, _, _ = strings.Cut(line, " |")
				words := strings.Fields(strings.NewReplacer("/usr/bin/", " ", "'", "", "sudo -u esferry ", "").Replace(line))
				at := slices.Index(words, "esferry")
				if at < 0 || words[0] == "go" || words[0] == "kubectl" || seen[line] {
					continue
				}
				seen[line] = true
				t.Log(filepath.Base(page), line)
				understood(t, words[at+1:]...)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("got %d command lines, want those of all pages", len(seen))
	}
}

// TestTroubleshooting holds the messages of the page against the code: one that
// was changed there must be changed here.
func TestTroubleshooting(t *testing.T) {
	var code strings.Builder
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "e2e/") {
			return err
		}
		code.WriteString(read(t, name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	messages := regexp.MustCompile(`(?m)^\| \*(.+?)\* \|`).FindAllStringSubmatch(read(t, "docs/troubleshooting.md"), -1)
	if len(messages) < 40 {
		t.Errorf("got %d messages", len(messages))
	}
	for _, m := range messages {
		for part := range strings.SplitSeq(m[1], "…") {
			if part = strings.TrimSpace(part); !strings.Contains(code.String(), part) {
				t.Errorf("no message of esferry holds %q", part)
			}
		}
	}
}
