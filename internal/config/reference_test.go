package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/config"
)

func TestReferences(t *testing.T) {
	env := variables(map[string]string{
		"A": "one", "B": "two: [three]\n- x", "AGAIN": "${env:A}", "N": "4", "YES": "true", "EMPTY": "",
	})
	f := func(text, want string) {
		t.Helper()
		c := parse(t, minimal+"snapshot: {source: {type: fs, settings: {location: "+text+"}}}\n", env)
		if got := c.Snapshot.Source.Settings.Plain()["location"]; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	f(`"${env:A}"`, "one")
	f(`'${env:A}'`, "one")
	f(`"a-${env:A}-${env:A}"`, "a-one-one")
	f(`"x${env:EMPTY}y"`, "xy")
	// A value changes neither structure nor is it looked at again.
	f(`"${env:B}"`, "two: [three]\n- x")
	f(`"${env:AGAIN}"`, "${env:A}")
	f(`"$${env:A} $5 $$"`, "${env:A} $5 $$")

	c := parse(t, minimal+`
stream: {writers: "${env:N}", rate: {docs_per_second: "${env:N}"}}
snapshot: {source: {type: fs, settings: {}}, copy: {from: {bucket: a}, to: {bucket: b, path_style: "${env:YES}"}}, target: {type: fs, settings: {}}}
`, env)
	if c.Stream.Writers != 4 || c.Stream.Rate.DocsPerSecond != 4 || !*c.Snapshot.Copy.To.PathStyle {
		t.Errorf("got %+v, %+v", c.Stream, c.Snapshot.Copy.To)
	}
}

// secretFile writes a file of that mode beside a ferry.yaml that refers to it.
func secretFile(t *testing.T, mode os.FileMode, content string) (ferry string) {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	// The mode of WriteFile is subject to the umask.
	if err := os.Chmod(secret, mode); err != nil {
		t.Fatal(err)
	}
	ferry = filepath.Join(dir, "ferry.yaml")
	text := strings.Replace(minimal, "9200}\n", "9200, auth: {bearer: \"${file:password}\"}}\n", 1)
	if err := os.WriteFile(ferry, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ferry
}

func TestSecretFile(t *testing.T) {
	f := func(mode os.FileMode, content, want string) {
		t.Helper()
		c, err := config.Load(secretFile(t, mode, content))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Source.Auth.Bearer.Reveal(); got != want {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
	}
	f(0o600, "tok", "tok")
	f(0o400, "tok\n", "tok")
	f(0o640, "tok\r\n", "tok")
}

func TestSecretFileFailure(t *testing.T) {
	f := func(ferry, want string) {
		t.Helper()
		_, err := config.Load(ferry)
		if err == nil {
			t.Fatal("got no error")
		}
		if got := strings.TrimPrefix(err.Error(), ferry); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(secretFile(t, 0o644, planted), `:2:56: source.auth.bearer: file "password" is readable by every user`)
	f(secretFile(t, 0o604, planted), `:2:56: source.auth.bearer: file "password" is readable by every user`)
	f(secretFile(t, 0o600, "\n"), `:2:56: source.auth.bearer: is empty`)
	f(secretFile(t, 0o600, "two\nlines"), `:2:56: source.auth.bearer: holds a blank or a line break`)
	f(secretFile(t, 0o600, strings.Repeat("x", 1<<20+1)), `:2:56: source.auth.bearer: file "password" cannot be read`)

	gone := secretFile(t, 0o600, "")
	secret := filepath.Join(filepath.Dir(gone), "password")
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	f(gone, `:2:56: source.auth.bearer: file "password" does not exist`)
	if err := os.Mkdir(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	f(gone, `:2:56: source.auth.bearer: file "password" cannot be read`)
}
