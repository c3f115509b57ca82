package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/retry"
)

// open begins to read length bytes of an object, and refuses an answer that is
// not of the object that was listed, or not of that length.
func (b *Bucket) open(ctx context.Context, o Object, from, length int64) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: b.key(o.Key)}
	if length < o.Size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, from+length-1))
	}
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	etag := strings.Trim(aws.ToString(out.ETag), `"`)
	switch {
	case o.ETag != "" && etag != "" && o.ETag != etag:
		err = fmt.Errorf("%w: its ETag is %s, not %s", errChanged, etag, o.ETag)
	case out.ContentLength != nil && *out.ContentLength != length:
		err = fmt.Errorf("%w: %d bytes came, not %d", errChanged, *out.ContentLength, length)
	default:
		return out.Body, nil
	}
	return nil, errors.Join(err, out.Body.Close())
}

// fill reads a piece of an object into data, all of it.
func (b *Bucket) fill(ctx context.Context, limit *throttle, o Object, from int64, data []byte) error {
	body, err := b.open(ctx, o, from, int64(len(data)))
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.ReadFull(throttled(ctx, limit, body), data); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	// Its end is read as well: checksums are compared there, and what is longer
	// than was listed is not what was listed.
	switch _, err := io.ReadFull(body, make([]byte, 1)); {
	case err == nil:
		return fmt.Errorf("%w: it is longer", errChanged)
	case err != io.EOF:
		return fmt.Errorf("%w: %w", errBroken, err)
	default:
		return nil
	}
}

// whole reads an object at once.
func (b *Bucket) whole(ctx context.Context, o Object) ([]byte, error) {
	data := make([]byte, o.Size)
	err := b.try(ctx, retry.Policy{}, opRead, o.Key, func(ctx context.Context) error { return b.fill(ctx, nil, o, 0, data) })
	return data, err
}

// slice is how much is read before the rate is asked again.
const slice = 64 << 10

// throttled reads no faster than limit allows; nil is no limit.
func throttled(ctx context.Context, limit *throttle, r io.Reader) io.Reader {
	if limit == nil {
		return r
	}
	return reader(func(p []byte) (int, error) {
		p = p[:min(len(p), slice)]
		if err := limit.wait(ctx, len(p)); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

// reader is a Read.
type reader func(p []byte) (int, error)

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) { return r(p) }
