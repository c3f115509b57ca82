package repository_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/lab/faultcase"
)

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

// TestAbandonedUploadsAreAborted: those of a killed run, and nobody else's.
func TestAbandonedUploadsAreAborted(t *testing.T) {
	faultcase.Shows(t, 31, "uploads that a killed run has left")
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
