package bucket

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/retry"
	"esferry/internal/wire"
)

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
	client   *s3.Client
	name     string
	prefix   string
	endpoint string
	// amazon understands checksums that other services refuse.
	amazon bool
	// reached: it has answered. Before that, no connection is a wrong address;
	// after it, a matter of patience.
	reached atomic.Bool
}

// Open prepares a client; nothing is sent.
func Open(o Options) *Bucket {
	prefix := strings.Trim(o.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	b := &Bucket{name: o.Bucket, prefix: prefix, endpoint: o.Endpoint, amazon: amazon(o.Endpoint)}
	b.client = s3.New(s3.Options{
		Region:      o.Region,
		Credentials: o.Credentials,
		HTTPClient:  awshttp.NewBuildableClient().WithTransportOptions(patient),
		// Package retry tries again, over reading and writing alike.
		Retryer: aws.NopRetryer{},
	}, func(s *s3.Options) {
		if o.Endpoint != "" {
			s.BaseEndpoint = aws.String(o.Endpoint)
			s.UsePathStyle = !hostStyle(o.Endpoint)
		}
		if o.PathStyle != nil {
			s.UsePathStyle = *o.PathStyle
		}
		if b.amazon {
			return
		}
		// Trailing checksums are refused by most services but Amazon's; parts and
		// objects carry their MD5 instead, which all of them check.
		s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return b
}

// patience is how long a connection may be silent. A server-side copy of
// remoteBytes takes less; a dead peer must not hold a night's copy for ever.
const patience = 5 * time.Minute

// patient keeps a connection for each worker, and gives up silent ones.
func patient(t *http.Transport) {
	t.MaxIdleConnsPerHost = workers
	t.MaxIdleConns = 0
	// Segments hardly shrink, and lengths must be those that were listed.
	t.DisableCompression = true
	t.DialContext = wire.Patient(t.DialContext, patience)
}

func amazon(endpoint string) bool {
	host := hostOf(endpoint)
	return endpoint == "" || strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// hostStyle reports whether an endpoint wants the bucket in the host name.
func hostStyle(endpoint string) bool {
	host := hostOf(endpoint)
	return amazon(endpoint) || strings.HasSuffix(host, ".aliyuncs.com") || strings.HasPrefix(host, "oss-")
}

func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// String gives the bucket's address, without credentials.
func (b *Bucket) String() string {
	place := b.endpoint
	if place == "" {
		place = "s3"
	}
	return place + "/" + b.name + "/" + b.prefix
}

// behind reports whether both buckets are behind one endpoint, so that the
// service may copy by itself.
func (b *Bucket) behind(other *Bucket) bool { return b.endpoint == other.endpoint }

// key gives the whole key of an object below the prefix.
func (b *Bucket) key(key string) *string { return aws.String(b.prefix + key) }

// call asks the service, patiently, and makes a failure an *Error.
func (b *Bucket) call(ctx context.Context, op, key string, fn func(ctx context.Context) error) error {
	return b.try(ctx, retry.Policy{}, op, key, fn)
}

func (b *Bucket) try(ctx context.Context, p retry.Policy, op, key string, fn func(ctx context.Context) error) error {
	return retry.Do(ctx, p, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return b.failed(op, key, err)
		}
		b.reached.Store(true)
		return nil
	})
}
