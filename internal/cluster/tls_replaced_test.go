package cluster_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
)

// TestCertificateReplaced renews a server's certificate under a client that goes
// on, and then puts a stranger's in its place: that one is sent nothing.
func TestCertificateReplaced(t *testing.T) {
	faultcase.Shows(t, 7, "the TLS certificate is replaced in mid-run")
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	var now atomic.Pointer[tls.Certificate]
	show := func(c tls.Certificate) { now.Store(&c) }
	var asked atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, engineRoot) //nolint:errcheck // the client may have left
	}))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*now.Load()}}, nil
	}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	show(ours.server(x509.Certificate{}))
	s.StartTLS()
	defer s.Close()
	c, err := cluster.Dial(cluster.Options{
		URLs: []string{s.URL}, CAFile: filepath.Join(ours.dir, "ca.pem"), Authorize: cluster.Basic("ferry", password), Patience: retry.Policy{Total: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(want string) {
		t.Helper()
		s.CloseClientConnections()
		_, err := c.Probe(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	ask("")
	show(ours.server(x509.Certificate{}))
	ask("")
	before := asked.Load()
	show(theirs.server(x509.Certificate{}))
	ask(s.URL)
	if got := asked.Load() - before; got != 0 {
		t.Errorf("a server that nobody vouches for was sent %d requests", got)
	}
	show(ours.server(x509.Certificate{}))
	ask("")
}
