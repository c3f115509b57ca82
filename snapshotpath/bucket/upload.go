package bucket

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
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
	open := make([]types.MultipartUpload, 0, len(s.here))
	for u := range s.here {
		open = append(open, types.MultipartUpload{Key: b.key(u.object.Key), UploadId: u.id})
		s.closed(u)
	}
	return b.abort(ctx, open)
}

// A part that was on its way may arrive after the abort and bring the upload
// back, so that every upload is aborted several times.
const (
	aborts      = 3
	abortsApart = 200 * time.Millisecond
)

// abort gives up uploads. A part that arrives later still is found by the next run.
func (b *Bucket) abort(ctx context.Context, open []types.MultipartUpload) error {
	if len(open) == 0 {
		return nil
	}
	for round := range aborts {
		if round > 0 {
			if err := retry.Sleep(ctx, abortsApart); err != nil {
				return err
			}
		}
		var failed []error
		for _, u := range open {
			_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: u.Key, UploadId: u.UploadId})
			if _, done := errors.AsType[*types.NoSuchUpload](err); err != nil && !done {
				failed = append(failed, b.failed("abort the upload of", strings.TrimPrefix(aws.ToString(u.Key), b.prefix), err))
			}
		}
		if len(failed) > 0 {
			return errors.Join(failed...)
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
		left := slices.DeleteFunc(page.Uploads, func(u types.MultipartUpload) bool { return !ours[aws.ToString(u.Key)] })
		if err := b.abort(ctx, left); err != nil {
			return aborted, err
		}
		aborted += int64(len(left))
	}
	return aborted, nil
}
