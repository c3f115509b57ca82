package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"esferry/internal/group"
)

const (
	// partBytes bounds what one worker holds in memory. Objects above it go in
	// parts; 10,000 parts of it are 156 GiB, above what an engine's chunk_size
	// makes of a segment.
	partBytes = 16 << 20
	// workers at once: with partBytes each they bound the copier's memory.
	workers = 8
	// passes over a repository that is written while it is copied.
	passes = 5
)

// Report is what a copy did.
type Report struct {
	// Copied and Bytes are what went over; Skipped was there already.
	Copied  int64 `json:"copied"`
	Bytes   int64 `json:"bytes"`
	Skipped int64 `json:"skipped"`
	// Objects and TotalBytes are both sides' whole content now.
	Objects    int64 `json:"objects"`
	TotalBytes int64 `json:"total_bytes"`
}

// Copier copies a repository. Its Copy may be repeated at any time: what is
// there is not copied again.
type Copier struct {
	From, To *Bucket
	// Observe hears of objects done, of how many, and of bytes; may be nil.
	Observe func(done, total, bytes int64)
}

// MovedError says that the source's repository was written on while it was
// copied, more often than anyone should wait for.
type MovedError struct{ Bucket string }

// Error names the bucket.
func (e *MovedError) Error() string {
	return fmt.Sprintf("the repository in %s was written again and again while it was copied", e.Bucket)
}

// NextStep is printed on a line of its own.
func (e *MovedError) NextStep() string {
	return "pause other snapshots and clean-ups of this repository, then run again"
}

// ForeignError refuses a target that holds a newer repository than the source:
// its highest index-N would win over ours.
type ForeignError struct {
	Bucket         string
	Theirs, Source int64
}

// Error names both generations.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("the target bucket %s holds index-%d, above the source's index-%d: it belongs to another repository", e.Bucket, e.Theirs, e.Source)
}

// NextStep is printed on a line of its own.
func (e *ForeignError) NextStep() string {
	return "give an empty bucket or prefix under snapshot.copy.to"
}

// Copy makes the target's repository what the source's is.
func (c *Copier) Copy(ctx context.Context) (Report, error) {
	var sum Report
	for range passes {
		before, err := collect(ctx, c.From)
		if err != nil {
			return sum, err
		}
		r, err := c.pass(ctx, before)
		sum.Copied, sum.Bytes, sum.Skipped = sum.Copied+r.Copied, sum.Bytes+r.Bytes, r.Skipped
		if err != nil && !gone(err) {
			return sum, err
		}
		after, listed := collect(ctx, c.From)
		if listed != nil {
			return sum, listed
		}
		if err == nil && newest(after) == newest(before) {
			return c.compare(ctx, sum, after)
		}
	}
	return sum, &MovedError{Bucket: c.From.String()}
}

func collect(ctx context.Context, b *Bucket) ([]Object, error) {
	var out []Object
	for o, err := range b.List(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// pass copies once what the target lacks, stage by stage.
func (c *Copier) pass(ctx context.Context, source []Object) (Report, error) {
	if newest(source) < 0 {
		return Report{}, &Error{Op: "copy", Bucket: c.From.String(), Err: errors.New("it holds no snapshot repository")}
	}
	target, err := collect(ctx, c.To)
	if err != nil {
		return Report{}, err
	}
	if theirs := newest(target); theirs > newest(source) {
		return Report{}, &ForeignError{Bucket: c.To.String(), Theirs: theirs, Source: newest(source)}
	}
	p := Diff(source, target)
	t := &tally{observe: c.Observe, total: p.Objects}
	r := Report{Skipped: p.Skipped}
	for stage, objects := range p.Copy {
		parallel := workers
		if Stage(stage) >= Generations {
			// In order: the highest generation last.
			parallel = 1
		}
		if err := c.all(ctx, objects, parallel, t); err != nil {
			r.Copied, r.Bytes = t.done, t.bytes
			return r, err
		}
	}
	r.Copied, r.Bytes = t.done, t.bytes
	return r, nil
}

// tellEvery keeps 40,000 small objects from making as many events.
const tellEvery = 200 * time.Millisecond

// tally counts what is done.
type tally struct {
	mu          sync.Mutex
	observe     func(done, total, bytes int64)
	told        time.Time
	done, bytes int64
	total       int64
}

func (t *tally) add(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.bytes += bytes
	if t.observe != nil && (time.Since(t.told) > tellEvery || t.done == t.total) {
		t.told = time.Now()
		t.observe(t.done, t.total, t.bytes)
	}
}

func (c *Copier) all(ctx context.Context, objects []Object, parallel int, t *tally) error {
	g, ctx := group.New(ctx)
	g.SetLimit(parallel)
	for _, o := range objects {
		if ctx.Err() != nil {
			break
		}
		g.Go("copy of "+o.Key, func(ctx context.Context) error {
			if err := c.one(ctx, o); err != nil {
				return err
			}
			t.add(o.Size)
			return nil
		})
	}
	return g.Wait()
}

// one copies an object: in one piece of known length, or in parts.
func (c *Copier) one(ctx context.Context, o Object) error {
	if o.StorageClass == "GLACIER" || o.StorageClass == "DEEP_ARCHIVE" {
		return &Error{Op: "read", Bucket: c.From.String(), Key: o.Key, Code: "InvalidObjectState", Err: errors.New("it lies in storage class " + o.StorageClass + " and cannot be read at once")}
	}
	if o.Size > partBytes {
		return c.parts(ctx, o)
	}
	data, err := c.read(ctx, o, 0, o.Size)
	if err != nil {
		return err
	}
	_, err = c.To.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &c.To.name, Key: aws.String(c.To.prefix + o.Key), Body: bytes.NewReader(data), ContentLength: aws.Int64(o.Size),
	})
	if err != nil {
		return c.To.failed("write", o.Key, err)
	}
	return nil
}

// read gives length bytes of an object. Fewer are an error: a gateway may end
// an answer early and call it good.
func (c *Copier) read(ctx context.Context, o Object, from, length int64) ([]byte, error) {
	in := &s3.GetObjectInput{Bucket: &c.From.name, Key: aws.String(c.From.prefix + o.Key)}
	if length < o.Size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, from+length-1))
	}
	out, err := c.From.client.GetObject(ctx, in)
	if err != nil {
		return nil, c.From.failed("read", o.Key, err)
	}
	defer out.Body.Close()
	data := make([]byte, length)
	if _, err := io.ReadFull(out.Body, data); err != nil {
		return nil, c.From.failed("read", o.Key, err)
	}
	if n, err := out.Body.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return nil, c.From.failed("read", o.Key, fmt.Errorf("it is not the %d bytes that were listed", o.Size))
	}
	return data, nil
}

// parts copies a large object piece by piece, and leaves no upload behind.
func (c *Copier) parts(ctx context.Context, o Object) error {
	key := aws.String(c.To.prefix + o.Key)
	upload, err := c.To.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.To.name, Key: key})
	if err != nil {
		return c.To.failed("write", o.Key, err)
	}
	done, err := c.sendParts(ctx, o, key, upload.UploadId)
	if err == nil {
		_, err = c.To.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &c.To.name, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
		})
		if err == nil {
			return nil
		}
		err = c.To.failed("write", o.Key, err)
	}
	_, aborted := c.To.client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &c.To.name, Key: key, UploadId: upload.UploadId})
	if aborted != nil {
		return errors.Join(err, c.To.failed("abort the upload of", o.Key, aborted))
	}
	return err
}

func (c *Copier) sendParts(ctx context.Context, o Object, key, upload *string) ([]types.CompletedPart, error) {
	var done []types.CompletedPart
	for from, number := int64(0), int32(1); from < o.Size; from, number = from+partBytes, number+1 {
		length := min(partBytes, o.Size-from)
		data, err := c.read(ctx, o, from, length)
		if err != nil {
			return nil, err
		}
		part, err := c.To.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &c.To.name, Key: key, UploadId: upload, PartNumber: aws.Int32(number), Body: bytes.NewReader(data), ContentLength: aws.Int64(length),
		})
		if err != nil {
			return nil, c.To.failed("write", o.Key, err)
		}
		done = append(done, types.CompletedPart{ETag: part.ETag, PartNumber: aws.Int32(number)})
	}
	return done, nil
}

// compare lists the target again: it must hold all that the source holds.
func (c *Copier) compare(ctx context.Context, r Report, source []Object) (Report, error) {
	target, err := collect(ctx, c.To)
	if err != nil {
		return r, err
	}
	there := make(map[string]int64, len(target))
	for _, o := range target {
		there[o.Key] = o.Size
	}
	for _, o := range source {
		if junk(o.Key) {
			continue
		}
		if size, ok := there[o.Key]; !ok || size != o.Size {
			return r, &Error{Op: "compare", Bucket: c.To.String(), Key: o.Key, Err: errors.New("it is not there in full after the copy")}
		}
		r.Objects++
		r.TotalBytes += o.Size
	}
	return r, nil
}

// gone reports whether an object vanished under the copy: a snapshot was
// deleted, and the listing is no longer true.
func gone(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Op == "read" && (e.Code == "NoSuchKey" || e.Code == "NotFound")
}
