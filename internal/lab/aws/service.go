package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// The names that requests to the managed and to the serverless service are
// signed for.
const (
	Managed    = "es"
	Serverless = "aoss"
)

// mostBody is what the service's small instances take in one request.
const mostBody = 10485760

// ServiceOptions say what stands before which engine.
type ServiceOptions struct {
	// Engine is the URL of a real one, without a path and without security.
	Engine string
	// Name is Managed or Serverless.
	Name, Region string
	Accounts     *Accounts
	// Snapshots judges requests about repositories; nil passes them.
	Snapshots *Snapshots
}

// Service lets signed requests through to an engine. Safe for concurrent use.
type Service struct {
	// URL is where it listens; it has no path.
	URL string

	verifier  verifier
	snapshots *Snapshots
	proxy     *httputil.ReverseProxy
	end       func()

	mu      sync.Mutex
	skew    time.Duration
	let     int64
	signers map[string]int64
	refused map[string]int64
	said    []string
}

// StartService listens until ctx ends or Close.
func StartService(ctx context.Context, o ServiceOptions) (*Service, error) {
	engine, err := url.Parse(o.Engine)
	if err != nil {
		return nil, fmt.Errorf("start a service: %w", err)
	}
	s := &Service{
		verifier:  verifier{accounts: o.Accounts, region: o.Region, service: o.Name},
		snapshots: o.Snapshots,
		signers:   map[string]int64{}, refused: map[string]int64{},
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	s.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(engine)
			r.Out.Header.Del("Authorization")
			r.Out.Header.Del("X-Amz-Security-Token")
		},
		// A client that went away, or an engine that is gone.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	var end func()
	if s.URL, end, err = listen(ctx, s); err != nil {
		return nil, err
	}
	s.end = func() {
		end()
		transport.CloseIdleConnections()
	}
	return s, nil
}

// Close ends it; connections are cut.
func (s *Service) Close() { s.end() }

// SetSkew sets the service's clock before (or, negative, behind) the machine's.
func (s *Service) SetSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Let counts the requests that were rightly signed.
func (s *Service) Let() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.let
}

// Signers counts rightly signed requests by the keys' ids.
func (s *Service) Signers() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.signers)
}

// Refused counts the others by kind; Said are their messages.
func (s *Service) Refused() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.refused)
}

// Said are the messages of all refusals.
func (s *Service) Said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.said...)
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	w.Header().Set("Date", now.Format(http.TimeFormat))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		s.refuse(w, &refusal{http.StatusRequestEntityTooLarge, SerializationError, fmt.Sprintf("Request size exceeded %d bytes", mostBody)})
		return
	}
	key, no := s.verifier.verify(r, body, now)
	if no != nil {
		s.refuse(w, no)
		return
	}
	s.book(key)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if s.snapshots != nil {
		no, done := s.snapshots.judge(w, r, key, body)
		if no != nil {
			s.refuse(w, no)
		}
		if no != nil || done {
			return
		}
	}
	// The engine's own date would be a second one.
	w.Header().Del("Date")
	s.proxy.ServeHTTP(w, r)
}

func (s *Service) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().UTC().Add(s.skew)
}

func (s *Service) book(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.let++
	s.signers[k.ID]++
}

func (s *Service) refuse(w http.ResponseWriter, no *refusal) {
	s.mu.Lock()
	s.refused[no.kind]++
	s.said = append(s.said, no.message)
	s.mu.Unlock()
	w.Header().Set("X-Amzn-Errortype", no.kind)
	// The service's front writes one spelling, what judges policies the other.
	name := "message"
	if no.kind == AccessDenied || no.kind == MissingToken {
		name = "Message"
	}
	answer(w, no.status, map[string]string{name: no.message})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errcheck // a client that has gone needs no answer
}
