package repository_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/lab"
	"esferry/internal/lab/faults"
	"esferry/snapshotpath/bucket"
)

// providers are two gateways with a bucket each, which a wire is put before.
type providers struct {
	from, to       *lab.Gateway
	source, target string
	// fromWire and toWire are what the copier talks to.
	fromWire, toWire *faults.Wire
}

func newProviders(t *testing.T) *providers {
	t.Helper()
	l := lab.For(t)
	p := &providers{from: l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), to: l.GatewayFor(t, filepath.Join(t.TempDir(), "new"))}
	p.source, p.target = bucketDir(t, p.from, "old-snaps"), bucketDir(t, p.to, "new-snaps")
	p.fromWire, p.toWire = newWire(t, p.from.URL), newWire(t, p.to.URL)
	return p
}

// again gives the providers empty buckets and quiet wires.
func (p *providers) again(t *testing.T) {
	t.Helper()
	p.fromWire.Reset()
	p.toWire.Reset()
	for _, dir := range []string{p.source, p.target} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	bucketDir(t, p.from, "old-snaps")
	bucketDir(t, p.to, "new-snaps")
}

// copier copies over the wires.
func (p *providers) copier() *bucket.Copier {
	return &bucket.Copier{From: p.side(p.from, p.fromWire.URL, "old-snaps"), To: p.side(p.to, p.toWire.URL, "new-snaps")}
}

func (p *providers) side(g *lab.Gateway, endpoint, name string) *bucket.Bucket {
	return bucket.Open(bucket.Options{
		Bucket: name, Region: g.Region, Endpoint: endpoint, Credentials: credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, ""),
	})
}

func newWire(t *testing.T, to string) *faults.Wire {
	t.Helper()
	w, err := faults.NewWire(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// refuse answers as S3 does.
func refuse(w http.ResponseWriter, status int, code, message string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	return true
}

// repository writes what an engine would: blobs of their sizes, and a root. It
// gives the keys of the blobs.
func repository(t *testing.T, dir string, generation int, sizes ...int) (blobs []string) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{byte(generation)})
	for i, size := range sizes {
		id, data := noise(t, random, 16), noise(t, random, size)
		key := fmt.Sprintf("indices/index-of-22-letters-%02d/%d/__%s", i%7, i%3, base64.RawURLEncoding.EncodeToString(id))
		file(t, dir, key, string(data))
		blobs = append(blobs, key)
	}
	file(t, dir, "indices/index-of-22-letters-00/0/index-abc", "shard")
	root(t, dir, generation, "uuid-of-one")
	return blobs
}

func noise(t *testing.T, random *rand.ChaCha8, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	if _, err := random.Read(data); err != nil {
		t.Fatal(err)
	}
	return data
}

// root writes a root that knows these snapshots.
func root(t *testing.T, dir string, generation int, snapshots ...string) {
	t.Helper()
	var list []string
	for _, s := range snapshots {
		list = append(list, fmt.Sprintf(`{"name":"n","uuid":%q}`, s))
	}
	file(t, dir, fmt.Sprintf("index-%d", generation), `{"snapshots":[`+strings.Join(list, ",")+`],"indices":{}}`)
	file(t, dir, "index.latest", fmt.Sprintf("%08d", generation))
}

func file(t *testing.T, dir, key, text string) {
	t.Helper()
	path := filepath.Join(dir, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Error(err)
	}
}

// tree gives the files of a bucket and their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, ".sgwtmp") {
			return err
		}
		text, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// equalTrees compares both buckets file by file.
func (p *providers) equalTrees(t *testing.T) {
	t.Helper()
	source, target := tree(t, p.source), tree(t, p.target)
	for key, text := range source {
		if target[key] != text {
			t.Errorf("%s differs", key)
		}
	}
	if len(source) != len(target) || len(source) == 0 {
		t.Errorf("got %d objects, want %d", len(target), len(source))
	}
}

// unpublished fails unless the target has no root.
func (p *providers) unpublished(t *testing.T) {
	t.Helper()
	if found, err := filepath.Glob(filepath.Join(p.target, "index*")); err != nil || len(found) > 0 {
		t.Errorf("half a repository is published: %v %v", found, err)
	}
}

const mega = 1 << 20

// noUploads fails when an upload was left open on the target. A part that was on
// its way for long may have brought one back; the next copy clears that away.
func (p *providers) noUploads(t *testing.T) {
	t.Helper()
	if p.uploads(t) == 0 {
		return
	}
	nothing := func(http.ResponseWriter, *http.Request) bool { return false }
	p.fromWire.On(nothing)
	p.toWire.On(nothing)
	if r, err := p.copier().Copy(t.Context()); err != nil || r.Aborted == 0 {
		t.Errorf("the copy after one that left an upload open: got %d aborted, %v", r.Aborted, err)
	}
	if n := p.uploads(t); n > 0 {
		t.Errorf("got %d uploads left open", n)
	}
}

// uploads counts those that are open on the target.
func (p *providers) uploads(t *testing.T) int {
	t.Helper()
	open, err := client(p.to).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("new-snaps")})
	if err != nil {
		t.Fatal(err)
	}
	return len(open.Uploads)
}

func client(g *lab.Gateway) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(g.URL), Region: g.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
}

// pass sends a request on as it came.
func pass(t *testing.T, to string, r *http.Request, w http.ResponseWriter) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Error(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) { q.SetURL(u); q.Out.Host = q.In.Host }, Transport: transport}
	proxy.ServeHTTP(w, r)
}
