package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// SigV4 authorizes by signing each attempt for Amazon's services: es, or aoss
// for the serverless one. The body is hashed as it is sent.
func SigV4(region, service string, credentials aws.CredentialsProvider) func(*http.Request) error {
	signer := v4.NewSigner()
	return func(r *http.Request) error {
		body, err := bodyOf(r)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:])
		// The serverless service demands the header; the other one allows it.
		r.Header.Set("X-Amz-Content-Sha256", hash)
		keys, err := credentials.Retrieve(r.Context())
		if err != nil {
			return fmt.Errorf("find AWS credentials: %w", err)
		}
		if err := signer.SignHTTP(r.Context(), keys, r, hash, service, region, time.Now()); err != nil {
			return fmt.Errorf("sign the request: %w", err)
		}
		return nil
	}
}

// bodyOf reads the body and puts it back, with its length.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if closed := r.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("read the body to sign: %w", err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return body, nil
}
