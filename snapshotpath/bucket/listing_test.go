package bucket_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"esferry/snapshotpath/bucket"
)

// service is an S3 service that gives the same answer to everything.
type service struct {
	mu    sync.Mutex
	body  string
	asked int
}

func (s *service) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, s.body) //nolint:errcheck // the client may have left
}

// answering starts one, and opens a bucket of it.
func answering(tb testing.TB, body string) (*service, *bucket.Bucket) {
	tb.Helper()
	s := &service{body: body}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	b := bucket.Open(bucket.Options{
		Bucket: "b", Prefix: "p", Region: "us-east-1", Endpoint: server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	return s, b
}

func page(keys, rest string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>` + keys + rest + `</ListBucketResult>`
}

// all lists a bucket to its end, for a while at most.
func all(ctx context.Context, b *bucket.Bucket) (objects []bucket.Object, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for o, err := range b.List(ctx) {
		if err != nil {
			return objects, err
		}
		objects = append(objects, o)
	}
	return objects, ctx.Err()
}

// TestListingsEnd: a service that gives the same page again and again is found
// out.
func TestListingsEnd(t *testing.T) {
	key := `<Contents><Key>p/index-1</Key><Size>3</Size></Contents>`
	s, b := answering(t, page(key, `<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>`))
	if _, err := all(t.Context(), b); err == nil || !strings.Contains(err.Error(), "same page") {
		t.Errorf("got %v after %d requests, want an error about the same page", err, s.asked)
	}
	_, b = answering(t, page(key, ""))
	if got, err := all(t.Context(), b); err != nil || fmt.Sprintf("%s %d", got[0].Key, got[0].Size) != "index-1 3" {
		t.Errorf("got %+v, %v", got, err)
	}
	// Cut short without the way to the rest, it is no whole listing.
	_, b = answering(t, page(key, `<IsTruncated>true</IsTruncated>`))
	if got, err := all(t.Context(), b); err == nil {
		t.Errorf("got %+v, and no error", got)
	}
}

// FuzzListing gives any answer to a request for a listing: objects with keys, or
// an error, and an end.
func FuzzListing(f *testing.F) {
	f.Add(page(`<Contents><Key>p/index-1</Key><Size>3</Size><ETag>&quot;x&quot;</ETag><LastModified>2026-11-01T00:00:00.000Z</LastModified><StorageClass>GLACIER</StorageClass></Contents>`, ""))
	f.Add(page(`<Contents><Key>p/../../etc</Key><Size>-3</Size></Contents><Contents/>`, `<IsTruncated>true</IsTruncated>`))
	f.Add(`<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>`)
	f.Add(`<html>`)
	f.Add("")
	s, b := answering(f, "")
	f.Fuzz(func(t *testing.T, body string) {
		s.mu.Lock()
		s.body = body
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		objects, _ := all(ctx, b) //nolint:errcheck // an error is as good as an answer
		for _, o := range objects {
			if o.Key == "" || o.Size < 0 {
				t.Errorf("got %+v of %s", o, body)
			}
		}
	})
}
