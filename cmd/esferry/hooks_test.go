package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"esferry/internal/config"
	"esferry/internal/lab/faultcase"
)

// TestHooksHaveNoShell gives a hook words that a shell would obey; one that was
// asked for obeys them.
func TestHooksHaveNoShell(t *testing.T) {
	dir := t.TempDir()
	made := filepath.Join(dir, "made")
	words := []string{"$HOME", "; touch " + made, "`touch " + made + "`", "$(touch " + made + ")", "a  b", "*", "| cat", "> " + made}
	f := func(argv []string, want string) {
		t.Helper()
		var said bytes.Buffer
		iv := &invocation{stdout: &said, stderr: &said}
		if err := iv.hooks(&config.Config{Name: "x", Cutover: config.Cutover{Hooks: config.Hooks{Frozen: argv}}})(t.Context(), "frozen"); err != nil {
			t.Errorf("%q: %v", argv, err)
		}
		if got := said.String(); got != want {
			t.Errorf("%q: got %q, want %q", argv, got, want)
		}
	}
	f(append([]string{"printf", "%s\n"}, words...), strings.Join(words, "\n")+"\n")
	if _, err := os.Lstat(made); err == nil {
		t.Error("a word of a hook was obeyed")
	}
	f([]string{"sh", "-c", "echo $ESFERRY_EVENT of $ESFERRY_FERRY"}, "frozen of x\n")
	// What a hook prints is text, whatever it is.
	f([]string{"printf", `a\033[2Jb\342\200\256c\tok\n`}, "a [2Jb\\u202ec\tok\n")
}

// TestHooksPrintNoSecrets has a hook print what the configuration keeps secret, in
// one piece and in several.
func TestHooksPrintNoSecrets(t *testing.T) {
	faultcase.Shows(t, 38, "hooks that print secrets")
	const text = `
name: x
source: {url: http://127.0.0.1:1, auth: {basic: {username: u, password: "${env:PASSWORD}"}}}
target: {url: http://127.0.0.1:2, auth: {api_key: planted-api-key}}
snapshot:
  repository: r
  source: {type: s3, settings: {bucket: b, secret_key: planted-key-of-settings}}
  target: {type: s3, settings: {bucket: b, client: "${env:CLIENT}"}}
cutover: {hooks: {frozen: [sh, -c, "printf '%s, %s, %s, planted-key-of-settings\n' \"$PASSWORD\" planted-api-key \"$CLIENT\"; printf planted-; sleep 0.1; printf 'api-key and planted-\n' >&2; exit 3"]}}
checkpoint: {path: x.db}
`
	t.Setenv("PASSWORD", "planted-pass word")
	t.Setenv("CLIENT", "planted-client")
	c, err := config.Parse("ferry.yaml", []byte(text), config.System(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	err = (&invocation{stderr: &said}).hooks(c)(t.Context(), "frozen")
	if err == nil || strings.Contains(err.Error(), "planted") {
		t.Errorf("got %v, want the hook's failure without what it said", err)
	}
	if got, want := said.String(), "***, ***, ***, ***\n*** and planted-\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHooksMayCallUs holds what a hook finds in its environment against the twins
// of flags: an esferry that a hook calls would take one for the other.
func TestHooksMayCallUs(t *testing.T) {
	for _, cmd := range visible(t) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			twin := environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			if twin == hookEvent || twin == hookFerry {
				t.Errorf("%s --%s has the twin %s, which hooks are told something else by", cmd.CommandPath(), f.Name, twin)
			}
		})
	}
}
