package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/lab/faultcase"
)

// TestReportHoldsNoSecret writes the report of a ferry for every way to log in,
// and looks for what must not be in it, as HTML and as JSON.
func TestReportHoldsNoSecret(t *testing.T) {
	faultcase.Shows(t, 40, "secrets in whatever is printed, kept or reported")
	t.Setenv("HUSH", "hush-of-the-environment")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hush-of-a-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(auth string) {
		t.Helper()
		dir := t.TempDir()
		yaml := fmt.Sprintf(`name: quiet
source: {url: https://old.example:9200, auth: %s}
target: {url: https://new.example:9200, auth: {basic: {username: ferry, password: "${file:%s}"}}}
indices: {include: ["*"]}
snapshot:
  repository: ferry
  source: {type: s3, settings: {bucket: a}}
  target: {type: s3, settings: {bucket: b}}
  copy:
    from: {bucket: a, region: eu-west-1, access_key_id: hush-id, secret_access_key: hush-key, session_token: hush-token}
    to: {bucket: b, region: eu-west-1, access_key_id: hush-id, secret_access_key: "${env:HUSH}"}
`, auth, secret)
		path := filepath.Join(dir, "ferry.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		page := filepath.Join(dir, "page.html")
		for _, args := range [][]string{{"report", "--json"}, {"report", "-o", page}} {
			if code := run(t.Context(), append(args, "-c", path), &stdout, &stderr); code != 0 {
				t.Fatalf("%s: got exit code %d: %s", auth, code, stderr.String())
			}
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for what, told := range map[string]string{"the page": string(text), "the JSON": stdout.String(), "stderr": stderr.String()} {
			if strings.Contains(told, "hush") {
				t.Errorf("%s: %s tells a secret", auth, what)
			}
		}
		if !strings.Contains(string(text), "old.example") || !strings.Contains(string(text), "***") {
			t.Errorf("%s: the page does not show the configuration", auth)
		}
	}
	f(`{basic: {username: ferry, password: "hush"}}`)
	f(`{basic: {username: ferry, password: "${env:HUSH}"}}`)
	f(`{api_key: "aHVzaA-hush"}`)
	f(`{bearer: "hush.hush.hush"}`)
	f(`{sigv4: {region: eu-west-1, service: es, access_key_id: hush-id, secret_access_key: hush-key, session_token: hush-token}}`)
	f(`{sigv4: {region: eu-west-1, service: es, role_arn: "arn:aws:iam::1:role/x", access_key_id: "${env:HUSH}", secret_access_key: "${env:HUSH}"}}`)
}

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	f := func(content string, force bool, code int, want string) {
		t.Helper()
		err := writeNew(path, []byte(content), force)
		text, _ := os.ReadFile(path) //nolint:errcheck // what cannot be read is not what is wanted
		if codeOf(t.Context(), err) != code || string(text) != want {
			t.Errorf("%q: got %v and %q, want code %d and %q", content, err, text, code, want)
		}
	}
	f("one", false, exitDone, "one")
	f("two", false, exitUsage, "one")
	f("two", true, exitDone, "two")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v (%v), want a file for its owner", info.Mode(), err)
	}
	if err := writeNew(filepath.Join(path, "below"), nil, false); err == nil {
		t.Error("got no error for a file that cannot be")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("got %v (%v), want nothing left behind", left, err)
	}
}

// TestCommandLine: the history shall tell what was done, and not what is nobody's
// business.
func TestCommandLine(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		iv := &invocation{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
		root := iv.root()
		cmd, rest, err := root.Find(args)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		if got := commandLine(cmd, cmd.Flags().Args()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("esferry run", "run", "-c", "/home/me/ferry.yaml", "--json")
	f("esferry run --cutover", "run", "--cutover")
	f("esferry cutover abort", "cutover", "abort")
	f("esferry verify --level ids --sample 1%", "verify", "--sample", "1%", "--level", "ids")
	f("esferry backfill users --query ...", "backfill", "users", "--query", `{"term":{"name":"Ada"}}`)
}

// TestTheCommandIsKept: what runs before every command must not lose it.
func TestTheCommandIsKept(t *testing.T) {
	iv := &invocation{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	path := filepath.Join(t.TempDir(), "absent.yaml")
	if err := execute(t.Context(), iv, []string{"sync", "--follow", "-c", path}); err == nil || iv.command != "esferry sync --follow" {
		t.Errorf("got %q (%v)", iv.command, err)
	}
}

// TestReportIsOneDocument: --json prints one, with a type.
func TestReportIsOneDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ferry.yaml")
	if err := os.WriteFile(path, []byte("name: new\nsource: {url: http://a.example}\ntarget: {url: http://b.example}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"report", "--json", "-c", path}, &stdout, &stderr); code != 0 {
		t.Fatalf("got exit code %d: %s", code, stderr.String())
	}
	var r struct {
		Type    string
		Indices []any
		History struct{ Runs []any }
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || r.Type != "report" || r.Indices == nil || r.History.Runs == nil {
		t.Errorf("got %s (%v)", stdout.String(), err)
	}
}
