package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"esferry/internal/config"
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
		if err := iv.hooks("x", config.Hooks{Frozen: argv})(t.Context(), "frozen"); err != nil {
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
