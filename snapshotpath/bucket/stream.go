package bucket

import (
	"context"
	stdmd5 "crypto/md5" //nolint:gosec // what S3 makes ETags of
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// streamBytes is what goes in one request, read and written at once. What lies
// above it goes in parts, in parallel: many services write an object of parts
// twice, and a try that fails costs no more than this.
const streamBytes = 128 << 20

// errUnproven says that a service's answer does not tell what was written.
var errUnproven = errors.New("the answer does not prove what was written")

// stream moves an object in one request, in little memory. The body's MD5 is
// known at its end only, where the answer's ETag must be the same; done is false
// where that is not so. Then the object is to go in parts, that prove
// themselves, and so are all later ones.
func (t *transfer) stream(ctx context.Context, o Object) (done bool, err error) {
	if t.unproven.Load() {
		return false, nil
	}
	err = t.try(ctx, t.to, opWrite, o.Key, func(ctx context.Context) error { return t.pipe(ctx, o) })
	if errors.Is(err, errUnproven) {
		t.unproven.Store(true)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.tally.add(o.Size, 1)
	return true, nil
}

func (t *transfer) pipe(ctx context.Context, o Object) error {
	body, err := t.from.open(ctx, o, 0, o.Size)
	if err != nil {
		return t.from.failed(opRead, o.Key, err)
	}
	defer body.Close()
	var broken error
	digest := stdmd5.New() //nolint:gosec // as above
	source := io.TeeReader(throttled(ctx, t.limit, body), digest)
	out, err := t.to.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &t.to.name, Key: t.to.key(o.Key), ContentLength: aws.Int64(o.Size),
		Body: reader(func(p []byte) (int, error) {
			n, err := source.Read(p)
			if err != nil && err != io.EOF {
				broken = err
			}
			return n, err
		}),
	}, t.unsigned())
	if broken != nil {
		return t.from.failed(opRead, o.Key, fmt.Errorf("%w: %w", errBroken, broken))
	}
	if err != nil {
		return err
	}
	// Amazon has compared a checksum that came behind the body.
	if !t.to.amazon && !strings.EqualFold(strings.Trim(aws.ToString(out.ETag), `"`), hex.EncodeToString(digest.Sum(nil))) {
		return errUnproven
	}
	return nil
}

// unsigned leaves the body out of the signature, where something else proves it.
func (t *transfer) unsigned() func(*s3.Options) {
	if t.to.amazon {
		return func(*s3.Options) {}
	}
	return s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}
