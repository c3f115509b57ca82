package faults

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
)

// Hook sees a request before the server behind a Wire does; it answers those
// that it says true to. Safe for concurrent use it must be.
type Hook func(w http.ResponseWriter, r *http.Request) bool

// Wire stands before an S3 server: it passes requests on as they come, the
// client's Host included, since signatures cover it, and counts writes. Safe for
// concurrent use.
type Wire struct {
	// URL is where it listens.
	URL       string
	server    *httptest.Server
	transport *http.Transport

	mu        sync.Mutex
	hook      Hook
	puts      map[string]int
	now, most int
}

// NewWire starts a wire to the server at url. Close ends it.
func NewWire(to string) (*Wire, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("read the address of the server: %w", err)
	}
	w := &Wire{puts: map[string]int{}, transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host
		},
		Transport: w.transport,
		// Where the server gives no answer, the client gets none.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { Cut() },
	}
	w.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		hook := w.enter(r)
		defer w.leave()
		if hook == nil || !hook(out, r) {
			pass.ServeHTTP(out, r)
		}
	}))
	w.URL = w.server.URL
	return w, nil
}

// Cut ends the request's connection; for hooks.
func Cut() { panic(http.ErrAbortHandler) } //nolint:forbidigo // it is how net/http is told to

func (w *Wire) enter(r *http.Request) Hook {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodPut {
		w.puts[r.URL.Path]++
	}
	w.now++
	w.most = max(w.most, w.now)
	return w.hook
}

func (w *Wire) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
}

// On sets the hook; nil passes everything on.
func (w *Wire) On(hook Hook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

// Hold sets a hook that lets requests for a path wait until goOn is called, for the
// first time, or whoever asked has left.
func (w *Wire) Hold(path string) (goOn func()) {
	free := make(chan struct{})
	w.On(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			select {
			case <-free:
			case <-r.Context().Done():
			}
		}
		return false
	})
	return sync.OnceFunc(func() { close(free) })
}

// Reset forgets the hook and what was counted.
func (w *Wire) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook, w.puts, w.most = nil, map[string]int{}, w.now
}

// Puts counts the writes by path.
func (w *Wire) Puts() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.puts)
}

// Most is how many requests ran at once since the start or the last Reset.
func (w *Wire) Most() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

// Close ends the server and its connections. A gateway behind it that is stopped
// first waits for them.
func (w *Wire) Close() {
	w.server.CloseClientConnections()
	w.server.Close()
	w.transport.CloseIdleConnections()
}
