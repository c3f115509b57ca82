package journey_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/lab"
)

// stores is an engine with a real S3 repository, to carry from, and an old one
// with a folder, whose keys for S3 are wrong.
type stores struct {
	source, target *lab.Cluster
	gateway        *lab.Gateway
	dir, good      string
}

// wrongSecret must never be seen.
const wrongSecret = "not-the-secret-at-all"

func newStores(t *testing.T) *stores {
	t.Helper()
	l := lab.For(t)
	s := &stores{dir: t.TempDir()}
	s.gateway = l.GatewayFor(t, filepath.Join(s.dir, "buckets"))
	if _, err := s.gateway.Bucket("snaps"); err != nil {
		t.Fatal(err)
	}
	files, err := l.Folder("files-" + strings.ToLower(filepath.Base(s.dir)))
	if err != nil {
		t.Fatal(err)
	}
	s.source = l.StartFor(t, lab.Spec{Engine: lab.OS38, Name: "new", S3: s.gateway})
	s.target = l.StartFor(t, lab.Spec{Engine: lab.ES24, Name: "old", S3: s.gateway, RepoDirs: []string{files}, Settings: map[string]string{
		"cloud.aws.secret_key": wrongSecret,
	}})
	s.good = fmt.Sprintf(`name: stores
source: {url: %s}
target: {url: %s}
snapshot:
  repository: ferry
  source: {type: s3, settings: {bucket: snaps, base_path: below}}
  target: {type: fs, settings: {location: %q, compress: true}}
  copy:
    from: {bucket: snaps, prefix: below, endpoint: %q, region: us-east-1}
    to: {bucket: other, endpoint: %q, region: us-east-1}
`, s.source.URL(), s.target.URL(), files, s.gateway.URL, s.gateway.URL)
	return s
}

// with runs a command with some of the good configuration replaced.
func (s *stores) with(t *testing.T, from, to string, args ...string) outcome {
	t.Helper()
	text := strings.Replace(s.good, from, to, 1)
	if from != to && text == s.good {
		t.Fatalf("%q is not in the configuration", from)
	}
	path := filepath.Join(s.dir, "ferry.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := esferry(t, append(args, "-c", path)...)
	if strings.Contains(o.stdout+o.stderr, wrongSecret) {
		t.Errorf("%s: a secret is in the output: %s%s", to, o.stdout, o.stderr)
	}
	return o
}

// registered gives what both engines have.
func (s *stores) registered(t *testing.T) string {
	t.Helper()
	return call(t, "GET", s.source.URL()+"/_snapshot", "") + call(t, "GET", s.target.URL()+"/_snapshot", "")
}

func forget(t *testing.T, c *lab.Cluster) {
	t.Helper()
	if status, answer := lab.Ask(t, "DELETE", c.URL()+"/_snapshot/ferry", ""); status != 200 && status != 404 {
		t.Fatal(answer)
	}
}

// TestRepositories registers, lists and verifies on real engines with real S3,
// and gives every wrong setting: one clear sentence with what to do, no secret,
// and nothing registered.
func TestRepositories(t *testing.T) {
	t.Parallel()
	s := newStores(t)
	before := s.registered(t)
	if o := s.with(t, "", "", "repo", "register", "--dry-run").want(t, 0); strings.Count(o.stdout, "would be registered") != 2 {
		t.Errorf("dry run: got %s, want both sides", o.stdout)
	}
	s.with(t, "", "", "repo", "verify").want(t, 1)
	for _, c := range []struct {
		name, from, to string
		code           int
		says           []string
	}{
		{"wrong bucket", "bucket: snaps, base", "bucket: nobodys, base", 1, []string{"source", "bucket", "make the bucket"}},
		{"wrong keys", "type: fs, settings: {", "type: s3, settings: {bucket: snaps, server_side_encryption: true}} #", 1, []string{"target", "correct the keys"}},
		{"keys that belong into the keystore", "base_path: below", `access_key: "AKIAUNKNOWN", secret_key: "` + wrongSecret + `"`, 1, []string{"source", "keystore"}},
		{"outside of path.repo", "location: \"", "location: \"/somewhere/else", 1, []string{"target", "path.repo"}},
		{"missing plugin", "type: s3, settings: {bucket: snaps, base_path: below}", "type: azure, settings: {container: x}", 1, []string{"source", "repository-azure", "install"}},
		{"a role without Amazon", "base_path: below", "role_arn: arn:aws:iam::1:role/x", 2, []string{"source", "role_arn", "opensearch 3.8.0"}},
	} {
		// The source's registration was whole although the target's failed.
		forget(t, s.source)
		o := s.with(t, c.from, c.to, "repo", "register").want(t, c.code)
		for _, word := range append(c.says, "next: ") {
			if !strings.Contains(o.stderr, word) {
				t.Errorf("%s: got %q, want it to say %q", c.name, o.stderr, word)
			}
		}
		t.Logf("%s: %s", c.name, o.stderr)
	}
	forget(t, s.source)
	if after := s.registered(t); after != before {
		t.Errorf("something was registered: %s", after)
	}
	s.walk(t)
}

// walk registers for good, twice, and looks at it in every way.
func (s *stores) walk(t *testing.T) {
	t.Helper()
	for _, action := range []string{"registered", "kept"} {
		var shown struct {
			Type         string
			Repositories []struct {
				Side, Repository, Kind, Action string
				ReadOnly                       bool `json:"read_only"`
				Settings                       map[string]string
			}
		}
		o := s.with(t, "", "", "repo", "register", "--json").want(t, 0)
		if err := json.Unmarshal([]byte(o.stdout), &shown); err != nil || shown.Type != "repositories" || len(shown.Repositories) != 2 {
			t.Fatalf("got %s, %v, want two repositories", o.stdout, err)
		}
		for i, r := range shown.Repositories {
			if r.Action != action || r.Kind != []string{"s3", "fs"}[i] || r.ReadOnly != (i == 1) {
				t.Errorf("got %+v, want it %s", r, action)
			}
		}
	}
	o := s.with(t, "", "", "repo", "verify").want(t, 0)
	for _, word := range []string{"written and read by node-1", "read: 0 snapshots"} {
		if !strings.Contains(o.stdout, word) {
			t.Errorf("verify: got %s, want it to say %q", o.stdout, word)
		}
	}
	if o := s.with(t, "", "", "repo", "list").want(t, 0); !strings.Contains(o.stdout, "base_path=below bucket=snaps") || !strings.Contains(o.stdout, "readonly=true") {
		t.Errorf("list: got %s", o.stdout)
	}
	refused := func(what string, says ...string) {
		t.Helper()
		o := s.with(t, "", "", "repo", "register").want(t, 1)
		for _, word := range append(says, "next: ") {
			if !strings.Contains(o.stderr, word) {
				t.Errorf("%s: got %s, want it to say %q", what, o.stderr, word)
			}
		}
	}
	call(t, "PUT", s.source.URL()+"/_snapshot/ferry", `{"type":"s3","settings":{"bucket":"snaps","base_path":"beside"}}`)
	refused("in use", "source", "another base_path")
	call(t, "PUT", s.source.URL()+"/_snapshot/ferry", `{"type":"s3","settings":{"bucket":"snaps","base_path":"below","readonly":true}}`)
	refused("only to read", "source", "another readonly")
	call(t, "PUT", s.source.URL()+"/_snapshot/ferry", `{"type":"s3","settings":{"bucket":"snaps","base_path":"below"}}`)
	s.foreign(t)
	// The bucket goes away behind the engine's back.
	if err := os.Rename(filepath.Join(s.gateway.Dir, "snaps"), filepath.Join(s.gateway.Dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if o := s.with(t, "", "", "repo", "verify").want(t, 1); !strings.Contains(o.stderr, "source") || !strings.Contains(o.stderr, "make the bucket") {
		t.Errorf("the bucket is gone: got %s", o.stderr)
	}
}

// foreign has another cluster write to the repository: its root has moved when
// the engine comes back to it.
func (s *stores) foreign(t *testing.T) {
	t.Helper()
	call(t, "PUT", s.source.URL()+"/logs/_doc/1?refresh=true", `{}`)
	call(t, "PUT", s.source.URL()+"/_snapshot/ferry/one?wait_for_completion=true", `{"indices":"logs"}`)
	below := filepath.Join(s.gateway.Dir, "snaps", "below")
	// As that one does when its snapshot is done.
	if err := os.Rename(filepath.Join(below, "index-0"), filepath.Join(below, "index-1")); err != nil {
		t.Fatal(err)
	}
	// In these words; package cluster has the next step for them.
	status, answer := lab.Ask(t, "PUT", s.source.URL()+"/_snapshot/ferry/two?wait_for_completion=true", `{"indices":"logs"}`)
	if status < 300 || !strings.Contains(answer, "concurrent modification of the index-N file") && !strings.Contains(answer, "do not match its expected state") {
		t.Errorf("got status %d and %s, want the engine to notice that its root has moved", status, answer)
	}
}
