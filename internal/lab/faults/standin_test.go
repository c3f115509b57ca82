package faults_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"esferry/internal/lab/faults"
)

// seen is a request as the engine saw it.
type seen struct {
	line, body string
	header     http.Header
}

// engine stands in for one: it records what it sees and gives one answer.
type engine struct {
	t  *testing.T
	mu sync.Mutex
	// requests that came whole.
	requests []seen
	answer   http.HandlerFunc
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e.mu.Lock()
	e.requests = append(e.requests, seen{r.Method + " " + r.RequestURI, string(body), r.Header.Clone()})
	e.mu.Unlock()
	e.answer(w, r)
}

func (e *engine) saw() []seen {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// gives answers 200 with a body of known length.
func gives(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body) //nolint:errcheck // the client has left
	}
}

// chunks answers 200 without a length.
func chunks(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		gives(body)(w, r)
	}
}

// start gives an engine, a proxy before it and a client.
func start(t *testing.T, answer http.HandlerFunc, rules ...faults.Rule) (*engine, *faults.Proxy, client) {
	t.Helper()
	e := &engine{t: t, answer: answer}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	p, err := faults.Start(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Use(rules...)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return e, p, client{t, p.URL, transport}
}

type client struct {
	t    *testing.T
	url  string
	next http.RoundTripper
}

// got is what the client saw: err where no whole answer came.
type got struct {
	status int
	header http.Header
	length int64
	body   string
	err    error
}

func (c client) send(method, path, body string, header ...string) got {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := c.next.RoundTrip(request)
	if err != nil {
		return got{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return got{answer.StatusCode, answer.Header, answer.ContentLength, string(text), err}
}

func (c client) post(path, body string) got {
	c.t.Helper()
	return c.send(http.MethodPost, path, body)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
