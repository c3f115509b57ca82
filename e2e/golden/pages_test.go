package golden_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestConfigurationsInDocs reads every whole ferry.yaml of the pages.
func TestConfigurationsInDocs(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range append(pages, root+"/README.md") {
		text := read(t, strings.TrimPrefix(page, root))
		for _, block := range regexp.MustCompile("(?s)```yaml[^\n]*\n(name: .*?)```").FindAllStringSubmatch(text, -1) {
			seen++
			file := filepath.Join(t.TempDir(), "ferry.yaml")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), binary, "status", "-c", file)
			cmd.Env = os.Environ()
			for _, m := range regexp.MustCompile(`\$\{env:(\w+)\}`).FindAllStringSubmatch(block[1], -1) {
				cmd.Env = append(cmd.Env, m[1]+"=x")
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, out)
			}
		}
	}
	if seen < 4 {
		t.Errorf("got %d configurations, want those of all pages", seen)
	}
}

// TestPoliciesInDocs holds Amazon's documents on the page against those that
// esferry prints for the page's own configuration.
func TestPoliciesInDocs(t *testing.T) {
	text := read(t, "docs/privileges.md")
	yaml := regexp.MustCompile("(?s)```yaml iam\n(.*?)```").FindStringSubmatch(text)
	if yaml == nil {
		t.Fatal("docs/privileges.md has no configuration for its policies")
	}
	file := filepath.Join(t.TempDir(), "ferry.yaml")
	if err := os.WriteFile(file, []byte(yaml[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), binary, "init", "--iam", "--json", "-c", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var printed struct {
		Documents []struct {
			Name   string
			Policy any
		}
	}
	if err := json.Unmarshal(out, &printed); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	for _, d := range printed.Documents {
		want[d.Name] = d.Policy
	}
	got := map[string]any{}
	for _, m := range regexp.MustCompile("(?s)```json iam (\\S+)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		var policy any
		if err := json.Unmarshal([]byte(m[2]), &policy); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		got[m[1]] = policy
	}
	if len(got) < 8 || !reflect.DeepEqual(got, want) {
		t.Errorf("the page has %v\nesferry prints %v", got, want)
	}
}
