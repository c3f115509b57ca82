package repository_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/snapshotpath/bucket"
	"esferry/snapshotpath/bucket/layout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sides are two buckets behind two gateways, with every request counted.
type sides struct {
	fromDir, toDir string
	from, to       *bucket.Bucket
	source, target *counter
}

func newSides(t *testing.T, from, to *lab.Gateway, name string) *sides {
	t.Helper()
	s := &sides{fromDir: bucketDir(t, from, name), toDir: bucketDir(t, to, name), source: count(t, from), target: count(t, to)}
	s.from, s.to = opened(from, s.source.url, name, ""), opened(to, s.target.url, name, "")
	return s
}

func bucketDir(t *testing.T, g *lab.Gateway, name string) string {
	t.Helper()
	dir, err := g.Bucket(name)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(g *lab.Gateway, address, name, prefix string) *bucket.Bucket {
	return bucket.Open(bucket.Options{
		Bucket: name, Prefix: prefix, Region: g.Region, Endpoint: address, Credentials: credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, ""),
	})
}

// copied copies snapshots by name, all where none is named.
func (s *sides) copied(t *testing.T, snapshots ...string) bucket.Report {
	t.Helper()
	s.source.reset()
	s.target.reset()
	r, err := (&bucket.Copier{From: s.from, To: s.to, Snapshots: snapshots}).Copy(t.Context())
	if err != nil {
		t.Fatalf("copy %v: %v", snapshots, err)
	}
	if r.Source != r.Target || r.Unread != "" {
		t.Errorf("copy %v: got %+v, want both sides equal", snapshots, r)
	}
	return r
}

// counter stands before a gateway and writes down what is asked of it.
type counter struct {
	url  string
	mu   sync.Mutex
	seen []string
	// then is called before the nth request of a kind.
	kind string
	n    int
	then func()
}

func count(t *testing.T, g *lab.Gateway) *counter {
	t.Helper()
	to, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		// The name that was asked for is part of the signature.
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.note(r)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	c.url = server.URL
	return c
}

func (c *counter) note(r *http.Request) {
	line := r.Method + " " + r.URL.Path
	if q := r.URL.Query(); q.Has("list-type") {
		line = "LIST " + q.Get("prefix")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, line)
	if c.n > 0 && r.Method == c.kind {
		if c.n--; c.n == 0 {
			c.then()
		}
	}
}

// after calls then when n requests of a kind have come.
func (c *counter) after(kind string, n int, then func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kind, c.n, c.then = kind, n, then
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = nil
}

// of gives the requests of one kind.
func (c *counter) of(kind string) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.seen {
		if rest, ok := strings.CutPrefix(line, kind+" "); ok {
			out = append(out, rest)
		}
	}
	return out
}

// files lists the regular files of a folder, without what gateways leave.
func files(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if !strings.HasPrefix(key, ".sgwtmp") {
			out = append(out, key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestChosenOfEveryEngine carries one snapshot after the other out of what each
// engine wrote, and at last all of it.
func TestChosenOfEveryEngine(t *testing.T) {
	l := lab.For(t)
	from, to := l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), l.GatewayFor(t, filepath.Join(t.TempDir(), "new"))
	repositories := slices.Concat(glob(t, "plain"), glob(t, "parts"), glob(t, "infix"), glob(t, "hashed"))
	for _, file := range repositories {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".zip"), ".", "-")
		t.Run(name, func(t *testing.T) {
			s := newSides(t, from, to, name)
			unzip(t, file, s.fromDir)
			for _, step := range []struct {
				snapshots, listed []string
				logs              bool
			}{
				{[]string{"three"}, []string{"three"}, false},
				{[]string{"two"}, []string{"three", "two"}, true},
				{[]string{"one", "three"}, []string{"one", "three", "two"}, true},
				{nil, []string{"one", "three", "two"}, true},
			} {
				s.copied(t, step.snapshots...)
				s.holds(t, step.listed, step.logs)
				if len(step.listed) == 1 || step.snapshots == nil {
					s.same(t, step.snapshots, step.listed)
				}
			}
			// What lies there besides are index-* that were made for fewer
			// snapshots; the root names them no more.
			source, target := files(t, s.fromDir), files(t, s.toDir)
			for _, key := range source {
				if !slices.Contains(target, key) && key != "incompatible-snapshots" {
					t.Errorf("%s is missing", key)
				}
			}
			for _, key := range target {
				if !slices.Contains(source, key) && !strings.Contains(key, "/index-") {
					t.Errorf("%s is too many", key)
				}
			}
		})
	}
}

// TestBrokenAnywhere ends a copy at one write after the other: no root names
// what is not there, and the next copy goes on where it was.
func TestBrokenAnywhere(t *testing.T) {
	faultcase.Shows(t, 1, "at any write of a copy between buckets")
	l := lab.For(t)
	from, to := l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), l.GatewayFor(t, filepath.Join(t.TempDir(), "new"))
	for _, at := range []int{1, 4, 9, 14, 19, 24, 29} {
		s := newSides(t, from, to, fmt.Sprint("broken-", at))
		unzip(t, "../../snapshotpath/bucket/layout/testdata/elasticsearch-8.19.0-plain.zip", s.fromDir)
		s.copied(t, "three")
		ctx, cancel := context.WithCancel(t.Context())
		s.target.reset()
		s.target.after(http.MethodPut, at, cancel)
		_, err := (&bucket.Copier{From: s.from, To: s.to, Snapshots: []string{"one", "two"}}).Copy(ctx)
		cancel()
		published := len(s.root(t).Snapshots) == 3
		if !published {
			s.lists(t, "three")
		} else if err == nil && at < 20 {
			t.Errorf("the copy was not broken at write %d", at)
		}
		first := len(s.target.of(http.MethodPut))
		s.copied(t, "one", "two")
		s.holds(t, []string{"one", "three", "two"}, true)
		// Twice at most goes what was on its way, index.latest and the
		// descriptions.
		if again := len(s.target.of(http.MethodPut)); first+again > len(files(t, s.toDir))+at {
			t.Errorf("broken at write %d: %d and %d writes for %d objects", at, first, again, len(files(t, s.toDir)))
		}
	}
}

// TestRefused wants a reason for what a copy would not carry whole, and nothing
// on the target; and a copy of everything, said so, where the root is of a kind
// that nobody knows.
func TestRefused(t *testing.T) {
	faultcase.Shows(t, 32, "shallow copies, and whatever else a copy would not carry whole")
	l := lab.For(t)
	from, to := l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), l.GatewayFor(t, filepath.Join(t.TempDir(), "new"))
	f := func(repository, reason string, snapshots ...string) {
		t.Helper()
		s := newSides(t, from, to, strings.ToLower(strings.ReplaceAll(repository, ".", "-")+strconv.Itoa(len(snapshots))))
		unzip(t, "../../snapshotpath/bucket/layout/testdata/"+repository+".zip", s.fromDir)
		_, err := (&bucket.Copier{From: s.from, To: s.to, Snapshots: snapshots}).Copy(t.Context())
		hint, ok := errors.AsType[interface {
			error
			NextStep() string
		}](err)
		if !ok || hint.NextStep() == "" || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: got %v, want %q and what to do", repository, err, reason)
		}
		if left := files(t, s.toDir); len(left) > 0 {
			t.Errorf("%s left %v", repository, left)
		}
	}
	f("opensearch-3.8.0-shallow", "snapshot one is a shallow copy", "one")
	f("opensearch-3.8.0-shallow", "holds shallow copies")
	f("opensearch-3.8.0-mounted", "is mounted from another snapshot", "one")
	f("elasticsearch-6.8.23-source", "source-only", "one")
	f("elasticsearch-2.4.6-bad", "PARTIAL", "partial")
	f("elasticsearch-8.19.0-bad", "PARTIAL", "partial")

	partial := newSides(t, from, to, "partial")
	unzip(t, "../../snapshotpath/bucket/layout/testdata/elasticsearch-8.19.0-bad.zip", partial.fromDir)
	accepted, err := (&bucket.Copier{From: partial.from, To: partial.to, Snapshots: []string{"partial"}, Partial: true}).Copy(t.Context())
	if err != nil || accepted.Source != accepted.Target || accepted.Copied.Objects == 0 || len(partial.root(t).Snapshots) != 1 {
		t.Errorf("got %+v (%v), want what the snapshot holds", accepted, err)
	}

	hashed := newSides(t, from, to, "outside")
	unzip(t, "../../snapshotpath/bucket/layout/testdata/opensearch-2.19.1-hashed.zip", filepath.Join(hashed.fromDir, "base"))
	for _, snapshots := range [][]string{nil, {"three"}} {
		_, err := (&bucket.Copier{From: opened(from, from.URL, "outside", "base"), To: hashed.to, Snapshots: snapshots}).Copy(t.Context())
		if err == nil || !strings.Contains(err.Error(), "outside of the prefix base/") {
			t.Errorf("%v: got %v, want shards outside of the prefix", snapshots, err)
		}
	}

	s := newSides(t, from, to, "unknown")
	unzip(t, "../../snapshotpath/bucket/layout/testdata/elasticsearch-8.19.0-plain.zip", s.fromDir)
	root := filepath.Join(s.fromDir, "index-2")
	strange := bytes.ReplaceAll(must(os.ReadFile(root))(t), []byte(`"id"`), []byte(`"where"`))
	if err := os.WriteFile(root, strange, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := (&bucket.Copier{From: s.from, To: s.to, Snapshots: []string{"three"}}).Copy(t.Context())
	if err != nil || !strings.Contains(r.Unread, "index-2: index ") || !slices.Equal(files(t, s.fromDir), files(t, s.toDir)) {
		t.Errorf("got %+v (%v), want everything, and why", r, err)
	}
}

func glob(t *testing.T, kind string) []string {
	t.Helper()
	found, err := filepath.Glob("../../snapshotpath/bucket/layout/testdata/*-" + kind + ".zip")
	if err != nil || len(found) == 0 {
		t.Fatalf("there are no repositories of kind %s (%v)", kind, err)
	}
	return found
}

func unzip(t *testing.T, file, dir string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.CopyFS(dir, z), z.Close()); err != nil {
		t.Fatal(err)
	}
}

// holds wants the target to list these snapshots, and the index logs to be there
// or not.
func (s *sides) holds(t *testing.T, snapshots []string, logs bool) {
	t.Helper()
	s.lists(t, snapshots...)
	blobs := 0
	for _, key := range files(t, s.toDir) {
		if strings.Contains(key, "/__") {
			blobs++
		}
	}
	if there := s.folder(t, "logs"); there != logs || blobs == 0 {
		t.Errorf("logs are there: %v, want %v; and %d blobs", there, logs, blobs)
	}
}

// lists wants the target's root to list these snapshots, each with all that it
// needs.
func (s *sides) lists(t *testing.T, snapshots ...string) {
	t.Helper()
	root := s.root(t)
	var names []string
	for _, one := range root.Snapshots {
		names = append(names, one.Name)
	}
	if slices.Sort(names); !slices.Equal(names, snapshots) {
		t.Errorf("the target lists %v, want %v", names, snapshots)
	}
	found, err := s.to.Complete(t.Context())
	if err != nil || len(found.Differences) > 0 || found.Named != found.There || found.Named.Objects == 0 || len(found.Snapshots) != len(snapshots) {
		t.Errorf("got %+v (%v), want all of %v", found, err, snapshots)
	}
}

// same compares the contents of these snapshots, and of the whole repository,
// which differs as long as the target lists less.
func (s *sides) same(t *testing.T, snapshots, listed []string) {
	t.Helper()
	for _, one := range [][]string{snapshots, nil} {
		found, err := (&bucket.Copier{From: s.from, To: s.to, Snapshots: one}).Contents(t.Context())
		equal := len(found.Differences) == 0 && found.Source == found.Equal && found.Source.Objects > 0
		want := len(one) > 0 || len(snapshots) == 0
		if err != nil || equal != want || len(one) == 0 && len(snapshots) > 0 && len(found.Unlisted) != 3-len(listed) {
			t.Errorf("the contents of %v: %+v (%v), want equal: %v", one, found, err, want)
		}
	}
}

// root reads the newest root of the target.
func (s *sides) root(t *testing.T) *layout.Root {
	t.Helper()
	return must(layout.ParseRoot("the root", newestRoot(t, s.toDir)))(t)
}

func newestRoot(t *testing.T, dir string) []byte {
	t.Helper()
	for n := 9; n >= 0; n-- {
		if data, err := os.ReadFile(filepath.Join(dir, fmt.Sprint("index-", n))); err == nil {
			latest := must(os.ReadFile(filepath.Join(dir, "index.latest")))(t)
			if !bytes.HasSuffix(latest, []byte{byte(n)}) {
				t.Errorf("index.latest is % x, and the newest is index-%d", latest, n)
			}
			return data
		}
	}
	return must(os.ReadFile(filepath.Join(dir, "index")))(t)
}

// folder reports whether any blob of an index is on the target.
func (s *sides) folder(t *testing.T, index string) bool {
	t.Helper()
	source := must(layout.ParseRoot("the source's root", newestRoot(t, s.fromDir)))(t)
	ids := []string{}
	for _, ix := range source.Indices {
		if strings.HasPrefix(ix.Name, index) {
			ids = append(ids, ix.ID)
		}
	}
	if source.NamesOnly() {
		ids = []string{index}
	}
	return slices.ContainsFunc(files(t, s.toDir), func(key string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(key, "indices/"+id) })
	})
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
