package journey_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// repoCopy is a source engine with its repository's bucket, and a target bucket
// behind a wire.
type repoCopy struct {
	engine   *lab.Cluster
	from, to *lab.Gateway
	wire     *faults.Wire
	yaml     string
}

func newRepoCopy(t *testing.T, spec lab.Spec) *repoCopy {
	t.Helper()
	l := lab.For(t)
	c := &repoCopy{}
	for name, gateway := range map[string]**lab.Gateway{"from": &c.from, "to": &c.to} {
		folder, err := l.Folder(name)
		if err != nil {
			t.Fatal(err)
		}
		*gateway = l.GatewayFor(t, folder)
		if _, err := (*gateway).Bucket("snaps"); err != nil {
			t.Fatal(err)
		}
	}
	spec.RepoDirs = []string{c.from.Dir}
	c.engine = l.StartFor(t, spec)
	var err error
	if c.wire, err = faults.NewWire(c.to.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.wire.Close)
	text := fmt.Sprintf(`name: copy
source: {url: %q}
target: {url: %q}
snapshot:
  source: {type: fs, settings: {location: %q}}
  target: {type: fs, settings: {location: /elsewhere}}
  copy:
    from: {bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}
    to: {bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}
`, c.engine.URL(), c.engine.URL(), filepath.Join(c.from.Dir, "snaps"),
		c.from.URL, c.from.Region, c.from.AccessKey, c.from.SecretKey, c.wire.URL, c.to.Region, c.to.AccessKey, c.to.SecretKey)
	c.yaml = filepath.Join(t.TempDir(), "ferry.yaml")
	if err := os.WriteFile(c.yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	call(t, "PUT", c.engine.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"compress":true,"max_snapshot_bytes_per_sec":"200kb"}}`, filepath.Join(c.from.Dir, "snaps")))
	return c
}

// snapshot takes one of all indices and waits for it.
func (c *repoCopy) snapshot(t *testing.T, name string) {
	t.Helper()
	if answer := call(t, "PUT", c.engine.URL()+"/_snapshot/ferry/"+name+"?wait_for_completion=true", ""); !strings.Contains(answer, `"SUCCESS"`) {
		t.Fatal(answer)
	}
}

// copied is the summary of repo copy.
type copied struct {
	Type                            string
	Copied, Skipped, Source, Target struct{ Objects, Bytes int64 }
	Equal                           bool
	Passes                          int
}

func (c *repoCopy) copied(t *testing.T, o outcome) copied {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	var s copied
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || s.Type != "summary" || !s.Equal || s.Source != s.Target {
		t.Fatalf("got %q (%v)", lines[len(lines)-1], err)
	}
	return s
}

// objects counts the files of a bucket that belong to a repository.
func objects(t *testing.T, g *lab.Gateway) (n int64) {
	t.Helper()
	dir := filepath.Join(g.Dir, "snaps")
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, ".sgwtmp") && !strings.Contains(path, "/tests-") {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRepoCopy is everything that one engine suffices for.
func TestRepoCopy(t *testing.T) {
	c := newRepoCopy(t, lab.Spec{Engine: lab.ES710})
	call(t, "PUT", c.engine.URL()+"/users/_doc/1?refresh=true", `{"name":"Ada"}`)
	c.snapshot(t, "one")
	t.Run("refuses clearly", c.refuses)
	t.Run("verifies", c.verifies)
	t.Run("Alibaba's dialect", c.dialect)
	t.Run("an ordinary Tuesday", c.ordinaryTuesday)
}

// verifies finds the one object that is not what it was.
func (c *repoCopy) verifies(t *testing.T) {
	s := c.copied(t, esferry(t, "repo", "copy", "--json", "-c", c.yaml).want(t, 0))
	if s.Source.Objects != objects(t, c.from) || s.Copied != s.Source {
		t.Errorf("got %+v, want all %d objects", s, objects(t, c.from))
	}
	esferry(t, "repo", "verify", "--contents", "-c", c.yaml).want(t, 0)
	blobs, err := filepath.Glob(filepath.Join(c.to.Dir, "snaps", "indices", "*", "0", "__*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal("no blobs", err)
	}
	text, err := os.ReadFile(blobs[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(blobs[0], text, 0o666); err != nil {
		t.Fatal(err)
	}
	o := esferry(t, "repo", "verify", "--contents", "-c", c.yaml).want(t, 3)
	if !strings.Contains(o.stdout, filepath.Base(blobs[0])) || !strings.Contains(o.stderr, "1 of") {
		t.Errorf("got %q and %q, want the spoilt object named", o.stdout, tail(o.stderr))
	}
}

// ordinaryTuesday copies 40,000 objects beside a real snapshot, is killed on the
// way, and goes on.
func (c *repoCopy) ordinaryTuesday(t *testing.T) {
	const many = 40_000
	c.earlierNights(t, many)
	all, there := objects(t, c.from), objects(t, c.to)

	// Nothing changes on a dry run: only the earlier run's objects are there.
	o := finished(t, theWorld.released, "repo", "copy", "--dry-run", "--json", "-c", c.yaml).want(t, 0)
	if !strings.Contains(o.stdout, `"type":"copy_plan"`) || objects(t, c.to) != there {
		t.Errorf("dry run: got %s and %d objects on the target, not %d", o.stdout, objects(t, c.to), there)
	}

	c.wire.Reset()
	var puts atomic.Int64
	half := make(chan struct{})
	c.wire.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && puts.Add(1) == many/2 {
			close(half)
		}
		return false
	})
	p := startedBy(t, theWorld.released, "repo", "copy", "--json", "-c", c.yaml)
	<-half
	// A second one would abort the uploads of this one.
	esferry(t, "repo", "copy", "-c", c.yaml).want(t, 11)
	p.kill(t)
	for path := range c.wire.Puts() {
		if strings.HasPrefix(path, "/snaps/index") {
			t.Errorf("half a repository is published: %s", path)
		}
	}
	c.wire.On(nil)
	s := c.copied(t, finished(t, theWorld.released, "repo", "copy", "--json", "-c", c.yaml).want(t, 0))
	if s.Source.Objects != all || s.Target.Objects != all || s.Copied.Objects > all-many/2+64 {
		t.Errorf("after the kill: got %+v of %d", s, all)
	}
	twice := 0
	for _, n := range c.wire.Puts() {
		twice += n - 1
	}
	// 32 workers were in flight.
	if twice > 32 {
		t.Errorf("%d objects were written twice", twice)
	}
}

// earlierNights adds so many blobs to the repository's folder.
func (c *repoCopy) earlierNights(t *testing.T, many int) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{5})
	for i := range many {
		id := noise(t, random, 16)
		dir := filepath.Join(c.from.Dir, "snaps", "indices", fmt.Sprintf("of-an-earlier-night-%02d", i%20), strconv.Itoa(i%10))
		if i < 20 {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "__"+base64.RawURLEncoding.EncodeToString(id)), id, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func noise(t *testing.T, random *rand.ChaCha8, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	if _, err := random.Read(data); err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRepoCopyWaitsForSnapshots runs beside a slow snapshot and a second one's
// delete: nothing is copied before they have ended.
func TestRepoCopyWaitsForSnapshots(t *testing.T) {
	faultcase.Shows(t, 28, "a copy waits for running snapshots and deletes")
	t.Parallel()
	for _, engine := range []lab.Engine{lab.ES24, lab.OS219} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			c := newRepoCopy(t, lab.Spec{Engine: engine})
			text := noise(t, rand.NewChaCha8([32]byte{6}), 900_000)
			documents := c.engine.URL() + "/slow/_doc/"
			if engine == lab.ES24 {
				documents = c.engine.URL() + "/slow/doc/"
			}
			call(t, "PUT", documents+"1?refresh=true", fmt.Sprintf(`{"text":%q}`, base64.StdEncoding.EncodeToString(text)))
			call(t, "PUT", c.engine.URL()+"/_snapshot/ferry/slow?wait_for_completion=false", "")
			o := finished(t, theWorld.binary, "repo", "copy", "--json", "-c", c.yaml).want(t, 0)
			if !strings.Contains(o.stdout, "waits for snapshot slow to end") {
				t.Errorf("got %s, want it to wait", o.stdout)
			}
			state := call(t, "GET", c.engine.URL()+"/_snapshot/ferry/slow", "")
			if s := c.copied(t, o); !strings.Contains(state, `"SUCCESS"`) || s.Source.Objects != objects(t, c.to) || s.Passes != 1 {
				t.Errorf("got %+v, %d objects, %s", s, objects(t, c.to), state)
			}
			// An incremental night: only what is new goes. What the engine wrote has no
			// hash here, so that it is its age that proves numbered blobs.
			c.age(t, time.Hour)
			call(t, "PUT", documents+"2?refresh=true", `{"text":"new"}`)
			c.snapshot(t, "next")
			before := objects(t, c.to)
			s := c.copied(t, finished(t, theWorld.binary, "repo", "copy", "--json", "-c", c.yaml).want(t, 0))
			if s.Copied.Bytes > 100_000 || s.Source.Objects <= 0 || objects(t, c.to) <= before {
				t.Errorf("an incremental night: got %+v", s)
			}
		})
	}
}

// age makes the source's objects older.
func (c *repoCopy) age(t *testing.T, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	err := filepath.WalkDir(filepath.Join(c.from.Dir, "snaps"), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, then, then)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// refuses wrong buckets and keys, with nothing copied.
func (c *repoCopy) refuses(t *testing.T) {
	good, err := os.ReadFile(c.yaml)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "planted-secret-of-the-bucket"
	f := func(from, to string, code int, says ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "wrong.yaml")
		changed := strings.ReplaceAll(string(good), from, to)
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil || changed == string(good) {
			t.Fatal("nothing was replaced", err)
		}
		o := esferry(t, "repo", "copy", "-c", path).want(t, code)
		for _, word := range append(says, "next: ") {
			if !strings.Contains(o.stderr, word) {
				t.Errorf("%s: got %q, want it to say %q", to, o.stderr, word)
			}
		}
		if strings.Contains(o.stdout+o.stderr, secret) {
			t.Errorf("%s: the secret is in the output", to)
		}
		if n := objects(t, c.to); n > 0 {
			t.Errorf("%s: %d objects were copied", to, n)
		}
	}
	f("to: {bucket: snaps", "to: {bucket: absent", 1, "absent", "NoSuchBucket")
	f("from: {bucket: snaps", "from: {bucket: absent", 1, "absent", "NoSuchBucket")
	f("secret_access_key: "+c.to.SecretKey, "secret_access_key: "+secret, 1, "SignatureDoesNotMatch")
	f(c.wire.URL, "http://127.0.0.1:1", 1, "127.0.0.1:1", "refused")
	f("region: us-east-1", "bytes_per_secund: 1", 2, "bytes_per_secund")
}
