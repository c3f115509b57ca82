package bucket

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// Object is one key of a bucket, below its prefix.
type Object struct {
	Key  string
	Size int64
	// ETag as the service gives it, without quotes; it is the MD5 of the
	// content only where it is 32 hexadecimal digits and the service says so.
	ETag    string
	Changed time.Time
	// StorageClass is empty for the standard one.
	StorageClass string
}

// Options say where a bucket is.
type Options struct {
	// Bucket and the prefix that all keys begin with; the prefix may be empty.
	Bucket, Prefix string
	Region         string
	// Endpoint is empty for Amazon's own.
	Endpoint string
	// PathStyle puts the bucket into the path; nil decides by the endpoint:
	// Amazon and Alibaba want it in the host name, gateways in the path.
	PathStyle   *bool
	Credentials aws.CredentialsProvider
}

// Bucket is one side of a copy. Safe for concurrent use.
type Bucket struct {
	client *s3.Client
	name   string
	prefix string
	place  string
}

// Open prepares a client; nothing is sent.
func Open(o Options) *Bucket {
	prefix := strings.Trim(o.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	amazon := o.Endpoint == ""
	client := s3.New(s3.Options{
		Region:      o.Region,
		Credentials: o.Credentials,
		// A copy of hours meets 503 SlowDown: more tries than usual.
		RetryMaxAttempts: 10,
		RetryMode:        aws.RetryModeStandard,
	}, func(s *s3.Options) {
		if amazon {
			return
		}
		s.BaseEndpoint = aws.String(o.Endpoint)
		s.UsePathStyle = !hostStyle(o.Endpoint)
		if o.PathStyle != nil {
			s.UsePathStyle = *o.PathStyle
		}
		// Trailing checksums are refused by most services but Amazon's.
		s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	place := o.Endpoint
	if amazon {
		place = "s3"
	}
	return &Bucket{client: client, name: o.Bucket, prefix: prefix, place: place}
}

// hostStyle reports whether an endpoint wants the bucket in the host name.
func hostStyle(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".aliyuncs.com") || strings.HasPrefix(host, "oss-")
}

// String gives the bucket's address, without credentials.
func (b *Bucket) String() string { return b.place + "/" + b.name + "/" + b.prefix }

// List gives every object below the prefix; the sequence ends after an error.
func (b *Bucket) List(ctx context.Context) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &b.prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, b.failed("list", "", err))
				return
			}
			for _, o := range page.Contents {
				object := Object{
					Key: strings.TrimPrefix(aws.ToString(o.Key), b.prefix), Size: aws.ToInt64(o.Size),
					ETag: strings.Trim(aws.ToString(o.ETag), `"`), Changed: aws.ToTime(o.LastModified), StorageClass: string(o.StorageClass),
				}
				if !yield(object, nil) {
					return
				}
			}
		}
	}
}

// Error is a failure of a bucket's service.
type Error struct {
	// Op is what was being done, Bucket and Key what to.
	Op, Bucket, Key string
	// Code is the service's own, such as NoSuchBucket.
	Code string
	Err  error
}

// Error names bucket, key and cause, in one sentence.
func (e *Error) Error() string {
	what := e.Op + " " + e.Bucket
	if e.Key != "" {
		what += e.Key
	}
	if e.Code != "" {
		return what + ": " + e.Code + ": " + reason(e.Err)
	}
	return what + ": " + reason(e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// NextStep is printed on a line of its own.
func (e *Error) NextStep() string {
	switch e.Code {
	case "NoSuchBucket":
		return "make the bucket, or correct its name under snapshot.copy"
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return "check the keys and permissions under snapshot.copy: the source's bucket must be listed and read, the target's listed and written"
	default:
		return "check endpoint and region under snapshot.copy, then run again; objects that are there are not copied again"
	}
}

func (b *Bucket) failed(op, key string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s%s: %w", op, b, key, err)
	}
	e := &Error{Op: op, Bucket: b.String(), Key: key, Err: err}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.Code = api.ErrorCode()
	}
	return e
}

// reason shortens the SDK's chain to what a reader needs.
func reason(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		return api.ErrorMessage()
	}
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		return op.Err.Error()
	}
	return err.Error()
}
