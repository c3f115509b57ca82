package live_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"esferry/internal/group"
	"esferry/internal/live"
)

// FuzzRequests sends any bytes to a page with a token: whoever does not bring it
// steers nothing, sees nothing of the ferry and no file, and the page goes on.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /updates HTTP/1.1\r\nHost: localhost\r\nCookie: esferry=9999999999.00\r\n\r\n",
		"GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /static/%2e%2e%2f%2e%2e%2fguard.go HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /shards?index=users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \r\n\r\n",
		"POST /do/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nAuthorization: Bearer x\r\n\r\n{}",
		"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\ntoken=a",
		"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	page, err := live.Listen(f.Context(), live.Options{Listen: "127.0.0.1:0", Token: token})
	if err != nil {
		f.Fatal(err)
	}
	ferry := &subject{}
	page.Show(ferry)
	ctx, stop := context.WithCancel(context.WithoutCancel(f.Context()))
	g, _ := group.New(ctx)
	g.Go("page", page.Serve)
	client := &http.Client{Transport: &http.Transport{}}
	f.Cleanup(func() {
		client.CloseIdleConnections()
		stop()
		if err := g.Wait(); err != nil {
			f.Error(err)
		}
	})
	at := strings.TrimSuffix(strings.TrimPrefix(page.URL(), "http://"), "/")
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte(token)) {
			return
		}
		answer := raw(t, at, data)
		for _, inside := range []string{"package live", "root:", `"lag":7`, `[1]`, "\"done\""} {
			if strings.Contains(answer, inside) {
				t.Errorf("%q is answered with %q", data, answer)
			}
		}
		ferry.mu.Lock()
		defer ferry.mu.Unlock()
		if len(ferry.did) > 0 {
			t.Errorf("%q steered: %q", data, ferry.did)
		}
		well, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page.URL()+"healthz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		alive, err := client.Do(well)
		if err != nil || alive.StatusCode != http.StatusOK {
			t.Fatalf("after %q: %v", data, err)
		}
		if err := alive.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

// raw sends bytes and gives all that comes back.
func raw(t *testing.T, at string, data []byte) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the server may have hung up
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// It may hang up before the end.
	_, _ = conn.Write(data) //nolint:errcheck // see above
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite() //nolint:errcheck // see above
	}
	answer, err := io.ReadAll(conn)
	if timed, ok := errors.AsType[net.Error](err); ok && timed.Timeout() {
		t.Fatalf("no end of the answer to %q: %q", data, answer)
	}
	return string(answer)
}
