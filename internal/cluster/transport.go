package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"esferry/internal/retry"
	"esferry/internal/wire"
)

// silence is how long a connection may neither give nor take a byte: a little
// longer than an answer's beginning is waited for.
const silence = 6 * time.Minute

// Options say where a cluster is and how to enter it.
type Options struct {
	// Side is "source" or "target", for hints; may be empty.
	Side string
	// URLs of the cluster, without credentials; never sniffed for more.
	URLs []string
	// Authorize adds credentials to requests that are otherwise ready; nil for
	// none.
	Authorize Authorization
	// CAFile holds the certificates to trust besides the system's; may be empty.
	CAFile string
	// CertFile and KeyFile are the client's own certificate; may be empty.
	CertFile, KeyFile string
	// InsecureSkipVerify trusts any certificate.
	InsecureSkipVerify bool
	// Gzip compresses large requests and asks for compressed answers, for slow
	// links.
	Gzip bool
	// Patience is how long calls that may be repeated are.
	Patience retry.Policy
	// Logger hears of each request, at level debug; nil for none.
	Logger *slog.Logger
}

// Authorization wraps what sends a request with what adds credentials to it,
// for each attempt, after the body is fixed.
type Authorization func(next http.RoundTripper) http.RoundTripper

// Basic authorizes with a user and a password.
func Basic(user, password string) Authorization {
	sent := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return headed("Basic "+sent, sent, password)
}

// Token authorizes with a header value such as "ApiKey x" or "Bearer x".
func Token(value string) Authorization {
	_, secret, _ := strings.Cut(value, " ")
	return headed(value, secret)
}

func headed(value string, secrets ...string) Authorization {
	return func(next http.RoundTripper) http.RoundTripper {
		return &heading{next: next, value: value, secrets: secrets}
	}
}

// heading adds a header that is the same for all requests. Its secrets are what
// an answer might repeat of it.
type heading struct {
	next    http.RoundTripper
	value   string
	secrets []string
}

// RoundTrip implements http.RoundTripper.
func (h *heading) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", h.value)
	return h.next.RoundTrip(r)
}

// newTransport composes what a request passes, from outside: its body is
// watched, compressed where that is asked for, then signed, then sent.
func newTransport(o Options) (*watching, error) {
	if len(o.URLs) == 0 {
		return nil, errors.New("prepare a client: no url is given")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.InsecureSkipVerify} //nolint:gosec // the operator's explicit choice, off by default
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca_file: %w", err)
		}
		config.RootCAs, err = x509.SystemCertPool()
		if err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read tls.ca_file: %s holds no PEM certificate", o.CAFile)
		}
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.cert_file and tls.key_file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	plain := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     wire.Patient((&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext, silence),
		TLSClientConfig: config,
		// HTTP/2 would put all writers on one connection behind a load balancer.
		ForceAttemptHTTP2:   false,
		MaxIdleConnsPerHost: 64,
		// Pages and bulks are megabytes: the default of 4 KiB costs a system call
		// for each chunk of an answer.
		ReadBufferSize:      64 << 10,
		WriteBufferSize:     64 << 10,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		// An engine may chew on a bulk or a restore for minutes; a half-open
		// connection must still end some day.
		ResponseHeaderTimeout: 5 * time.Minute,
		// The answer's length must stay known, and gzip on a near link costs
		// more than it saves.
		DisableCompression: true,
	}
	watched := &watching{next: plain, idle: plain}
	if o.Authorize != nil {
		watched.next = o.Authorize(plain)
		watched.signer, _ = watched.next.(*signing)
		watched.header, _ = watched.next.(*heading)
	}
	if o.Gzip {
		watched.next = &gzipped{next: watched.next}
	}
	if o.Logger != nil {
		watched.next = &tracing{next: watched.next, logger: o.Logger}
	}
	return watched, nil
}

// watching tells when a request's body was let go of.
type watching struct {
	next http.RoundTripper
	idle interface{ CloseIdleConnections() }
	// signer is nil unless requests are signed, header unless they carry one.
	signer *signing
	header *heading
}

// secrets gives what takes credentials out of answers that repeat them, as a proxy
// may that explains a refusal.
func (t *watching) secrets() *strings.Replacer {
	var pairs []string
	if t.header != nil {
		for _, secret := range t.header.secrets {
			if secret != "" {
				pairs = append(pairs, secret, "***")
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// RoundTrip implements http.RoundTripper.
func (t *watching) RoundTrip(r *http.Request) (*http.Response, error) {
	if watch, ok := r.Context().Value(bodyKey{}).(*bodyWatch); ok && r.Body != nil {
		r = r.Clone(r.Context())
		r.Body, r.GetBody = watch.attach(r.Body), nil
	}
	return t.next.RoundTrip(r)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (t *watching) CloseIdleConnections() { t.idle.CloseIdleConnections() }

type bodyKey struct{}

// bodyWatch tells when the transport has let go of a request's body: net/http
// may answer (413, 429, 502) while it is still reading it, so the buffer under
// the body must not be used again before.
type bodyWatch struct {
	open sync.WaitGroup
}

func watchBody(ctx context.Context) (context.Context, *bodyWatch) {
	w := &bodyWatch{}
	return context.WithValue(ctx, bodyKey{}, w), w
}

func (w *bodyWatch) attach(body io.ReadCloser) io.ReadCloser {
	w.open.Add(1)
	return &watchedBody{ReadCloser: body, closed: sync.OnceFunc(w.open.Done)}
}

// wait blocks until every attempt's body is closed; the transport closes each
// at the latest when its connection fails.
func (w *bodyWatch) wait() { w.open.Wait() }

type watchedBody struct {
	io.ReadCloser
	closed func()
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	defer b.closed()
	return b.ReadCloser.Close()
}
