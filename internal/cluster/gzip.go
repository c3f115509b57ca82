package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzipBelow is the size under which a body is sent as it is: compressing it
// costs more than its bytes.
const gzipBelow = 1 << 10

// gzipped sends large bodies compressed and asks for compressed answers: for
// links that are slower than a core compresses.
type gzipped struct {
	next    http.RoundTripper
	writers sync.Pool
}

// RoundTrip implements http.RoundTripper.
func (g *gzipped) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept-Encoding", "gzip")
	if r.Body != nil && r.ContentLength > gzipBelow {
		if err := g.pack(r); err != nil {
			return nil, err
		}
	}
	answer, err := g.next.RoundTrip(r)
	if err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
		return answer, err
	}
	unpacked, err := gzip.NewReader(answer.Body)
	if err != nil {
		_ = answer.Body.Close() // the error that counts is err
		return nil, fmt.Errorf("unpack the answer: %w", err)
	}
	answer.Body = &unpacking{Reader: unpacked, packed: answer.Body}
	// How long it will be is no longer known.
	answer.Header.Del("Content-Length")
	answer.Header.Del("Content-Encoding")
	answer.ContentLength = -1
	return answer, nil
}

// pack replaces the body by its compressed form, of known length: engines and
// signatures want to know it.
func (g *gzipped) pack(r *http.Request) error {
	var packed bytes.Buffer
	w, ok := g.writers.Get().(*gzip.Writer)
	if !ok {
		var err error
		if w, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return fmt.Errorf("prepare compression: %w", err)
		}
	}
	defer g.writers.Put(w)
	w.Reset(&packed)
	_, err := io.Copy(w, r.Body)
	for _, closed := range []error{w.Close(), r.Body.Close()} {
		if err == nil {
			err = closed
		}
	}
	if err != nil {
		return fmt.Errorf("compress the request: %w", err)
	}
	r.Body, r.ContentLength = io.NopCloser(&packed), int64(packed.Len())
	r.Header.Set("Content-Encoding", "gzip")
	return nil
}

// unpacking is an answer's body being unpacked; a truncated one ends in an
// error, not in fewer bytes.
type unpacking struct {
	*gzip.Reader
	packed io.Closer
}

// Close implements io.Closer.
func (u *unpacking) Close() error {
	err := u.Reader.Close()
	if closed := u.packed.Close(); err == nil {
		err = closed
	}
	return err
}
