package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitSaysWhatIsWrong asks servers that cannot be a ferry's source.
func TestInitSaysWhatIsWrong(t *testing.T) {
	f := func(status int, body string, want ...string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) //nolint:errcheck // the client may have left
		}))
		defer server.Close()
		t.Setenv("SOURCE_PASSWORD", "hunter2")
		file := filepath.Join(t.TempDir(), "ferry.yaml")
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"init", "--source", server.URL, "--source-auth", "basic:ferry:env:SOURCE_PASSWORD", "--target", "http://127.0.0.1:1", "-o", file}, &stdout, &stderr)
		if code != exitFailed || strings.Contains(stderr.String(), "hunter2") {
			t.Errorf("status %d: got exit code %d and %q", status, code, stderr.String())
		}
		for _, w := range append(want, "source: ", "next: ") {
			if !strings.Contains(stderr.String(), w) {
				t.Errorf("status %d: got %q, want it to say %q", status, stderr.String(), w)
			}
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("status %d: a file was written", status)
		}
	}
	f(401, `{"error":{"type":"security_exception","reason":"unable to authenticate user [ferry]"},"status":401}`, "401", "check user, password or key under auth")
	f(403, `{"error":{"type":"security_exception","reason":"action [cluster:monitor/main] is unauthorized for user [ferry]"},"status":403}`, `give the source's user "monitor"`)
	f(200, `<html><body>Welcome</body></html>`, "not that of Elasticsearch or OpenSearch", "the engine's REST address")
	f(200, `{"status":"ok"}`, "not that of Elasticsearch or OpenSearch")
	f(301, ``, "the server redirects", "put the address it redirects to")
}
