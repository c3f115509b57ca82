package cluster_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// engineRoot is what an engine says of itself.
const engineRoot = `{"cluster_name":"old","cluster_uuid":"u","version":{"number":"7.10.2"}}`

// authority signs certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	a.write("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

// sign makes a certificate; the first one by itself.
func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), true
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, raw []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// server gives a server's certificate for loopback.
func (a *authority) server(template x509.Certificate) tls.Certificate {
	a.t.Helper()
	template.IPAddresses, template.ExtKeyUsage = []net.IP{net.IPv4(127, 0, 0, 1)}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	cert, key := a.sign(&template)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// client writes a client's certificate and its key.
func (a *authority) client() (certFile, keyFile string) {
	a.t.Helper()
	cert, key := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "ferry"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write("client.pem", "CERTIFICATE", cert.Raw), a.write("client.key", "PRIVATE KEY", raw)
}

// secure starts an engine behind TLS.
func secure(t *testing.T, c *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, engineRoot) //nolint:errcheck // the client may have left
	}))
	s.TLS, s.Config.ErrorLog = c, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// enter probes an engine; an error is given with its hint.
func enter(t *testing.T, o cluster.Options) (said string) {
	t.Helper()
	o.Patience = retry.Policy{Total: time.Millisecond}
	c, err := cluster.Dial(o)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if _, err = c.Probe(t.Context()); err == nil {
		return ""
	}
	step, ok := err.(interface{ NextStep() string })
	if !ok {
		t.Fatalf("got %v without a next step", err)
	}
	return err.Error() + "; next: " + step.NextStep()
}

// wants checks what was said, "" for nothing.
func wants(t *testing.T, what, said, word string) {
	t.Helper()
	if (word == "") != (said == "") || !strings.Contains(said, word) {
		t.Errorf("%s: got %q, want it to say %q", what, said, word)
	}
}

// TestCertificatesAreVerified: a server is trusted by its authority, for its
// name and its time, unless the operator says otherwise.
func TestCertificatesAreVerified(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	ca := filepath.Join(ours.dir, "ca.pem")
	f := func(what string, cert tls.Certificate, o cluster.Options, word string) {
		t.Helper()
		o.URLs = []string{secure(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})}
		wants(t, what, enter(t, o), word)
	}
	good := ours.server(x509.Certificate{})
	f("nobody's", good, cluster.Options{}, "tls.ca_file")
	f("ours", good, cluster.Options{CAFile: ca}, "")
	f("another's", theirs.server(x509.Certificate{}), cluster.Options{CAFile: ca}, "tls.ca_file")
	f("another's, by the operator's word", theirs.server(x509.Certificate{}), cluster.Options{InsecureSkipVerify: true}, "")
	f("out of date", ours.server(x509.Certificate{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}), cluster.Options{CAFile: ca}, "out of date")
	other, key := ours.sign(&x509.Certificate{DNSNames: []string{"search.example"}})
	f("for another name", tls.Certificate{Certificate: [][]byte{other.Raw}, PrivateKey: key}, cluster.Options{CAFile: ca}, "made for other names")
	wants(t, "no certificate", enter(t, cluster.Options{URLs: []string{"https://127.0.0.1:1"}, CAFile: ours.write("empty.pem", "NOTHING", nil)}), "holds no PEM certificate")
}

// TestTLSIsNew: nothing below 1.2, whatever else is allowed.
func TestTLSIsNew(t *testing.T) {
	ours := newAuthority(t, "ours")
	f := func(version uint16, word string) {
		t.Helper()
		url := secure(t, &tls.Config{Certificates: []tls.Certificate{ours.server(x509.Certificate{})}, MinVersion: version, MaxVersion: version})
		wants(t, tls.VersionName(version), enter(t, cluster.Options{URLs: []string{url}, InsecureSkipVerify: true}), word)
	}
	f(tls.VersionTLS10, "TLS 1.2 or newer")
	f(tls.VersionTLS11, "TLS 1.2 or newer")
	f(tls.VersionTLS12, "")
	f(tls.VersionTLS13, "")
}

// TestClientCertificates enters a server that asks for one.
func TestClientCertificates(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	f := func(what string, version uint16, by *authority, word string) {
		t.Helper()
		o := cluster.Options{CAFile: filepath.Join(ours.dir, "ca.pem")}
		if by != nil {
			o.CertFile, o.KeyFile = by.client()
		}
		o.URLs = []string{secure(t, &tls.Config{
			Certificates: []tls.Certificate{ours.server(x509.Certificate{})}, MinVersion: tls.VersionTLS12, MaxVersion: version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		})}
		wants(t, what+" by "+tls.VersionName(version), enter(t, o), word)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f("ours", version, ours, "")
		f("none", version, nil, "tls.cert_file")
		f("another's", version, theirs, "tls.cert_file")
	}
	certFile, _ := ours.client()
	wants(t, "a key of another", enter(t, cluster.Options{URLs: []string{"https://127.0.0.1:1"}, CertFile: certFile, KeyFile: certFile}), "read tls.cert_file and tls.key_file")
}

// TestCredentialsAreNotRepeated: a proxy that repeats what it was sent tells
// nobody else.
func TestCredentialsAreNotRepeated(t *testing.T) {
	f := func(name string, a cluster.Authorization, secrets ...string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, password, _ := r.BasicAuth()
			_, _ = io.WriteString(w, "who is "+r.Header.Get("Authorization")+" "+password+"?") //nolint:errcheck // the client may have left
		}))
		defer server.Close()
		said := enter(t, cluster.Options{URLs: []string{server.URL}, Authorize: a})
		wants(t, name, said, "who is ")
		wants(t, name, said, "***")
		for _, secret := range secrets {
			if strings.Contains(said, secret) {
				t.Errorf("%s: got %q", name, said)
			}
		}
	}
	f("basic", cluster.Basic("ferry", password), password, "ZmVycnk6")
	f("bearer", cluster.Token("Bearer "+password), password)
	f("key", cluster.Token("ApiKey "+password), password)
}
