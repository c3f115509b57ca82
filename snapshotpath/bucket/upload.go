package bucket

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"esferry/internal/group"
	"esferry/internal/retry"
)

// upload is one large object on its way, in parts.
type upload struct {
	object Object
	id     *string
	parts  []types.CompletedPart
	left   atomic.Int64
}

// large begins an upload, and starts a piece of work for each part; whoever is
// last completes it.
func (t *transfer) large(ctx context.Context, g *group.Group, o Object) error {
	size := partSize(o.Size, partBytes)
	count := (o.Size + size - 1) / size
	u, err := t.begin(ctx, o, count)
	if err != nil {
		return err
	}
	for i := range count {
		from := i * size
		length := min(size, o.Size-from)
		err := t.start(ctx, g, o.Key, func(ctx context.Context) error {
			if err := t.part(ctx, u, i, from, length); err != nil {
				return err
			}
			t.tally.add(length, 0)
			if u.left.Add(-1) > 0 {
				return nil
			}
			if err := t.complete(ctx, u); err != nil {
				return err
			}
			t.tally.add(0, 1)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// partSize is at least least, and larger where there would be too many.
func partSize(size, least int64) int64 { return max(least, (size+mostParts-1)/mostParts) }

func (t *transfer) begin(ctx context.Context, o Object, count int64) (*upload, error) {
	u := &upload{object: o, parts: make([]types.CompletedPart, count)}
	u.left.Store(count)
	err := t.try(ctx, t.to, opWrite, o.Key, func(ctx context.Context) error {
		// Whoever gives up must know what to abort: it is heard to its end.
		out, err := t.to.client.CreateMultipartUpload(context.WithoutCancel(ctx), &s3.CreateMultipartUploadInput{Bucket: &t.to.name, Key: t.to.key(o.Key)})
		if err == nil {
			u.id = out.UploadId
		}
		return err
	})
	if err == nil {
		t.uploads.open(u)
	}
	return u, err
}

// part moves one part of an upload.
func (t *transfer) part(ctx context.Context, u *upload, i, from, length int64) error {
	return t.piece(ctx, u.object, from, length, func(ctx context.Context, data []byte, sum *string) error {
		out, err := t.to.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &t.to.name, Key: t.to.key(u.object.Key), UploadId: u.id, PartNumber: number(i),
			Body: bytes.NewReader(data), ContentLength: aws.Int64(length), ContentMD5: sum,
		}, t.unsigned())
		if err == nil {
			u.parts[i] = types.CompletedPart{ETag: out.ETag, PartNumber: number(i)}
		}
		return err
	})
}

// number of a part, from 1.
func number(i int64) *int32 { return aws.Int32(int32(i) + 1) } //nolint:gosec // at most mostParts

// complete makes the object of its parts. Where the answer was lost, another
// try finds no upload, but the object.
func (t *transfer) complete(ctx context.Context, u *upload) error {
	err := t.try(ctx, t.to, opWrite, u.object.Key, func(ctx context.Context) error {
		_, err := t.to.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &t.to.name, Key: t.to.key(u.object.Key), UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
		})
		if _, lost := errors.AsType[*types.NoSuchUpload](err); !lost {
			return err
		}
		there, asked := t.to.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &t.to.name, Key: t.to.key(u.object.Key)})
		if asked == nil && aws.ToInt64(there.ContentLength) == u.object.Size {
			return nil
		}
		return err
	})
	if err == nil {
		t.uploads.closed(u)
	}
	return err
}

// uploads are those that are not completed.
type uploads struct {
	mu   sync.Mutex
	here map[*upload]bool
}

func (s *uploads) open(u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.here == nil {
		s.here = map[*upload]bool{}
	}
	s.here[u] = true
}

func (s *uploads) closed(u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.here, u)
}

// farewell bounds the clearing up after an interrupt.
const farewell = 10 * time.Second

// abort gives up what is not completed, also when ctx has ended: its parts
// would cost money for ever. What fails is found by the next run.
func (s *uploads) abort(ctx context.Context, b *Bucket) error {
	if len(s.here) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	var failed []error
	for u := range s.here {
		failed = append(failed, b.abort(ctx, u.object.Key, u.id))
		s.closed(u)
	}
	return errors.Join(failed...)
}

// A part that was on its way may arrive after the abort and bring the upload
// back, so an abort is repeated until there is nothing to abort.
const (
	aborts      = 3
	abortsApart = 200 * time.Millisecond
)

func (b *Bucket) abort(ctx context.Context, key string, id *string) error {
	for range aborts {
		_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: b.key(key), UploadId: id})
		if _, done := errors.AsType[*types.NoSuchUpload](err); done {
			return nil
		}
		if err == nil {
			err = retry.Sleep(ctx, abortsApart)
		}
		if err != nil {
			return b.failed("abort the upload of", key, err)
		}
	}
	return nil
}

// abandoned aborts the uploads that a killed run left of these keys, which
// nobody but esferry writes, and tells how many they were. It is no matter of
// the copy where the service does not list uploads, or forbids it.
func (b *Bucket) abandoned(ctx context.Context, objects []Object) (aborted int64, err error) {
	ours := map[string]bool{}
	for _, o := range objects {
		if o.Size > partBytes {
			ours[*b.key(o.Key)] = true
		}
	}
	if len(ours) == 0 {
		return 0, nil
	}
	pages := s3.NewListMultipartUploadsPaginator(b.client, &s3.ListMultipartUploadsInput{Bucket: &b.name, Prefix: &b.prefix})
	for pages.HasMorePages() {
		var page *s3.ListMultipartUploadsOutput
		err := b.call(ctx, "list the uploads of", "", func(ctx context.Context) (err error) {
			page, err = pages.NextPage(ctx)
			return err
		})
		if e, ok := errors.AsType[*Error](err); ok && (refused(err) || e.Status == http.StatusNotFound) {
			return aborted, nil
		}
		if err != nil {
			return aborted, err
		}
		for _, u := range page.Uploads {
			if !ours[aws.ToString(u.Key)] {
				continue
			}
			if err := b.abort(ctx, aws.ToString(u.Key)[len(b.prefix):], u.UploadId); err != nil {
				return aborted, err
			}
			aborted++
		}
	}
	return aborted, nil
}
