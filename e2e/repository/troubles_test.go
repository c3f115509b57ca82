package repository_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
	"esferry/snapshotpath/bucket"
)

// TestCopyMeetsTroubles injects what services do, and wants the whole copy, or
// one clear sentence with what to do and nothing published.
func TestCopyMeetsTroubles(t *testing.T) {
	faultcase.Shows(t, 9, "the clock is off: signed requests to a bucket")
	faultcase.Shows(t, 30, "503 SlowDown, 200 with an error inside, a body damaged on the wire")
	faultcase.Shows(t, 31, "an object in an archive tier")
	faultcase.Shows(t, 31, "KMS denied; credentials that expire between parts")
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
	faultcase.Shows(t, 29, "a snapshot commits, or is deleted, under the copy")
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

func TestWrongBuckets(t *testing.T) {
	faultcase.Shows(t, 28, "wrong settings, keys, regions, missing buckets")
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
	faultcase.Shows(t, 31, "the gateway's disk is full")
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
