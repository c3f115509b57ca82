package cluster_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"esferry/internal/cluster"
)

// TestMissing holds the words of engines: 6.8, 7.17 and 8.19, and those of
// OpenSearch's plugin (2.19), as they were heard.
func TestMissing(t *testing.T) {
	f := func(reason, privilege, where string) {
		t.Helper()
		got, ok := cluster.Missing(reason)
		if want := (cluster.Grant{Privilege: privilege, Where: where}); got != want || ok != (privilege != "") {
			t.Errorf("%s: got %+v, want %+v", reason, got, want)
		}
	}
	const indices = "indices[].privileges"
	f("action [indices:data/read/scroll] is unauthorized for user [x]", "read", indices)
	f("action [cluster:monitor/main] is unauthorized for user [x]", "monitor", "cluster")
	f("action [indices:monitor/stats[n]] is unauthorized for user [x]", "monitor", indices)
	f("action [indices:data/write/bulk[s]] is unauthorized for user [x] with effective roles [a] on indices [b], this action is granted by the index privileges [create_doc,write,all]", "write", indices)
	f("action [indices:admin/template/put] is unauthorized for user [x]", "manage_index_templates", "cluster")
	f("action [indices:admin/index_template/get] is unauthorized for user [x]", "monitor", "cluster")
	f("action [cluster:admin/snapshot/restore] is unauthorized for user [x]", "cluster:admin/snapshot/restore", "cluster")
	f("action [indices:admin/aliases] is unauthorized", "indices:admin/aliases*", indices)
	f("action [indices:admin/aliases/get] is unauthorized", "view_index_metadata", indices)
	f("action [indices:admin/settings/update] is unauthorized", "indices:admin/settings/update", indices)
	f("no permissions for [indices:data/read/search] and User [name=ferry, backend_roles=[], requestedTenant=null]", "indices:data/read/search*", "index_permissions[].allowed_actions")
	f("no permissions for [cluster:monitor/main] and User [name=ferry]", "cluster:monitor/main*", "cluster_permissions")
	f("no permissions for [indices:data/write/bulk[s], indices:data/write/index] and User [name=ferry]", "indices:data/write/bulk*", "index_permissions[].allowed_actions")
	f("no permissions for [indices:monitor/settings/get] and User [name=ferry, backend_roles=[], requestedTenant=null]", "indices:monitor/settings/get*", `index_permissions[].allowed_actions of index_patterns ["*"]`)
	f("index [x] blocked by: [FORBIDDEN/8/index write (api)]", "", "")
	f("", "", "")
}

// TestUnreached tells servers that cannot be talked to from one that is down.
func TestUnreached(t *testing.T) {
	f := func(url, want string) {
		t.Helper()
		c, err := cluster.Dial(cluster.Options{URLs: []string{url}, Side: "source"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Probe(t.Context())
		e, ok := err.(interface{ NextStep() string })
		if !ok || !strings.Contains(e.NextStep(), want) {
			t.Errorf("%s: got %v, want the hint %q", url, err, want)
		}
	}
	quiet := func(s *httptest.Server) *httptest.Server {
		s.Config.ErrorLog = nil
		t.Cleanup(s.Close)
		return s
	}
	plain := quiet(httptest.NewServer(http.NotFoundHandler()))
	f(strings.Replace(plain.URL, "http:", "https:", 1), "begin url with http://")
	secret := quiet(httptest.NewTLSServer(http.NotFoundHandler()))
	f(secret.URL, "tls.ca_file")
	f("http://127.0.0.1:1", "check that the cluster is up")
	f("http://nowhere.invalid:9200", "no such host")

	// httptest's certificate is made for 127.0.0.1 and example.com.
	listener, err := net.Listen("tcp", "localhost:0") //nolint:noctx // There is nothing to wait for.
	if err != nil {
		t.Fatal(err)
	}
	wrong := httptest.NewUnstartedServer(http.NotFoundHandler())
	if err := wrong.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	wrong.Listener = listener
	wrong.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	wrong.StartTLS()
	quiet(wrong)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f("https://localhost:"+port, "made for other names than localhost")
}
