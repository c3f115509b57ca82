package journey_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// station is an engine with an S3 provider of its own.
type station struct {
	*lab.Cluster
	s3 *lab.Gateway
}

// newStation starts an engine whose fs repositories lie in the buckets of a new
// gateway. With plugin it has repositories of the type s3 there, too.
func newStation(t *testing.T, l *lab.Lab, name string, spec lab.Spec, plugin bool) station {
	t.Helper()
	folder, err := l.Folder("buckets-" + name)
	if err != nil {
		t.Fatal(err)
	}
	g := l.GatewayFor(t, folder)
	if plugin {
		spec.S3 = g
	}
	return neighbour(t, l, name, spec, g)
}

// neighbour starts an engine beside a gateway that another has, too.
func neighbour(t *testing.T, l *lab.Lab, name string, spec lab.Spec, g *lab.Gateway) station {
	t.Helper()
	spec.Name, spec.RepoDirs = name, []string{g.Dir}
	return station{Cluster: l.StartFor(t, spec), s3: g}
}

// stop is one end of a route: how the engine reaches its repository, and how
// esferry reaches the same bucket.
type stop struct {
	at station
	// repository is its type and settings in YAML.
	repository     string
	bucket, prefix string
	// s3 is the gateway as esferry finds it.
	s3 *lab.Gateway
}

// onDisk is a repository of the type fs, in a folder that is a bucket.
func (s station) onDisk(t *testing.T, bucket, prefix string) stop {
	t.Helper()
	dir, err := s.s3.Bucket(bucket)
	if err != nil {
		t.Fatal(err)
	}
	return stop{at: s, s3: s.s3, bucket: bucket, prefix: prefix, repository: fmt.Sprintf(`{type: fs, settings: {location: %q}}`, filepath.Join(dir, prefix))}
}

// onS3 is a repository of the type s3: the engine speaks S3 itself.
func (s station) onS3(t *testing.T, bucket, prefix string) stop {
	t.Helper()
	if _, err := s.s3.Bucket(bucket); err != nil {
		t.Fatal(err)
	}
	return stop{at: s, s3: s.s3, bucket: bucket, prefix: prefix, repository: fmt.Sprintf(`{type: s3, settings: {bucket: %s, base_path: %q}}`, bucket, prefix)}
}

// copySide is the end as snapshot.copy has it.
func (s stop) copySide() string {
	g := s.s3
	return fmt.Sprintf("{bucket: %s, prefix: %q, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}",
		s.bucket, s.prefix, g.URL, g.Region, g.AccessKey, g.SecretKey)
}

// route writes the ferry.yaml that takes indices from one station to another,
// and gives the pair for writing and comparing. indices is more of that section.
func route(t *testing.T, name string, from, to stop, indices string) (p *pair, yaml string) {
	t.Helper()
	p = &pair{
		source: from.at.Cluster, target: to.at.Cluster, from: from.s3, to: to.s3, dir: t.TempDir(),
		sourceURL: from.at.URL(), targetURL: to.at.URL(),
	}
	text := fmt.Sprintf(`name: %s
source: {url: %s}
target: {url: %s}
indices: {%s}
snapshot:
  repository: %[1]s
  source: %[5]s
  target: %[6]s
  copy:
    from: %[7]s
    to: %[8]s
checkpoint: {path: %[1]s.db}
max_delete: 90%%
`, name, p.sourceURL, p.targetURL, indices, from.repository, to.repository, from.copySide(), to.copySide())
	yaml = filepath.Join(p.dir, name+".yaml")
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, yaml
}

// mustGoBySnapshot checks the plan: no index goes by stream.
func mustGoBySnapshot(t *testing.T, yaml string, indices ...string) {
	t.Helper()
	checkPlan(t, yaml, "snapshot")
	o := esferry(t, "plan", "--json", "-c", yaml).want(t, 0)
	for _, name := range indices {
		if !strings.Contains(o.stdout, `"`+name+`"`) {
			t.Errorf("index %s is not in the plan: %s", name, o.stdout)
		}
	}
}

// opened is an engine as documents are loaded into it.
func (s station) opened(t *testing.T) *corpus.Engine {
	t.Helper()
	e, err := corpus.Open(t.Context(), s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// edit changes one place of a configuration.
func edit(t *testing.T, yaml, from, to string) {
	t.Helper()
	text := read(t, yaml)
	if strings.Count(text, from) != 1 {
		t.Fatalf("%q is not in the configuration once:\n%s", from, text)
	}
	if err := os.WriteFile(yaml, []byte(strings.Replace(text, from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watched is a gateway behind a proxy that tells objects of an index that were
// read through esferry from those that the service was asked to copy itself.
type watched struct{ read, copied atomic.Int64 }

func (w *watched) watch(t *testing.T, g *lab.Gateway) *lab.Gateway {
	t.Helper()
	to, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	// Without Rewrite's SetURL the host stays as it was signed.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
		switch blob := strings.Contains(r.In.URL.Path, "/__"); {
		case blob && r.In.Method == http.MethodGet:
			w.read.Add(1)
		case blob && r.In.Method == http.MethodPut && r.In.Header.Get("X-Amz-Copy-Source") != "":
			w.copied.Add(1)
		}
	}}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	seen := *g
	seen.URL = server.URL
	return &seen
}
