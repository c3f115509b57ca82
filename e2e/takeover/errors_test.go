package takeover_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
)

const password = "pl4nt3d-s3cr3t"

// fails opens a store that cannot be opened, and wants its error to name what is
// wrong, to have a next step, to come soon, and to hold no secret.
func fails[E interface {
	error
	NextStep() string
}](t *testing.T, o etcdstore.Options, words, next string,
) {
	t.Helper()
	began := time.Now()
	_, err := etcdstore.Open(t.Context(), o)
	found, ok := errors.AsType[E](err)
	if !ok || !strings.Contains(err.Error(), words) {
		t.Fatalf("got %v, want a %T with %q", err, found, words)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	if step := found.NextStep(); !strings.Contains(step, next) || strings.Contains(err.Error()+step, password) {
		t.Errorf("got %q, next %q, want %q and no password", err, step, next)
	}
	t.Logf("%v\n  next: %s", err, found.NextStep())
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	fails[*etcdstore.UnreachableError](t, etcdstore.Options{Endpoints: []string{"http://127.0.0.1:1"}, Root: "/x/"}, "connection refused", "checkpoint.endpoints")
	fails[*etcdstore.UnreachableError](t, etcdstore.Options{Endpoints: []string{"http://127.0.0.1:1"}, Root: "/x/", Username: "u", Password: password}, "connection refused", "checkpoint.endpoints")
	c := cluster(t, 3)
	c.kill(t, 0)
	c.kill(t, 1)
	fails[*etcdstore.UnreachableError](t, etcdstore.Options{Endpoints: c.endpoints()[2:], Root: "/x/"}, "a majority of its members", "it resumes")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir, "server")
	other, _ := certificate(t, dir, "other")
	c := cluster(t, 1, cert, key, "")
	o := etcdstore.Options{Endpoints: c.endpoints(), Root: "/x/", CAFile: cert}
	s := open(t, o)
	if _, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1}); err != nil {
		t.Fatal(err)
	}
	o.CAFile = other
	fails[*etcdstore.UnreachableError](t, o, "x509", "checkpoint.tls")
	o.CAFile = filepath.Join(dir, "absent.pem")
	fails[*etcdstore.UnreachableError](t, o, "absent.pem", "checkpoint.tls")
	o.CAFile, o.InsecureSkipVerify = "", true
	open(t, o)
}

// certificate makes one that vouches for itself.
func certificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestAccess(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	operator := c.client(t)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(operator.UserAdd(ctx, "root", "r00t"))
	must(operator.UserGrantRole(ctx, "root", "root"))
	must(operator.RoleAdd(ctx, "ferry"))
	must(operator.RoleGrantPermission(ctx, "ferry", "/esferry/night/", clientv3.GetPrefixRangeEnd("/esferry/night/"), clientv3.PermissionType(clientv3.PermReadWrite)))
	must(operator.UserAdd(ctx, "ferry", password))
	must(operator.UserGrantRole(ctx, "ferry", "ferry"))
	must(operator.AuthEnable(ctx))

	o := etcdstore.Options{Endpoints: c.endpoints(), Root: "/esferry/night/", Username: "ferry", Password: password}
	s := open(t, o)
	lease, err := s.Acquire(ctx, checkpoint.Holder{Host: "h", PID: 1})
	if err == nil {
		err = s.Commit(ctx, lease, checkpoint.Record{Key: "a", Value: []byte("1")})
	}
	if err != nil {
		t.Fatalf("a user with rights on its root: %v", err)
	}
	o.Root = "/esferry/day/"
	fails[*etcdstore.AccessError](t, o, "permission denied", "--prefix=true /esferry/day/")
	o.Username, o.Password = "", ""
	fails[*etcdstore.AccessError](t, o, "user name is empty", "checkpoint.username")
	o.Username, o.Password = "ferry", password+"x"
	fails[*etcdstore.AccessError](t, o, "authentication failed", "checkpoint.password")
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	s := open(t, etcdstore.Options{Endpoints: c.endpoints(), Root: "/x/"})
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Commit(t.Context(), lease, checkpoint.Record{Key: "small", Value: []byte("1")}, checkpoint.Record{Key: "large", Value: make([]byte, etcdstore.MostRecord)})
	if limit, ok := errors.AsType[*etcdstore.LimitError](err); !ok || limit.NextStep() == "" {
		t.Errorf("got %v, want a *LimitError", err)
	}
	if _, err := s.Load(t.Context(), "small"); !errors.Is(err, checkpoint.ErrNotFound) {
		t.Errorf("Load: got %v, want nothing written", err)
	}
	if err := s.Commit(t.Context(), lease, checkpoint.Record{Key: "largest", Value: make([]byte, etcdstore.MostRecord-len("largest"))}); err != nil {
		t.Errorf("the largest record: %v", err)
	}
}
