package journey_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"esferry/internal/lab/faultcase"
)

// nameMoves lets the name of the source point to another address while it is
// followed, and nobody answers at the old one any more. The name is looked up in a
// file that esferry alone sees in the place of the system's.
func (c *chaos) nameMoves(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 7, "DNS changes in mid-run")
	hosts := filepath.Join(c.dir, "hosts")
	points := func(to string) {
		if err := os.WriteFile(hosts, []byte(to+" source.test\n127.0.0.1 localhost\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, before := c.elsewhere(t, "127.0.0.1:0")
	_, port, err := net.SplitHostPort(old.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	now, after := c.elsewhere(t, "127.0.0.2:"+port)
	points("127.0.0.1")
	direct := c.sourceURL
	c.sourceURL = "http://source.test:" + port
	c.config(t, "chaos", chaotic, "")
	follow := startedBy(t, "unshare", append(ownMounts(), "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts,
		theWorld.binary, "sync", "--follow", "--interval", "10ms", "--json", "-c", c.yaml)...)
	follow.await(t, `"round_ended"`)
	if before.Load() == 0 || after.Load() > 0 {
		t.Errorf("got %d requests at the old address, %d at the new one", before.Load(), after.Load())
	}
	points("127.0.0.2")
	old.CloseClientConnections()
	old.Close()
	c.changed(t)
	wait := follow.ended(t)
	until(t, "requests at the new address", func() bool { return after.Load() > 50 })
	c.signal(t, follow, syscall.SIGINT)
	if code := wait(); code != 130 {
		t.Errorf("got exit code %d, want it to have followed until it was interrupted: %s", code, tail(follow.stderr.String()))
	}
	now.Close()
	c.sourceURL = direct
	c.config(t, "chaos", chaotic, "stream: {page: {docs: 100}, bulk: {bytes: 16KiB}}\n")
	c.mends(t)
}

// ownMounts are the arguments with which unshare gives a command file systems that
// it may change for itself.
func ownMounts() []string {
	if os.Geteuid() == 0 {
		return []string{"--mount"}
	}
	return []string{"--map-root-user", "--mount"}
}

// elsewhere lets the source answer at another address, and counts what it is asked.
func (c *chaos) elsewhere(t *testing.T, address string) (at *httptest.Server, asked *atomic.Int64) {
	t.Helper()
	to, err := url.Parse(c.source.URL())
	if err != nil {
		t.Fatal(err)
	}
	asked = &atomic.Int64{}
	pass := httputil.NewSingleHostReverseProxy(to)
	at = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		pass.ServeHTTP(w, r)
	}))
	if err := at.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	if at.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err != nil {
		t.Fatal(err)
	}
	at.Start()
	t.Cleanup(at.Close)
	return at, asked
}
