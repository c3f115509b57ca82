package takeover_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// memberVariable makes this binary a member of a cluster of etcd.
const memberVariable = "TAKEOVER_TEST_MEMBER"

// member is what a process is told that is to be one.
type member struct {
	Name, Dir, Client, Peer, Cluster string
	// Cert, Key and CA are PEM files; empty for no TLS.
	Cert, Key, CA string
}

// serve is a member until its standard input ends, which it does with the test.
func serve(text string) error {
	var m member
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return err
	}
	c := embed.NewConfig()
	c.Name, c.Dir, c.InitialCluster, c.ClusterState = m.Name, m.Dir, m.Cluster, embed.ClusterStateFlagNew
	// Passwords that take no time.
	c.BcryptCost = 4
	c.LogLevel, c.LogOutputs = "error", []string{filepath.Join(filepath.Dir(m.Dir), m.Name+".log")}
	if m.Cert != "" {
		c.ClientTLSInfo = transport.TLSInfo{CertFile: m.Cert, KeyFile: m.Key, TrustedCAFile: m.CA}
	}
	for to, from := range map[*[]url.URL]string{&c.ListenClientUrls: m.Client, &c.AdvertiseClientUrls: m.Client, &c.ListenPeerUrls: m.Peer, &c.AdvertisePeerUrls: m.Peer} {
		at, err := url.Parse(from)
		if err != nil {
			return err
		}
		*to = []url.URL{*at}
	}
	server, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	defer server.Close()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// members is a cluster for the length of a test.
type members struct {
	all       []member
	processes []*exec.Cmd
}

// cluster starts n members and waits until they have a leader.
func cluster(tb testing.TB, n int, secure ...string) *members {
	tb.Helper()
	c := &members{processes: make([]*exec.Cmd, n)}
	dir := tb.TempDir()
	var peers []string
	ports := freePorts(tb, 2*n)
	for i := range n {
		m := member{Name: fmt.Sprintf("m%d", i), Dir: filepath.Join(dir, fmt.Sprintf("m%d", i))}
		scheme := "http"
		if len(secure) > 0 {
			scheme, m.Cert, m.Key, m.CA = "https", secure[0], secure[1], secure[2]
		}
		m.Client, m.Peer = fmt.Sprintf("%s://127.0.0.1:%d", scheme, ports[2*i]), fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1])
		peers = append(peers, m.Name+"="+m.Peer)
		c.all = append(c.all, m)
	}
	for i := range c.all {
		c.all[i].Cluster = strings.Join(peers, ",")
	}
	for i := range c.all {
		c.start(tb, i)
	}
	tb.Cleanup(func() {
		for i := range c.all {
			c.kill(tb, i)
		}
	})
	c.await(tb)
	return c
}

func freePorts(tb testing.TB, n int) (ports []int) {
	tb.Helper()
	for tries := 0; len(ports) < n; tries++ {
		// Not one that the system gives to whoever connects next: it would be taken
		// before the member, or while the member is away.
		l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", 11_000+rand.IntN(9000)))
		if err != nil {
			if tries > 1000 {
				tb.Fatal(err)
			}
			continue
		}
		defer l.Close() //nolint:errcheck // nothing was accepted
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (c *members) start(tb testing.TB, i int) {
	tb.Helper()
	text, err := json.Marshal(c.all[i])
	if err != nil {
		tb.Fatal(err)
	}
	p := exec.CommandContext(context.WithoutCancel(tb.Context()), os.Args[0])
	p.Env = append(os.Environ(), memberVariable+"="+string(text))
	p.Stderr = os.Stderr
	if _, err := p.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := p.Start(); err != nil {
		tb.Fatal(err)
	}
	c.processes[i] = p
}

// kill ends a member by SIGKILL.
func (c *members) kill(tb testing.TB, i int) {
	tb.Helper()
	if c.processes[i] == nil {
		return
	}
	if err := c.processes[i].Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Error(err)
	}
	_ = c.processes[i].Wait() //nolint:errcheck // it was killed
	c.processes[i] = nil
}

func (c *members) endpoints() (urls []string) {
	for _, m := range c.all {
		urls = append(urls, m.Client)
	}
	return urls
}

// client is the operator's.
func (c *members) client(tb testing.TB) *clientv3.Client {
	tb.Helper()
	o := clientv3.Config{Endpoints: c.endpoints(), Logger: zap.NewNop()}
	if c.all[0].Cert != "" {
		o.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	client, err := clientv3.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() }) //nolint:errcheck // the test is over
	return client
}

// await waits until a majority answers.
func (c *members) await(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	client := c.client(tb)
	for {
		_, err := client.Get(ctx, "up")
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			tb.Fatalf("etcd does not come up: %v", err)
		}
	}
}

// awaitMember waits until one member answers by itself.
func (c *members) awaitMember(tb testing.TB, i int) {
	tb.Helper()
	(&members{all: c.all[i : i+1]}).await(tb)
}

func (c *members) killAll(tb testing.TB) {
	tb.Helper()
	for i := range c.all {
		c.kill(tb, i)
	}
}

// startAll waits until a majority answers.
func (c *members) startAll(tb testing.TB) {
	tb.Helper()
	for i := range c.all {
		c.start(tb, i)
	}
	c.await(tb)
}

// leader tells which member leads.
func (c *members) leader(tb testing.TB) int {
	tb.Helper()
	client := c.client(tb)
	for i, m := range c.all {
		status, err := client.Status(tb.Context(), m.Client)
		if err != nil {
			tb.Fatal(err)
		}
		if status.Leader == status.Header.MemberId {
			return i
		}
	}
	tb.Fatal("no member leads")
	return 0
}
