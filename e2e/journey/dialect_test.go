package journey_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

// alibaba is a strict stand-in for the S3 interface of Alibaba's OSS: it lets
// through to a gateway, which verifies the signatures, only what OSS takes.
type alibaba struct {
	wire *faults.Wire

	mu      sync.Mutex
	buckets map[string]int
	refused []string
}

func newAlibaba(t *testing.T, g *lab.Gateway) *alibaba {
	t.Helper()
	wire, err := faults.NewWire(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.Close)
	a := &alibaba{wire: wire, buckets: map[string]int{}}
	wire.On(a.judge)
	return a
}

// judge refuses as OSS does: buckets in the path, bodies in chunks, trailers, and
// bodies without a length.
func (a *alibaba) judge(w http.ResponseWriter, r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	name, ours := strings.CutSuffix(r.Host, "."+lab.GatewayDomain)
	hash := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case r.Host == lab.GatewayDomain:
		return a.refuse(w, r, http.StatusForbidden, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.")
	case !ours:
		return a.refuse(w, r, http.StatusBadGateway, "WrongHost", r.Host)
	case strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked"), strings.HasPrefix(hash, "STREAMING-"), r.Header.Get("X-Amz-Trailer") != "":
		return a.refuse(w, r, http.StatusBadRequest, "InvalidArgument", "aws-chunked encoding is not supported with the specified x-amz-content-sha256 value.")
	case r.Method == http.MethodPut && r.ContentLength < 0:
		return a.refuse(w, r, http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	for header := range r.Header {
		if strings.HasPrefix(header, "X-Amz-Checksum-") || header == "X-Amz-Sdk-Checksum-Algorithm" {
			return a.refuse(w, r, http.StatusNotImplemented, "NotImplemented", header)
		}
	}
	a.buckets[name]++
	return false
}

func (a *alibaba) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) bool {
	a.refused = append(a.refused, fmt.Sprintf("%s %s%s: %s %s", r.Method, r.Host, r.URL.Path, code, message))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	return true
}

// dialect copies from one provider to Alibaba's, small objects and large ones,
// and compares both by hash.
func (c *repoCopy) dialect(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "alibaba")
	g := lab.For(t).GatewayFor(t, folder)
	if _, err := g.Bucket("new-snaps"); err != nil {
		t.Fatal(err)
	}
	a := newAlibaba(t, g)
	c.large(t)
	t.Setenv("HTTP_PROXY", a.wire.URL)
	text, err := os.ReadFile(c.yaml)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "    to: ")
	yaml := filepath.Join(t.TempDir(), "ferry.yaml")
	changed := string(text[:at]) + fmt.Sprintf("    to: {bucket: new-snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}\n",
		"http://"+lab.GatewayDomain, g.Region, g.AccessKey, g.SecretKey)
	if err := os.WriteFile(yaml, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s := c.copied(t, esferry(t, "repo", "copy", "--json", "-c", yaml).want(t, 0))
	if s.Copied != s.Source || s.Source.Objects != objects(t, c.from) {
		t.Errorf("got %+v, want all %d objects", s, objects(t, c.from))
	}
	esferry(t, "repo", "verify", "--contents", "-c", yaml).want(t, 0)
	if len(a.refused) > 0 || a.buckets["new-snaps"] == 0 || len(a.buckets) != 1 {
		t.Errorf("got %v for %v, want nothing refused", a.refused, a.buckets)
	}
	// The stand-in does refuse: a bucket in the path is none of its.
	wrong := strings.Replace(changed, "to: {bucket: new-snaps,", "to: {bucket: new-snaps, path_style: true,", 1)
	if err := os.WriteFile(yaml, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := esferry(t, "repo", "copy", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "SecondLevelDomainForbidden") {
		t.Errorf("a bucket in the path: got %q", o.stderr)
	}
}

// large adds segments that go as one stream, and in parts.
func (c *repoCopy) large(t *testing.T) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{7})
	dir := filepath.Join(c.from.Dir, "snaps", "indices", "of-large-segments", "0")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, megabytes := range map[string]int{"__AAAAAAAAAAAAAAAAAAAAAA": 6, "__BBBBBBBBBBBBBBBBBBBBBB": 130} {
		if err := os.WriteFile(filepath.Join(dir, name), noise(t, random, megabytes<<20), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
