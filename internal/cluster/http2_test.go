package cluster_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
)

// TestNoHTTP2: a server that offers HTTP/2 is spoken to in HTTP/1.1, one request
// a connection at a time: there is no GOAWAY that would end many at once.
func TestNoHTTP2(t *testing.T) {
	faultcase.Shows(t, 7, "HTTP/2 and its GOAWAY: never spoken")
	spoken := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spoken = r.ProtoMajor
		_, _ = io.WriteString(w, `{"_shards":{"total":1,"successful":1,"failed":0}}`) //nolint:errcheck // the client tells
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Refresh(t.Context(), "i"); err != nil || spoken != 1 {
		t.Errorf("got HTTP/%d, %v, want HTTP/1", spoken, err)
	}
}
