package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"esferry/internal/lab/faultcase"
	"esferry/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSilence lets a server stand still: before it has read a large body, in the
// middle of its answer. And one that is slow, and goes on, is listened to.
func TestSilence(t *testing.T) {
	faultcase.Shows(t, 7, "half-open: the other side stands still in the middle of an answer or of a bulk")
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
	f := func(name string, body int, serve func(c net.Conn) error, least, most time.Duration, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			served := make(chan error, 1)
			go func() { served <- serve(there) }()
			transport := &http.Transport{DialContext: wire.Patient(func(context.Context, string, string) (net.Conn, error) { return here, nil }, 6*time.Minute)}
			defer transport.CloseIdleConnections()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/_bulk", strings.NewReader(strings.Repeat("x", body)))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			var text []byte
			answer, err := transport.RoundTrip(request)
			if err == nil {
				text, err = io.ReadAll(answer.Body)
				_ = answer.Body.Close() // the reading tells
			}
			took := time.Since(began)
			// The transport closes a connection whose deadline has passed: either may be
			// what is told.
			if want == "" && err == nil || want != "" && (err != nil || string(text) != want) || took < least || took > most {
				t.Errorf("%s: got %q, %v after %s, want %q after %s to %s", name, text, err, took, want, least, most)
			}
			_ = there.Close() //nolint:errcheck // it ends the server
			if err := <-served; err != nil {
				t.Logf("%s: the server: %v", name, err)
			}
		})
	}
	read := func(c net.Conn) error {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		return err
	}
	still := func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }
	f("it reads nothing", 1<<20, func(c net.Conn) error {
		_, err := http.ReadRequest(bufio.NewReaderSize(c, 16))
		time.Sleep(time.Hour)
		return err
	}, 5*time.Minute, 7*time.Minute, "")
	f("in the middle of the answer", 10, func(c net.Conn) error {
		err := read(c)
		if err == nil {
			_, err = io.WriteString(c, head+"abc")
		}
		return errors.Join(err, still(c))
	}, 5*time.Minute, 7*time.Minute, "")
	f("slow, and whole in the end", 10, func(c net.Conn) error {
		err := read(c)
		for _, piece := range []string{head, "a", "b", "c", "d", "e", "f"} {
			time.Sleep(3 * time.Minute)
			if err == nil {
				_, err = io.WriteString(c, piece)
			}
		}
		return err
	}, 20*time.Minute, 22*time.Minute, "abcdef")
}
