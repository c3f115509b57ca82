package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// secured reports whether the engine carries X-Pack's security.
func (e Engine) secured() bool { return e == ES68 || e == ES717 || e == ES819 || e == ES90 }

// security says yes or no to passwords where the engine has them.
func (c *Cluster) security(n node) map[string]string {
	if !c.Engine.secured() {
		return nil
	}
	if !c.spec.Secure {
		return map[string]string{"xpack.security.enabled": "false"}
	}
	s := map[string]string{"xpack.security.enabled": "true"}
	if c.Engine.Major() == 6 {
		s["xpack.security.authc.realms.file.type"] = "file"
		s["xpack.security.authc.realms.file.order"] = "0"
	} else {
		s["xpack.security.authc.realms.file.lab.order"] = "0"
	}
	if c.Engine.Major() >= 8 {
		s["xpack.security.autoconfiguration.enabled"] = "false"
	}
	if c.spec.TLS {
		s["xpack.security.http.ssl.enabled"] = "true"
		s["xpack.security.http.ssl.key"] = quote(filepath.Join(c.confDir(n), keyFile))
		s["xpack.security.http.ssl.certificate"] = quote(filepath.Join(c.confDir(n), certFile))
	}
	return s
}

const (
	keyFile  = "lab.key"
	certFile = "lab.crt"
)

// access is what a secure cluster lets its users in with.
type access struct {
	hash      string
	key, cert string
}

// makeAccess chooses user, password and certificate of a secure cluster, and
// refuses what the engine cannot do.
func (c *Cluster) makeAccess() (a access, err error) {
	switch {
	case !c.spec.Secure && c.spec.TLS:
		return a, errors.New("TLS without Secure: the engines tie the one to the other")
	case !c.spec.Secure:
		return a, nil
	case !c.Engine.secured():
		return a, fmt.Errorf("%s carries no security plugin; %s, %s, %s and %s do", c.Engine, ES68, ES717, ES819, ES90)
	}
	c.Username, c.Password = "ferry", rand.Text()
	if a.hash, err = passwordHash(c.Password); err != nil {
		return a, err
	}
	if c.spec.TLS {
		c.CAFile = filepath.Join(c.confDir(c.nodes[0]), certFile)
		if a.key, a.cert, err = certificate(); err != nil {
			return a, fmt.Errorf("make a certificate: %w", err)
		}
	}
	return a, nil
}

// files are those of the engine's file realm, with one superuser, and of its
// HTTPS. No tool of the engine is needed for them, which would take two more
// seconds.
func (a access) files(user string) map[string]string {
	files := map[string]string{}
	if a.hash != "" {
		files["users"] = user + ":" + a.hash + "\n"
		files["users_roles"] = "superuser:" + user + "\n"
	}
	if a.cert != "" {
		files[keyFile], files[certFile] = a.key, a.cert
	}
	return files
}

// passwordHash is Elasticsearch's PBKDF2 form: the rounds, the salt and the
// hash.
func passwordHash(password string) (string, error) {
	const rounds = 1000
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	hash, err := pbkdf2.Key(sha512.New, password, salt, rounds, 32)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("{PBKDF2}%d$%s$%s", rounds, encode(salt), encode(hash)), nil
}

// certificate makes a key and a certificate for loopback, signed by itself.
func certificate() (key, cert string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "esferry lab"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("PRIVATE KEY", keyDER), block("CERTIFICATE", der), nil
}

// Client is an HTTP client that trusts this cluster's certificate; passwords
// are the caller's to add. The caller closes its idle connections.
func (c *Cluster) Client() (*http.Client, error) {
	t, err := c.roundTripper()
	return &http.Client{Transport: t}, err
}

// roundTripper is a client side that trusts this cluster's certificate.
func (c *Cluster) roundTripper() (*http.Transport, error) {
	t := &http.Transport{}
	if c.CAFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the lab's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read the lab's certificate: %s holds none", c.CAFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}
