package lab_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"esferry/internal/lab"
)

// A master tells its health, red, before it has read the state that was kept, and
// answers 503 to all else until then (seen on 6.8 on a busy machine).
func TestWhole(t *testing.T) {
	const answered = `{"status":"red","timed_out":false}`
	f := func(want bool, health, state string) {
		t.Helper()
		engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := health
			if r.URL.Path == "/_cluster/state/blocks" {
				answer = state
			}
			if _, err := io.WriteString(w, answer); err != nil {
				t.Error(err)
			}
		}))
		defer engine.Close()
		address, ok := engine.Listener.Addr().(*net.TCPAddr)
		if !ok {
			t.Fatalf("it listens on %s", engine.Listener.Addr())
		}
		if got, err := lab.Whole(t.Context(), address.Port); got != want || got == (err != nil) {
			t.Errorf("health %s and state %s: got %v (%v), want %v", health, state, got, err, want)
		}
	}
	f(true, answered, `{"cluster_name":"source","blocks":{}}`)
	f(true, answered, `{"cluster_name":"source","blocks":{"global":{"6":{"description":"cluster read-only (api)"}}}}`)
	f(false, answered, `{"cluster_name":"source","blocks":{"global":{"1":{"description":"state not recovered / initialized"}}}}`)
	f(false, `{"status":"red","timed_out":true}`, `{"blocks":{}}`)
	f(false, `no engine yet`, `{"blocks":{}}`)
}
