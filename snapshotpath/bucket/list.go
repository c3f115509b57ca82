package bucket

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"esferry/internal/group"
)

// Object is one key of a bucket, below its prefix.
type Object struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
	// ETag as the service gives it, without quotes; it is the MD5 of the
	// content only where it is 32 hexadecimal digits and the service says so.
	ETag    string    `json:"etag,omitempty"`
	Changed time.Time `json:"changed,omitzero"`
	// Archived names the storage class of an object that cannot be read at
	// once; empty for all others.
	Archived string `json:"archived,omitempty"`
}

// List gives every object below the prefix, the next page being fetched while
// one is used. The sequence ends after an error.
func (b *Bucket) List(ctx context.Context) iter.Seq2[Object, error] { return b.below(ctx, "") }

// below lists what has a key that begins with prefix.
func (b *Bucket) below(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		g, _ := group.New(ctx)
		pages := make(chan []types.Object, 1)
		g.Go("list "+b.String(), func(ctx context.Context) error {
			defer close(pages)
			return b.pages(ctx, s3.ListObjectsV2Input{Prefix: b.key(prefix)}, pages)
		})
		for page := range pages {
			for _, o := range page {
				if object := b.object(o); object.Key != "" && !yield(object, nil) {
					stop()
					_ = g.Wait() //nolint:errcheck // the reader has left; only the end of the goroutine matters
					return
				}
			}
		}
		if err := g.Wait(); err != nil {
			yield(Object{}, err)
		}
	}
}

// roots lists what says which state the root is in: index-N and index.latest.
func (b *Bucket) roots(ctx context.Context) ([]Object, error) {
	g, _ := group.New(ctx)
	pages := make(chan []types.Object, 1)
	g.Go("list the root of "+b.String(), func(ctx context.Context) error {
		defer close(pages)
		return b.pages(ctx, s3.ListObjectsV2Input{Prefix: b.key("index"), Delimiter: aws.String("/")}, pages)
	})
	var found []Object
	for page := range pages {
		for _, o := range page {
			if object := b.object(o); stageOf(object.Key) >= Generations {
				found = append(found, object)
			}
		}
	}
	slices.SortFunc(found, byKey)
	return found, g.Wait()
}

func (b *Bucket) pages(ctx context.Context, in s3.ListObjectsV2Input, to chan<- []types.Object) error {
	in.Bucket = &b.name
	if b.amazon {
		in.OptionalObjectAttributes = []types.OptionalObjectAttributes{types.OptionalObjectAttributesRestoreStatus}
	}
	for {
		var page *s3.ListObjectsV2Output
		err := b.call(ctx, "list", "", func(ctx context.Context) (err error) {
			if page, err = b.client.ListObjectsV2(ctx, &in); err == nil && page.Name == nil {
				// A 200 with something else in it would pass for the end of the bucket.
				return fmt.Errorf("%w: it is no listing", errBroken)
			}
			if err == nil && slices.ContainsFunc(page.Contents, func(o types.Object) bool { return aws.ToInt64(o.Size) < 0 }) {
				return fmt.Errorf("%w: an object is smaller than nothing", errBroken)
			}
			return err
		})
		if err != nil {
			return err
		}
		select {
		case to <- page.Contents:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch next := page.NextContinuationToken; {
		case !aws.ToBool(page.IsTruncated):
			return nil
		case next == nil:
			return b.failed("list", "", fmt.Errorf("%w: it is cut short, and does not say how to go on", errBroken))
		case in.ContinuationToken != nil && *next == *in.ContinuationToken:
			return b.failed("list", "", fmt.Errorf("%w: the same page comes again", errBroken))
		default:
			in.ContinuationToken = next
		}
	}
}

func (b *Bucket) object(o types.Object) Object {
	return Object{
		Key: strings.TrimPrefix(aws.ToString(o.Key), b.prefix), Size: aws.ToInt64(o.Size),
		ETag: strings.Trim(aws.ToString(o.ETag), `"`), Changed: aws.ToTime(o.LastModified), Archived: archived(o),
	}
}

// archived gives the storage class of an object that has to be restored before
// it can be read. GLACIER_IR and the infrequent-access classes answer at once.
func archived(o types.Object) string {
	if o.RestoreStatus != nil && !aws.ToBool(o.RestoreStatus.IsRestoreInProgress) && o.RestoreStatus.RestoreExpiryDate != nil {
		return ""
	}
	class := string(o.StorageClass)
	switch strings.ToUpper(class) {
	case "GLACIER", "DEEP_ARCHIVE", "ARCHIVE", "COLDARCHIVE", "COLD_ARCHIVE", "DEEPCOLDARCHIVE":
		return class
	default:
		return ""
	}
}

func byKey(a, b Object) int { return strings.Compare(a.Key, b.Key) }
