package engines_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

func TestCopyAndNothingToDo(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, 0, 1, 1000, 5*mega, 5*mega+1)
	inParts(t, p.source)
	file(t, p.source, "tests-abc/master.dat", "x")
	file(t, p.source, "reports/2026.csv", "x")
	file(t, p.target, "notes.txt", "mine")
	p.toWire.On(func(_ http.ResponseWriter, r *http.Request) bool {
		// What Alibaba's service and older gateways refuse, and what proves a body to them.
		chunked := strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") || r.ContentLength < 0
		if r.Method == http.MethodPut && (chunked || r.Header.Get("X-Amz-Trailer") != "" || r.ContentLength <= 5*mega && r.Header.Get("Content-Md5") == "") {
			t.Errorf("%s %s: got headers %v", r.Method, r.URL, r.Header)
		}
		return false
	})
	r, err := p.copier().Copy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.toWire.On(nil)
	if r.Source != r.Target || r.Source.Objects != 9 || r.Copied != r.Source || r.Passes != 1 || r.Skipped.Objects != 0 {
		t.Errorf("got %+v", r)
	}
	if !slices.Equal(r.Foreign.Keys, []string{"notes.txt", "reports/2026.csv"}) || !slices.Equal(r.LeftOver.Keys, []string{"tests-abc/master.dat"}) {
		t.Errorf("got foreign %v and left over %v", r.Foreign.Keys, r.LeftOver.Keys)
	}
	for _, aside := range []string{filepath.Join(p.source, "tests-abc/master.dat"), filepath.Join(p.source, "reports/2026.csv"), filepath.Join(p.target, "notes.txt")} {
		if err := os.Remove(aside); err != nil {
			t.Fatal(err)
		}
	}
	p.equalTrees(t)
	// The shard's index-abc has neither hash nor age to prove it, and goes again.
	if r, err = p.copier().Copy(t.Context()); err != nil || r.Copied.Objects != 3 || r.Skipped.Objects != 6 || r.Source != r.Target {
		t.Errorf("nothing to do: got %+v, %v", r, err)
	}
	// A second snapshot: only what is new goes.
	repository(t, p.source, 4, 10, 20)
	if r, err = p.copier().Copy(t.Context()); err != nil || r.Copied.Objects != 2+1+3 || r.Source != r.Target {
		t.Errorf("a second snapshot: got %+v, %v", r, err)
	}
	p.equalTrees(t)
}

func TestServiceCopiesByItself(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, 1, 1000, 12*mega)
	bucketDir(t, p.from, "copy-snaps")
	target := filepath.Join(p.from.Dir, "copy-snaps")
	c := p.copier()
	var copied, read atomic.Int64
	refusing := false
	p.fromWire.On(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Header.Get("X-Amz-Copy-Source") != "" && refusing:
			return refuse(w, http.StatusNotImplemented, "NotImplemented", "no copies here")
		case r.Header.Get("X-Amz-Copy-Source") != "":
			copied.Add(1)
		case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/old-snaps/indices/"):
			read.Add(1)
		}
		return false
	})
	c.To = p.side(p.from, p.fromWire.URL, "copy-snaps")
	if r, err := c.Copy(t.Context()); err != nil || r.Source != r.Target || copied.Load() != 6 || read.Load() != 0 {
		t.Fatalf("got %+v, %v; %d copied, %d read", r, err, copied.Load(), read.Load())
	}
	p.target = target
	p.equalTrees(t)
	// Refused, the bytes go through us.
	if err := os.RemoveAll(target); err != nil {
		t.Fatal(err)
	}
	bucketDir(t, p.from, "copy-snaps")
	refusing = true
	if r, err := c.Copy(t.Context()); err != nil || r.Source != r.Target || read.Load() < 4 {
		t.Fatalf("refused: got %+v, %v; %d read", r, err, read.Load())
	}
	p.equalTrees(t)
}

// discarding leaves the first bytes of a body out.
func discarding(r io.Reader, n int64) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if n > 0 {
			skipped, err := io.CopyN(io.Discard, r, n)
			n -= skipped
			if err != nil {
				return 0, err
			}
		}
		return r.Read(p)
	})
}

// readerFunc is a Read.
type readerFunc func(p []byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// inParts adds an object that is too large for one request; it is mostly holes.
func inParts(t *testing.T, dir string) {
	t.Helper()
	key := "indices/index-of-22-letters-00/0/__large-one-of-22-charac"
	file(t, dir, key, "begins")
	f, err := os.OpenFile(filepath.Join(dir, key), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("ends"), 129*mega)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestCopyMeetsTroubles injects what services do, and wants the whole copy, or
// one clear sentence with what to do and nothing published.
func TestCopyMeetsTroubles(t *testing.T) {
	p := newProviders(t)
	var hits atomic.Int64
	once := func(n int64) bool { return hits.Add(1) <= n }
	object := func(r *http.Request, method string) bool {
		return r.Method == method && strings.Contains(r.URL.Path, "/indices/")
	}
	f := func(name string, from, to func(w http.ResponseWriter, r *http.Request) bool, wrong ...string) {
		t.Helper()
		p.again(t)
		hits.Store(0)
		repository(t, p.source, 3, slices.Repeat([]int{100}, 60)...)
		repository(t, p.source, 3, 12*mega)
		if strings.Contains(name, "upload") || strings.Contains(name, "parts") {
			inParts(t, p.source)
		}
		p.fromWire.On(from)
		p.toWire.On(to)
		r, err := p.copier().Copy(t.Context())
		if hits.Load() == 0 {
			t.Errorf("%s: nothing went wrong: the test shows nothing", name)
		}
		if len(wrong) == 0 {
			if err != nil || r.Source != r.Target {
				t.Errorf("%s: got %+v, %v", name, r, err)
			}
			p.equalTrees(t)
			return
		}
		if err == nil {
			t.Errorf("%s: got no error", name)
			return
		}
		var hint interface{ NextStep() string }
		text := err.Error()
		if errors.As(err, &hint) {
			text += "\n" + hint.NextStep()
		}
		for _, word := range wrong {
			if !strings.Contains(text, word) {
				t.Errorf("%s: got %q, want it to say %q", name, text, word)
			}
		}
		p.unpublished(t)
		p.noUploads(t)
	}
	nothing := func(http.ResponseWriter, *http.Request) bool { return false }
	f("503 SlowDown", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return object(r, http.MethodPut) && once(8) && refuse(w, http.StatusServiceUnavailable, "SlowDown", "reduce your rate")
	})
	f("reads broken midway", func(w http.ResponseWriter, r *http.Request) bool {
		if !object(r, http.MethodGet) || !once(5) {
			return false
		}
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
		faults.Cut()
		return true
	}, nothing)
	f("a write's answer lost", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		if object(r, http.MethodPut) && once(5) {
			faults.Cut()
		}
		return false
	})
	f("200 with an error in a listing", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Query().Get("list-type") == "2" && once(2) && refuse(w, http.StatusOK, "InternalError", "try again")
	})
	f("200 with an error for an object", func(w http.ResponseWriter, r *http.Request) bool {
		return object(r, http.MethodGet) && once(1) && refuse(w, http.StatusOK, "InternalError", "try again")
	}, nothing)
	f("200 with an error for an upload", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") && once(1) && refuse(w, http.StatusOK, "InternalError", "try again")
	})
	f("the answer to an upload's end lost", nothing, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !r.URL.Query().Has("uploadId") || !once(1) {
			return false
		}
		pass(t, p.to.URL, r, httptest.NewRecorder())
		faults.Cut()
		return true
	})
	f("ETags that prove nothing, so that it goes in parts", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		if !object(r, http.MethodPut) || r.URL.Query().Has("uploadId") || r.ContentLength < 5*mega {
			return false
		}
		hits.Add(1)
		answer := httptest.NewRecorder()
		pass(t, p.to.URL, r, answer)
		w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
		w.WriteHeader(answer.Code)
		return true
	})
	f("a large body damaged on the wire", nothing, func(_ http.ResponseWriter, r *http.Request) bool {
		if object(r, http.MethodPut) && r.ContentLength > 5*mega && once(1) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("damaged!"), discarding(r.Body, 8)))
		}
		return false
	})
	f("a body damaged on the wire", nothing, func(_ http.ResponseWriter, r *http.Request) bool {
		if object(r, http.MethodPut) && once(3) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			body[len(body)/2] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return false
	})
	f("credentials expire", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return object(r, http.MethodPut) && hits.Add(1) > 20 && refuse(w, http.StatusBadRequest, "ExpiredToken", "the token has expired")
	}, "ExpiredToken", "new session_token")
	f("credentials expire between parts", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Query().Get("partNumber") == "3" && once(100) && refuse(w, http.StatusBadRequest, "ExpiredToken", "the token has expired")
	}, "ExpiredToken", "new session_token")
	f("KMS denied", func(w http.ResponseWriter, r *http.Request) bool {
		return object(r, http.MethodGet) && once(100) && refuse(w, http.StatusForbidden, "AccessDenied", "not allowed to use the key")
	}, nothing, "AccessDenied", "KMS")
	f("the clock is off", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return once(100) && refuse(w, http.StatusForbidden, "RequestTimeTooSkewed", "the difference is too large")
	}, "RequestTimeTooSkewed", "set the clock")
	f("an object in an archive tier", func(w http.ResponseWriter, r *http.Request) bool {
		return object(r, http.MethodGet) && once(100) && refuse(w, http.StatusForbidden, "InvalidObjectState", "not valid for the object's storage class")
	}, nothing, "InvalidObjectState", "restore the object")
	f("a full disk", nothing, func(w http.ResponseWriter, r *http.Request) bool {
		return object(r, http.MethodPut) && hits.Add(1) > 20 && refuse(w, http.StatusInsufficientStorage, "XMinioStorageFull", "no space")
	}, "make room")
}

// noUploads fails when an upload was left open on the target.
func (p *providers) noUploads(t *testing.T) {
	t.Helper()
	open, err := client(p.to).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("new-snaps")})
	if err != nil || len(open.Uploads) > 0 {
		t.Errorf("got %d uploads left open, %v", len(open.Uploads), err)
	}
}

// TestSlowDownLowersConcurrency counts how many requests run at once after a
// service asked for fewer.
func TestSlowDownLowersConcurrency(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, slices.Repeat([]int{100}, 600)...)
	var busy, now, most atomic.Int64
	p.toWire.On(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		if busy.Add(1) <= 32 {
			return refuse(w, http.StatusServiceUnavailable, "SlowDown", "reduce your rate")
		}
		defer now.Add(-1)
		if n := now.Add(1); busy.Load() < 100 {
			most.Store(max(most.Load(), n))
		}
		pass(t, p.to.URL, r, w)
		return true
	})
	if _, err := p.copier().Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := most.Load(); n > 24 {
		t.Errorf("got %d requests at once after SlowDown, want about 16", n)
	}
	p.equalTrees(t)
}

// TestSourceMovesUnderTheCopy: another pass when a snapshot commits, or deletes.
func TestSourceMovesUnderTheCopy(t *testing.T) {
	p := newProviders(t)
	blobs := repository(t, p.source, 3, slices.Repeat([]int{100}, 20)...)
	var begun sync.Once
	p.fromWire.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/indices/") {
			begun.Do(func() { repository(t, p.source, 4, 10, 20) })
		}
		return false
	})
	asked := 0
	c := p.copier()
	c.Quiet = func(context.Context) error { asked++; return nil }
	r, err := c.Copy(t.Context())
	if err != nil || r.Passes != 2 || asked != 2 || r.Source != r.Target {
		t.Errorf("a commit: got %+v, %v, asked %d times for quiet", r, err, asked)
	}
	p.equalTrees(t)

	// A snapshot is deleted: its blob vanishes before it is read.
	p.again(t)
	blobs = repository(t, p.source, 3, slices.Repeat([]int{100}, 20)...)
	begun = sync.Once{}
	p.fromWire.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/indices/") {
			begun.Do(func() {
				if err := errors.Join(os.Remove(filepath.Join(p.source, blobs[19])), os.Remove(filepath.Join(p.source, "index-3"))); err != nil {
					t.Error(err)
				}
				root(t, p.source, 4, "uuid-of-one")
			})
		}
		return false
	})
	if r, err = p.copier().Copy(t.Context()); err != nil || r.Passes != 2 || r.Source != r.Target {
		t.Errorf("a delete: got %+v, %v", r, err)
	}

	// It never stops.
	p.again(t)
	repository(t, p.source, 3, 10)
	generation := 3
	var mu sync.Mutex
	p.fromWire.On(func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Query().Get("delimiter") == "/" {
			generation++
			root(t, p.source, generation, "uuid-of-one")
		}
		return false
	})
	_, err = p.copier().Copy(t.Context())
	if moved := new(bucket.MovedError); !errors.As(err, &moved) || moved.NextStep() == "" {
		t.Errorf("moving on and on: got %v", err)
	}
	p.unpublished(t)
}

func TestForeignTargets(t *testing.T) {
	p := newProviders(t)
	f := func(name string, theirs func(), refused bool) {
		t.Helper()
		p.again(t)
		repository(t, p.source, 3, 10)
		theirs()
		before := tree(t, p.target)
		r, err := p.copier().Copy(t.Context())
		foreign := new(bucket.ForeignError)
		if !refused {
			if err != nil || r.Source != r.Target {
				t.Errorf("%s: got %+v, %v", name, r, err)
			}
			return
		}
		if !errors.As(err, &foreign) || foreign.NextStep() == "" {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
		if after := tree(t, p.target); len(after) != len(before) {
			t.Errorf("%s: the target has %d objects now, not %d", name, len(after), len(before))
		}
	}
	f("empty", func() {}, false)
	f("an older state of ours", func() { root(t, p.target, 2, "uuid-of-zero", "uuid-of-one") }, false)
	f("no snapshot", func() { root(t, p.target, 2) }, false)
	f("a higher generation", func() { root(t, p.target, 4, "uuid-of-one") }, true)
	f("unknown snapshots", func() { root(t, p.target, 2, "uuid-of-theirs") }, true)
	f("unknown snapshots, our generation", func() { root(t, p.target, 3, "uuid-of-theirs") }, true)
	f("another uuid", func() {
		file(t, p.source, "index-3", `{"uuid":"a","snapshots":[{"name":"n","uuid":"uuid-of-one"}]}`)
		file(t, p.target, "index-2", `{"uuid":"b","snapshots":[{"name":"n","uuid":"uuid-of-one"}]}`)
	}, true)
	f("the same uuid, all snapshots deleted since", func() {
		file(t, p.source, "index-3", `{"uuid":"a","snapshots":[{"name":"n","uuid":"uuid-of-one"}]}`)
		file(t, p.target, "index-2", `{"uuid":"a","snapshots":[{"name":"n","uuid":"uuid-of-zero"}]}`)
	}, false)
	f("Elasticsearch 2, ours", func() {
		file(t, p.source, "index", `{"snapshots":["one","two"]}`)
		file(t, p.target, "index", `{"snapshots":["one"]}`)
		if err := os.Remove(filepath.Join(p.source, "index-3")); err != nil {
			t.Fatal(err)
		}
	}, false)
	f("Elasticsearch 2, theirs", func() {
		file(t, p.source, "index", `{"snapshots":["one","two"]}`)
		file(t, p.target, "index", `{"snapshots":["three"]}`)
		if err := os.Remove(filepath.Join(p.source, "index-3")); err != nil {
			t.Fatal(err)
		}
	}, true)
}

func TestContentsFindsWhatDiffers(t *testing.T) {
	p := newProviders(t)
	blobs := repository(t, p.source, 3, 100, 200, 300, 12*mega)
	if _, err := p.copier().Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := p.copier().Contents(t.Context())
	if err != nil || len(found.Differences) > 0 || found.Source != found.Equal || found.Source.Objects != 7 {
		t.Fatalf("equal: got %+v, %v", found, err)
	}
	// One byte flipped, one cut short, one gone.
	for i, spoil := range []func(path string) error{
		func(path string) error {
			text, err := os.ReadFile(path)
			text[7] ^= 1
			return errors.Join(err, os.WriteFile(path, text, 0o666))
		},
		func(path string) error { return os.Truncate(path, 7) },
		os.Remove,
		func(path string) error {
			text, err := os.ReadFile(path)
			text[12*mega-1] ^= 0x80
			return errors.Join(err, os.WriteFile(path, text, 0o666))
		},
	} {
		if err := spoil(filepath.Join(p.target, blobs[i])); err != nil {
			t.Fatal(err)
		}
	}
	found, err = p.copier().Contents(t.Context())
	var names []string
	for _, d := range found.Differences {
		names = append(names, d.Key)
	}
	slices.Sort(blobs)
	if err != nil || !slices.Equal(names, blobs) || found.Equal.Objects != 3 {
		t.Errorf("got %v, %v, want %v", names, err, blobs)
	}
}

// TestAbandonedUploadsAreAborted: those of a killed run, and nobody else's.
func TestAbandonedUploadsAreAborted(t *testing.T) {
	p := newProviders(t)
	large := repository(t, p.source, 3, 6*mega)[0]
	for _, key := range []string{large, large, "somebody/elses"} {
		if _, err := client(p.to).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("new-snaps"), Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := p.copier().Copy(t.Context())
	if err != nil || r.Aborted != 2 || r.Source != r.Target {
		t.Errorf("got %+v, %v", r, err)
	}
	open, err := client(p.to).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("new-snaps")})
	if err != nil || len(open.Uploads) != 1 || aws.ToString(open.Uploads[0].Key) != "somebody/elses" {
		t.Errorf("got %d uploads left, %v", len(open.Uploads), err)
	}
}

func TestRateIsKept(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, mega, mega, 2*mega)
	c := p.copier()
	c.BytesPerSecond = 2 * mega
	began := time.Now()
	if _, err := c.Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Four megabytes less what may burst.
	if took := time.Since(began); took < 1800*time.Millisecond {
		t.Errorf("4 MiB at 2 MiB a second took %s", took)
	}
}

// TestETagsThatAreNoHashes: objects under KMS keys have others at each write.
func TestETagsThatAreNoHashes(t *testing.T) {
	p := newProviders(t)
	blob := repository(t, p.source, 3, 100)[0]
	if _, err := p.copier().Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	encrypted := false
	spoil := func(to, etag string) faults.Hook {
		return func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.Method == http.MethodHead && encrypted:
				w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms")
				w.Header().Set("Content-Length", "100")
				return true
			case r.URL.Query().Get("list-type") != "2":
				return false
			}
			answer := httptest.NewRecorder()
			pass(t, to, r, answer)
			before, after, _ := strings.Cut(answer.Body.String(), blob)
			head, rest, _ := strings.Cut(after, "</Contents>")
			head = regexp.MustCompile(`<ETag>[^<]*</ETag>`).ReplaceAllString(head, "") + "<ETag>" + etag + "</ETag>"
			w.Header().Set("Content-Type", "application/xml")
			fmt.Fprint(w, before+blob+head+"</Contents>"+rest)
			return true
		}
	}
	p.fromWire.On(spoil(p.from.URL, strings.Repeat("a", 32)))
	p.toWire.On(spoil(p.to.URL, strings.Repeat("b", 32)))
	f := func(kms bool, want int64) {
		t.Helper()
		encrypted = kms
		plan, err := p.copier().Plan(t.Context())
		if err != nil || int64(len(plan.Copy[bucket.Blobs])) != want {
			t.Errorf("KMS %v: got %v to copy, %v, want %d", kms, plan.Copy[bucket.Blobs], err, want)
		}
	}
	f(false, 1)
	f(true, 0)
}

// TestListingsThatAreNotSorted: pages that repeat a key, and objects in any order.
func TestListingsThatAreNotSorted(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, slices.Repeat([]int{10}, 50)...)
	c := p.copier()
	c.List = func(ctx context.Context, b *bucket.Bucket) iter.Seq2[bucket.Object, error] {
		return func(yield func(bucket.Object, error) bool) {
			var all []bucket.Object
			for o, err := range b.List(ctx) {
				if err != nil {
					t.Error(err)
				}
				all = append(all, o)
			}
			rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, o := range append(all, all[:len(all)/2]...) {
				if !yield(o, nil) {
					return
				}
			}
		}
	}
	if r, err := c.Copy(t.Context()); err != nil || r.Source.Objects != 53 || r.Source != r.Target {
		t.Fatalf("got %+v, %v", r, err)
	}
	p.equalTrees(t)
}

func TestArchivedObjectsAreNamedBeforeAnythingIsCopied(t *testing.T) {
	p := newProviders(t)
	blobs := repository(t, p.source, 3, 10, 20, 30)
	// The gateway has no classes: its listing is given one.
	p.fromWire.On(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("list-type") != "2" {
			return false
		}
		answer := httptest.NewRecorder()
		pass(t, p.from.URL, r, answer)
		before, after, found := strings.Cut(answer.Body.String(), blobs[1])
		if !found {
			t.Errorf("%s is not listed", blobs[1])
		}
		text := before + blobs[1] + strings.Replace(after, "<StorageClass>STANDARD<", "<StorageClass>DEEP_ARCHIVE<", 1)
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, text)
		return true
	})
	_, err := p.copier().Copy(t.Context())
	archived := new(bucket.ArchivedError)
	if !errors.As(err, &archived) || archived.Class != "DEEP_ARCHIVE" || !strings.Contains(err.Error(), blobs[1]) || !strings.Contains(archived.NextStep(), "restore") {
		t.Errorf("got %v", err)
	}
	if n := len(tree(t, p.target)); n > 0 {
		t.Errorf("%d objects were copied", n)
	}
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

func TestWrongBuckets(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, 10)
	f := func(name string, spoil func(c *bucket.Copier), says ...string) {
		t.Helper()
		c := p.copier()
		spoil(c)
		began := time.Now()
		_, err := c.Copy(t.Context())
		var e *bucket.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v", name, err)
			return
		}
		for _, word := range says {
			if !strings.Contains(e.Error()+" "+e.NextStep(), word) {
				t.Errorf("%s: got %q, next %q; want it to say %q", name, e, e.NextStep(), word)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: it took %s to say so", name, took)
		}
		p.unpublished(t)
	}
	keys := *p.from
	keys.SecretKey = "not-the-secret"
	f("no such source", func(c *bucket.Copier) { c.From = p.side(p.from, p.from.URL, "old-snap") }, "old-snap", "NoSuchBucket", "make the bucket")
	f("no such target", func(c *bucket.Copier) { c.To = p.side(p.to, p.to.URL, "new-snap") }, "new-snap", "NoSuchBucket")
	f("wrong secret", func(c *bucket.Copier) { c.From = p.side(&keys, p.from.URL, "old-snaps") }, "SignatureDoesNotMatch", "secret_access_key")
	keys.AccessKey = "nobody"
	f("wrong key", func(c *bucket.Copier) { c.To = p.side(&keys, p.to.URL, "new-snaps") }, "access_key_id")
	f("nobody there", func(c *bucket.Copier) { c.To = p.side(p.to, "http://127.0.0.1:1", "new-snaps") }, "refused", "endpoint")
	f("no repository", func(c *bucket.Copier) { c.From, c.To = c.To, c.From }, "no snapshot repository")
}

// TestFullDisk copies to a gateway on a disk of four megabytes.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=777"); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("only root mounts a small disk; TestCopyMeetsTroubles shows the error: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	l := lab.For(t)
	p := &providers{from: l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), to: l.GatewayFor(t, dir)}
	p.source, p.target = bucketDir(t, p.from, "old-snaps"), bucketDir(t, p.to, "new-snaps")
	p.fromWire, p.toWire = newWire(t, p.from.URL), newWire(t, p.to.URL)
	repository(t, p.source, 3, slices.Repeat([]int{100_000}, 60)...)
	_, err := p.copier().Copy(t.Context())
	var e *bucket.Error
	if !errors.As(err, &e) || !strings.Contains(e.NextStep(), "make room") {
		t.Errorf("got %v", err)
	}
	p.unpublished(t)
}
