package engines_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestRepositoryIsBucket makes a snapshot into a folder that is a bucket,
// copies it over S3 into the bucket of another provider, and restores it there
// with another engine.
func TestRepositoryIsBucket(t *testing.T) {
	l := lab.For(t)
	from, to := l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), l.GatewayFor(t, filepath.Join(t.TempDir(), "new"))
	oldDir, newDir := bucketDir(t, from, "old-snaps"), bucketDir(t, to, "new-snaps")
	source := l.StartFor(t, lab.Spec{Engine: lab.ES68, RepoDirs: []string{oldDir}})
	target := l.StartFor(t, lab.Spec{Engine: lab.ES710, RepoDirs: []string{newDir}})

	e := open(t, source.URL())
	create(t, e, "logs", corpus.LogMapping)
	load(t, e, "logs", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 2000, 1))
	put(t, source.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"compress":true}}`, oldDir))
	put(t, source.URL()+"/_snapshot/ferry/one?wait_for_completion=true", `{"indices":"logs"}`)

	if n := copyBucket(t, from, to, "old-snaps", "new-snaps"); n < 5 {
		t.Errorf("got %d objects in the bucket, want a snapshot", n)
	}
	put(t, target.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"readonly":true}}`, newDir))
	post(t, target.URL()+"/_snapshot/ferry/one/_restore?wait_for_completion=true", `{"indices":"logs","include_global_state":false}`)
	equal(t, source.URL(), target.URL(), "logs", "logs")

	// What the gateway wrote, the engine may also change.
	put(t, target.URL()+"/_snapshot/ferry", fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, newDir))
	put(t, target.URL()+"/_snapshot/ferry/two?wait_for_completion=true", `{"indices":"logs"}`)
}

func bucketDir(t *testing.T, g *lab.Gateway, name string) string {
	t.Helper()
	dir, err := g.Bucket(name)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func client(g *lab.Gateway) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(g.URL),
		Region:       g.Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, ""),
		HTTPClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
}

// copyBucket copies every object by its bytes and returns their number.
func copyBucket(t *testing.T, from, to *lab.Gateway, fromBucket, toBucket string) (n int) {
	t.Helper()
	source, target := client(from), client(to)
	pages := s3.NewListObjectsV2Paginator(source, &s3.ListObjectsV2Input{Bucket: &fromBucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			if strings.HasPrefix(*object.Key, ".sgwtmp") || strings.HasSuffix(*object.Key, "/") {
				continue
			}
			if err := copyObject(t.Context(), source, target, fromBucket, toBucket, *object.Key); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	return n
}

func copyObject(ctx context.Context, source, target *s3.Client, fromBucket, toBucket, key string) error {
	got, err := source.GetObject(ctx, &s3.GetObjectInput{Bucket: &fromBucket, Key: &key})
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	_, err = target.PutObject(ctx, &s3.PutObjectInput{Bucket: &toBucket, Key: &key, Body: bytes.NewReader(text)})
	return err
}

func put(t *testing.T, url, body string) {
	t.Helper()
	send(t, http.MethodPut, url, body)
}

func post(t *testing.T, url, body string) {
	t.Helper()
	send(t, http.MethodPost, url, body)
}

// send wants a good answer, and no failed shard in it.
func send(t *testing.T, method, url, body string) {
	t.Helper()
	if status, answer := lab.Ask(t, method, url, body); status != http.StatusOK || strings.Contains(answer, `"state":"PARTIAL"`) {
		t.Fatalf("%s %s: status %d: %s", method, url, status, answer)
	}
}
