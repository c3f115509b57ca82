package journey_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// flippedBlob turns one byte of the target's repository around right before the
// engine restores from it.
func (c *chaos) flippedBlob(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 30, "a flipped blob is restored by an engine")
	const index = "flipped"
	c.load(t, logs(index, 300))
	yaml := c.config(t, index, index, "")
	var once atomic.Bool
	var damaged string
	c.there.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_restore") && once.CompareAndSwap(false, true) {
			damaged = flip(t, filepath.Join(c.to.Dir, "snaps"))
		}
		return false
	})
	o := esferry(t, "run", "-c", yaml)
	c.there.On(nil)
	t.Logf("%s", lastLine(o.stderr))
	if o.code == 0 || !once.Load() || !strings.Contains(o.stderr, "index "+index+": ") || !strings.Contains(o.stderr, "CorruptIndexException") || !strings.Contains(o.stderr, "esferry repo verify --contents") {
		t.Errorf("got exit code %d, want a refusal that names the index, why, and what to do: %s", o.code, tail(o.stderr))
	}
	if status, answer := lab.Ask(t, "PUT", c.source.URL()+"/"+index+"/_doc/1?refresh=true", `{"name":"goes on"}`); status > 299 {
		t.Errorf("the source takes no writes: %s", answer)
	}
	if o := esferry(t, "repo", "verify", "--contents", "-c", yaml).want(t, 3); !strings.Contains(o.stdout+o.stderr, filepath.Base(damaged)) {
		t.Errorf("got %s, want the key of the damaged blob", tail(o.stdout+o.stderr))
	}
	if err := os.Remove(damaged); err != nil {
		t.Fatal(err)
	}
	esferry(t, "repo", "copy", "-c", yaml).want(t, 0)
	call(t, "DELETE", c.target.URL()+"/"+index, "")
	esferry(t, "run", "-c", yaml).want(t, 0)
	c.mustBeEqual(t, index)
}

// flip turns a byte of the largest segment's blob around, and gives its file.
func flip(t *testing.T, dir string) (largest string) {
	t.Helper()
	size := int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "__") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	})
	if err != nil || largest == "" {
		t.Errorf("find a blob in %s: %q, %v", dir, largest, err)
		return ""
	}
	text, err := os.ReadFile(largest)
	if err != nil {
		t.Error(err)
		return ""
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(largest, text, 0o600); err != nil {
		t.Error(err)
	}
	return largest
}
