package bucket_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"esferry/snapshotpath/bucket"
)

// shop is an S3 service of one bucket in memory. It knows what a copy of small
// objects asks, refuses all else, and refuses bodies without their MD5.
type shop struct {
	t *testing.T

	mu      sync.Mutex
	objects map[string][]byte
	// puts are the keys in the order in which they were written.
	puts []string
}

// newShop starts one, and opens its bucket.
func newShop(t *testing.T) (*shop, *bucket.Bucket) {
	t.Helper()
	s := &shop{t: t, objects: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, bucket.Open(bucket.Options{
		Bucket: "b", Region: "us-east-1", Endpoint: server.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		// The client has left.
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/b"), "/")
	data, there := s.objects[key]
	sum := md5.Sum(body)
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		s.list(w, r.URL.Query().Get("prefix"), r.URL.Query().Get("delimiter"))
	case r.Method == http.MethodGet && r.URL.Query().Has("uploads"):
		answer(w, http.StatusOK, `<ListMultipartUploadsResult></ListMultipartUploadsResult>`)
	case r.Method == http.MethodGet && key != "" && !there:
		answer(w, http.StatusNotFound, `<Error><Code>NoSuchKey</Code><Message>none</Message></Error>`)
	case r.Method == http.MethodGet && key != "" && r.Header.Get("Range") == "":
		w.Header().Set("ETag", `"`+etag(data)+`"`)
		_, _ = w.Write(data) //nolint:errcheck // the client may have left
	case r.Method == http.MethodPut && key != "" && r.Header.Get("Content-Md5") == base64.StdEncoding.EncodeToString(sum[:]):
		s.objects[key] = body
		s.puts = append(s.puts, key)
		w.Header().Set("ETag", `"`+etag(body)+`"`)
	default:
		s.t.Errorf("unexpected: %s %s %v", r.Method, r.URL, r.Header)
		answer(w, http.StatusNotImplemented, `<Error><Code>NotImplemented</Code><Message>no</Message></Error>`)
	}
}

func (s *shop) list(w http.ResponseWriter, prefix, delimiter string) {
	var all strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if rest, ok := strings.CutPrefix(key, prefix); ok && (delimiter == "" || !strings.Contains(rest, delimiter)) {
			fmt.Fprintf(&all, `<Contents><Key>%s</Key><Size>%d</Size><ETag>"%s"</ETag></Contents>`, key, len(s.objects[key]), etag(s.objects[key]))
		}
	}
	answer(w, http.StatusOK, `<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>`+all.String()+`</ListBucketResult>`)
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) //nolint:errcheck // the client may have left
}

func etag(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

// blobs and states are how many of them fill writes.
const blobs, states = 160, 160

// fill writes a repository of one snapshot, and metadata without names of their own.
func (s *shop) fill() {
	for i := range blobs {
		s.objects[fmt.Sprintf("indices/a/%d/__%022d", i%2, i)] = fmt.Appendf(nil, "blob %d", i)
	}
	for i := range states {
		s.objects[fmt.Sprintf("indices/a/%d/snap-%022d.dat", i%2, i)] = fmt.Appendf(nil, "state %d", i)
	}
	s.objects["indices/a/0/index-7"] = []byte("old engines write it again")
	s.objects["snap-0000000000000000000000.dat"] = []byte("root")
	s.objects["index-3"] = []byte(`{"snapshots":[{"name":"n","uuid":"u"}],"indices":{}}`)
	s.objects["index.latest"] = []byte("3")
}

// all gives what is there.
func (s *shop) all() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.objects)
}

// helpers are other processes with room for a few bundles.
type helpers struct {
	room chan struct{}
	// copy does what is asked of hand.Copy.
	copy func(ctx context.Context, b bucket.Bundle) (refused bool, err error)
}

func newHelpers(room int, do func(ctx context.Context, b bucket.Bundle) (refused bool, err error)) *helpers {
	return &helpers{room: make(chan struct{}, room), copy: do}
}

// Room implements bucket.Lender.
func (h *helpers) Room() int { return cap(h.room) }

// Hire implements bucket.Lender.
func (h *helpers) Hire(ctx context.Context) (bucket.Hand, error) {
	select {
	case h.room <- struct{}{}:
		return hand{h}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type hand struct{ *helpers }

// Copy implements bucket.Hand.
func (h hand) Copy(ctx context.Context, b bucket.Bundle) (bool, error) { return h.copy(ctx, b) }

// Free implements bucket.Hand.
func (h hand) Free() { <-h.room }

// lent is two services, and a copier between them that lends.
type lent struct {
	source, target *shop
	copier         *bucket.Copier
	porter         *bucket.Porter
}

func newLent(t *testing.T) *lent {
	t.Helper()
	l := &lent{copier: &bucket.Copier{}}
	l.source, l.copier.From = newShop(t)
	l.target, l.copier.To = newShop(t)
	l.source.fill()
	l.porter = bucket.NewPorter(l.copier.From, l.copier.To, nil)
	return l
}

// equal wants both sides to hold the same.
func (l *lent) equal(t *testing.T) {
	t.Helper()
	source, target := l.source.all(), l.target.all()
	if !maps.EqualFunc(source, target, slices.Equal) {
		t.Errorf("%d objects became %d, or others", len(source), len(target))
	}
}

// TestBundlesAreCopiedElsewhere: others copy some of it, all of a stage is there
// before the next one begins, and what is told of the copy counts everything once.
func TestBundlesAreCopiedElsewhere(t *testing.T) {
	t.Parallel()
	l := newLent(t)
	var mu sync.Mutex
	asked := map[string]int{}
	l.copier.Lender = newHelpers(4, func(ctx context.Context, b bucket.Bundle) (bool, error) {
		mu.Lock()
		for _, o := range b.Objects {
			asked[o.Key]++
		}
		mu.Unlock()
		return false, l.porter.Carry(ctx, b)
	})
	var done, total int64
	l.copier.Observe = func(d, all, _ int64) { done, total = d, all }
	r, err := l.copier.Copy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.equal(t)
	if r.Lent.Objects == 0 || r.Lent.Objects != int64(len(asked)) || r.Copied != r.Source || r.Source != r.Target || done != total || done != r.Copied.Objects {
		t.Errorf("got %+v, %d of %d, and %d objects asked of others", r, done, total, len(asked))
	}
	kinds := map[bool]bool{}
	for key, times := range asked {
		kinds[strings.Contains(key, "/__")] = true
		if times != 1 || !strings.Contains(key, "/__") && !strings.Contains(key, "/snap-") {
			t.Errorf("%s was asked of others %d times", key, times)
		}
	}
	if len(kinds) != 2 {
		t.Error("want both blobs and states of shards lent")
	}
	if len(l.target.puts) != len(l.target.objects) {
		t.Errorf("%d objects were written %d times", len(l.target.objects), len(l.target.puts))
	}
	if i := slices.IndexFunc(l.target.puts, func(key string) bool { return !strings.Contains(key, "/__") }); i != blobs {
		t.Errorf("%s was written after %d blobs of %d", l.target.puts[i], i, blobs)
	}
	if i := slices.IndexFunc(l.target.puts, func(key string) bool { return !strings.Contains(key, "/") }); i != blobs+states+1 {
		t.Errorf("%s was written after %d objects", l.target.puts[i], i)
	}
}

// TestBundlesThatAreRefused: what others do not copy, or only in part before they
// are lost, this process does; those who come late with the rest change nothing.
func TestBundlesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, half := range []bool{false, true} {
		l := newLent(t)
		var mu sync.Mutex
		var late []bucket.Bundle
		asked := map[string]int{}
		l.copier.Lender = newHelpers(3, func(ctx context.Context, b bucket.Bundle) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, o := range b.Objects {
				asked[o.Key]++
			}
			gone := errors.New("the worker is gone")
			if !half {
				return true, gone
			}
			late = append(late, b)
			b.Objects = b.Objects[:len(b.Objects)/2]
			return true, errors.Join(gone, l.porter.Carry(ctx, b))
		})
		r, err := l.copier.Copy(t.Context())
		if err != nil || r.Lent.Objects != 0 || r.Copied != r.Source || r.Source != r.Target || len(asked) == 0 {
			t.Errorf("got %+v, %v; %d objects were asked of others", r, err, len(asked))
		}
		for key, times := range asked {
			if times != 1 {
				t.Errorf("%s was asked of others %d times", key, times)
			}
		}
		for _, b := range late {
			if err := l.porter.Carry(t.Context(), b); err != nil {
				t.Error(err)
			}
		}
		l.equal(t)
	}
}

// TestBundlesAreNotBelieved: a process that says that it copied what it did not is
// found out before the target's root is written.
func TestBundlesAreNotBelieved(t *testing.T) {
	t.Parallel()
	l := newLent(t)
	l.copier.Lender = newHelpers(1, func(context.Context, bucket.Bundle) (bool, error) { return false, nil })
	if r, err := l.copier.Copy(t.Context()); err == nil || !strings.Contains(err.Error(), "it is not there in full after a worker's copy") {
		t.Errorf("got %+v, %v", r, err)
	}
	if there := l.target.all(); there["index-3"] != nil || there["index.latest"] != nil {
		t.Error("a repository with holes is published")
	}
}

// TestSharesComeBack: of four shares of a rate this process keeps one, and one that
// comes back, with a bundle that was copied or refused, is lent again.
func TestSharesComeBack(t *testing.T) {
	t.Parallel()
	l := newLent(t)
	const rate = 4 << 20
	var mu sync.Mutex
	var lent int64
	asked := 0
	l.copier.BytesPerSecond = rate
	l.copier.Lender = newHelpers(8, func(ctx context.Context, b bucket.Bundle) (refused bool, err error) {
		mu.Lock()
		asked++
		refused = asked%2 == 0
		if lent += b.BytesPerSecond; lent > rate*3/4 {
			t.Errorf("shares of %d bytes a second are lent", lent)
		}
		mu.Unlock()
		if refused {
			err = errors.New("no")
		} else {
			err = l.porter.Carry(ctx, b)
		}
		mu.Lock()
		defer mu.Unlock()
		lent -= b.BytesPerSecond
		return refused, err
	})
	if _, err := l.copier.Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked < 8 {
		t.Errorf("%d bundles were lent, want more than there are shares", asked)
	}
	l.equal(t)
}

// TestBundlesEndWithTheCopy: an error that is the leader's own, or an interrupt,
// ends the copy, and everybody with it.
func TestBundlesEndWithTheCopy(t *testing.T) {
	t.Parallel()
	l := newLent(t)
	lost := errors.New("the store is gone")
	l.copier.Lender = newHelpers(2, func(context.Context, bucket.Bundle) (bool, error) { return false, lost })
	if _, err := l.copier.Copy(t.Context()); !errors.Is(err, lost) {
		t.Errorf("got %v, want %v", err, lost)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.copier.Lender = newHelpers(2, func(ctx context.Context, _ bucket.Bundle) (bool, error) {
		cancel()
		<-ctx.Done()
		return false, ctx.Err()
	})
	if _, err := l.copier.Copy(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
	if there := l.target.all(); there["index-3"] != nil || there["index.latest"] != nil {
		t.Error("half a repository is published")
	}
	// Nobody who has room: this process does all.
	nobody := newHelpers(0, nil)
	nobody.room = nil
	l.copier.Lender = nobody
	if r, err := l.copier.Copy(t.Context()); err != nil || r.Lent.Objects != 0 {
		t.Errorf("nobody there: got %+v, %v", r, err)
	}
	l.equal(t)
}

// TestPorterRefuses what is between other buckets, and what is the leader's alone.
func TestPorterRefuses(t *testing.T) {
	t.Parallel()
	l := newLent(t)
	ours := bucket.Bundle{From: l.copier.From.String(), To: l.copier.To.String()}
	f := func(b bucket.Bundle, key, want string) {
		t.Helper()
		b.Objects = []bucket.Object{{Key: key, Size: 6}}
		if err := l.porter.Carry(t.Context(), b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", key, err, want)
		}
	}
	const blob = "indices/a/0/__0000000000000000000000"
	other := ours
	other.From = "https://elsewhere/b/"
	f(other, blob, "a copy from https://elsewhere/b/ to")
	other = ours
	other.To = "https://elsewhere/b/"
	f(other, blob, "to https://elsewhere/b/ is asked for")
	f(ours, "index-3", "the leader's alone")
	f(ours, "index.latest", "the leader's alone")
	f(ours, "indices/a/0/__7", "the leader's alone")
	f(ours, "indices/a/0/__missing-of-22-characte", "NoSuchKey")
	if there := l.target.all(); len(there) > 0 {
		t.Errorf("it wrote %d objects", len(there))
	}
	ours.Objects = []bucket.Object{{Key: blob, Size: 6}}
	if err := l.porter.Carry(t.Context(), ours); err != nil || string(l.target.all()[blob]) != "blob 0" {
		t.Errorf("ours: got %v", err)
	}
}
