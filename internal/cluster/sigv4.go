package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Serverless is the name that requests to Amazon's serverless service are
// signed for; those to its managed service are signed for "es".
const Serverless = "aoss"

// mostSkew is how far this machine's clock may be from the service's before it
// is corrected for. The service takes five minutes, the answer's date is whole
// seconds, and it was under way for a while.
const mostSkew = 2 * time.Minute

// SigV4 authorizes by signing each attempt for Amazon's services, after the
// body is fixed. A request that is refused because this machine's clock is
// wrong, or because lent keys have expired, is signed anew and sent once more.
func SigV4(region, service string, credentials aws.CredentialsProvider) Authorization {
	return func(next http.RoundTripper) http.RoundTripper {
		return &signing{next: next, region: region, service: service, credentials: credentials, signer: v4.NewSigner()}
	}
}

// signing signs requests. Safe for concurrent use.
type signing struct {
	next            http.RoundTripper
	region, service string
	credentials     aws.CredentialsProvider
	signer          *v4.Signer
	// skew is what is added to this machine's clock, a time.Duration.
	skew atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (s *signing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	answer, err := s.attempt(r, body)
	if err != nil || answer.StatusCode != http.StatusForbidden {
		return answer, err
	}
	again, err := s.cure(answer)
	if err != nil || !again {
		return answer, err
	}
	return s.attempt(r, body)
}

// attempt signs a copy of the request and sends it.
func (s *signing) attempt(r *http.Request, body []byte) (*http.Response, error) {
	ctx := r.Context()
	r = r.Clone(ctx)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	// The serverless service demands the header; the other one allows it.
	r.Header.Set("X-Amz-Content-Sha256", hash)
	keys, err := s.credentials.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &CredentialsError{Err: err}
	}
	length := int64(len(body))
	if s.service != Serverless {
		// The serverless service refuses a signed Content-Length.
		r.ContentLength = length
	} else {
		r.ContentLength = 0
	}
	if err := s.signer.SignHTTP(ctx, keys, r, hash, s.service, s.region, time.Now().Add(s.clock())); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	r.Body, r.ContentLength = http.NoBody, length
	if length > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return s.next.RoundTrip(r)
}

// clock gives what this machine's clock lacks.
func (s *signing) clock() time.Duration { return time.Duration(s.skew.Load()) }

// cure removes the cause of a refusal where it can, and then closes the answer;
// otherwise the answer is as it was.
func (s *signing) cure(answer *http.Response) (again bool, err error) {
	if behind, ok := clockBehind(answer.Header); ok && (behind-s.clock()).Abs() > mostSkew {
		s.skew.Store(int64(behind))
		return true, answer.Body.Close()
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return false, fmt.Errorf("read the refusal: %w", err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	lent, ok := s.credentials.(interface{ Invalidate() })
	if ok && (bytes.Contains(text, []byte("token included in the request is expired")) || bytes.Contains(text, []byte("ExpiredToken"))) {
		lent.Invalidate()
		return true, nil
	}
	return false, nil
}

// clockBehind tells how far this machine's clock is behind the one that dated
// an answer which came just now.
func clockBehind(h http.Header) (time.Duration, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	return time.Until(date).Round(time.Second), true
}

// ClockBehind gives the correction that requests are signed with: how far this
// machine's clock is behind the service's, negative where it is ahead; 0 where
// there was nothing to correct.
func (c *Cluster) ClockBehind() time.Duration {
	if t, ok := c.http.Transport.(*watching); ok && t.signer != nil {
		return t.signer.clock()
	}
	return 0
}

// bodyOf reads the body to its end and lets go of it.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var buffer bytes.Buffer
	buffer.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead)
	_, err := buffer.ReadFrom(r.Body)
	if closed := r.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("read the body to sign: %w", err)
	}
	return buffer.Bytes(), nil
}
