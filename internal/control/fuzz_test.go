package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"esferry/internal/control"
	"esferry/internal/group"
	"esferry/internal/retry"
)

// FuzzSocket sends any bytes to the control socket: it answers or hangs up, and
// goes on answering others.
func FuzzSocket(f *testing.F) {
	for _, s := range []string{
		"GET /status HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /slower HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
		"POST /panic HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST /slower HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
		"POST /../../etc/passwd HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
		"GET http://other/status HTTP/1.1\r\nHost: y\r\n\r\n",
		"\x16\x03\x01\x00", "",
	} {
		f.Add([]byte(s))
	}
	// A socket's address must be short.
	dir, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	store := filepath.Join(dir, "f.db")
	ctx, stop := context.WithCancel(context.WithoutCancel(f.Context()))
	g, _ := group.New(ctx)
	g.Go("server", func(ctx context.Context) error { return control.Serve(ctx, store, fixed{}) })
	f.Cleanup(func() {
		stop()
		if err := errors.Join(g.Wait(), os.RemoveAll(dir)); err != nil {
			f.Error(err)
		}
	})
	err = retry.Poll(ctx, "the socket", time.Millisecond, func(ctx context.Context) (bool, error) {
		_, err := control.Status(ctx, store)
		return err == nil, nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", store+".sock")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // the server may have hung up
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		// It may hang up before the end.
		_, _ = conn.Write(data) //nolint:errcheck // see above
		if half, ok := conn.(*net.UnixConn); ok {
			_ = half.CloseWrite() //nolint:errcheck // see above
		}
		answer, err := io.ReadAll(conn)
		if timed, ok := errors.AsType[net.Error](err); ok && timed.Timeout() {
			t.Fatalf("no end of the answer to %q: %q", data, answer)
		}
		if len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.")) {
			t.Errorf("got %q to %q", answer, data)
		}
		status, err := control.Status(t.Context(), store)
		if err != nil || !json.Valid(status) {
			t.Fatalf("after %q: got %s, %v", data, status, err)
		}
	})
}
