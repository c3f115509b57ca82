package bucket

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// remoteBytes is what a service is asked to copy at once: Amazon allows 5 GiB,
// and nothing is heard of a request until it is done.
const remoteBytes = 256 << 20

// remotely lets the service copy an object by itself. done is false where it
// refuses to, and it is not asked again then.
func (t *transfer) remotely(ctx context.Context, o Object) (done bool, err error) {
	if !t.remote.Load() {
		return false, nil
	}
	if o.Size > remoteBytes {
		err = t.remoteParts(ctx, o)
	} else {
		err = t.remoteWhole(ctx, o)
	}
	if refused(err) {
		t.remote.Store(false)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.tally.add(o.Size, 1)
	return true, nil
}

func (t *transfer) remoteWhole(ctx context.Context, o Object) error {
	return t.try(ctx, t.to, opWrite, o.Key, func(ctx context.Context) error {
		_, err := t.to.client.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: &t.to.name, Key: t.to.key(o.Key), CopySource: t.copySource(o), CopySourceIfMatch: match(o),
		})
		return err
	})
}

func (t *transfer) remoteParts(ctx context.Context, o Object) error {
	size := partSize(o.Size, remoteBytes)
	u, err := t.begin(ctx, o, (o.Size+size-1)/size)
	if err != nil {
		return err
	}
	for i := range u.parts {
		from := int64(i) * size
		err := t.try(ctx, t.to, opWrite, o.Key, func(ctx context.Context) error {
			out, err := t.to.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
				Bucket: &t.to.name, Key: t.to.key(o.Key), UploadId: u.id, PartNumber: number(int64(i)),
				CopySource: t.copySource(o), CopySourceIfMatch: match(o),
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, min(from+size, o.Size)-1)),
			})
			if err == nil {
				u.parts[i] = types.CompletedPart{ETag: out.CopyPartResult.ETag, PartNumber: number(int64(i))}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return t.complete(ctx, u)
}

// copySource names an object as a service wants it: escaped, but for slashes.
func (t *transfer) copySource(o Object) *string {
	steps := strings.Split(t.from.name+"/"+*t.from.key(o.Key), "/")
	for i, step := range steps {
		steps[i] = url.PathEscape(step)
	}
	return aws.String(strings.Join(steps, "/"))
}

// match makes sure that what is copied is what was listed.
func match(o Object) *string {
	if o.ETag == "" {
		return nil
	}
	return aws.String(`"` + o.ETag + `"`)
}
