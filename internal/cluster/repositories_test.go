package cluster_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"esferry/internal/cluster"
)

// TestWhyARepositoryCannotBeUsed gives the answers of real engines, and wants
// the next step that fits and no secret.
func TestWhyARepositoryCannotBeUsed(t *testing.T) {
	settings := map[string]any{"bucket": "snaps", "access_key": "AKIA-hunter2", "secret_key": password}
	f := func(answer string, says ...string) {
		t.Helper()
		err := answering(t, fixed(http.StatusInternalServerError, answer)).PutRepository(t.Context(), "ferry", "s3", settings)
		e, ok := errors.AsType[*cluster.Error](err)
		if !ok {
			t.Errorf("got %v, want an error of the cluster", err)
			return
		}
		for _, word := range append(says, "ferry", "s3") {
			if !strings.Contains(e.Error()+" "+e.Hint, word) {
				t.Errorf("got %q with hint %q, want it to say %q", e, e.Hint, word)
			}
		}
		if strings.Contains(e.Error()+e.Hint, password) || e.Hint == "" {
			t.Errorf("got %q with hint %q, want a hint and no secret", e, e.Hint)
		}
	}
	f(`{"error":{"root_cause":[{"type":"repository_exception","reason":"[ferry] repository type [s3] does not exist"}],"type":"repository_exception","reason":"[ferry] repository type [s3] does not exist"},"status":500}`, "plugin repository-s3")
	f(`{"error":{"type":"repository_exception","reason":"[ferry] failed to create repository","root_cause":[{"reason":"[ferry] location [/x] doesn't match any of the locations specified by path.repo"}]},"status":500}`, "add the location to path.repo")
	f(`{"error":{"type":"repository_verification_exception","reason":"[ferry] path  is not accessible on cluster-manager node","caused_by":{"type":"illegal_argument_exception","reason":"Setting [access_key] is insecure, but property [allow_insecure_settings] is not set"}},"status":500}`, "keystore")
	f(`{"error":{"type":"repository_verification_exception","reason":"[ferry] path [below] is not accessible on cluster-manager node","caused_by":{"type":"i_o_exception","reason":"Exception when listing blobs by prefix [below/index-]","caused_by":{"type":"no_such_bucket_exception","reason":"The specified bucket does not exist. (Service: S3, Status Code: 404)"}}},"status":500}`, "make the bucket", "listing blobs")
	f(`{"error":{"type":"repository_verification_exception","reason":"[ferry] path is not accessible","caused_by":{"reason":"The AWS Access Key Id you provided does not exist in our records. (hunter2)"}},"status":500}`, "correct the keys", "***")
	f(`{"error":{"type":"repository_verification_exception","reason":"[ferry] [[aB3, 'RemoteTransportException[[node-2][10.0.0.2:9300][internal:admin/repository/verify]]; nested: AccessDeniedException[/snaps/tests-x];']]"},"status":500}`, "node-2", "allow the engine's keys")
	f(`{"error":{"type":"repository_verification_exception","reason":"[ferry] [[aB3, 'node-2 cannot see the file']]"},"status":500}`, "every node must read and write")
	f(`{"error":{"type":"snapshot_exception","reason":"[ferry:two] failed to update snapshot in repository","caused_by":{"type":"repository_exception","reason":"[ferry] concurrent modification of the index-N file, expected current generation [0], actual current generation [7]"}},"status":500}`, "another cluster writes")
	f(`{"error":{"type":"repository_exception","reason":"[ferry] Could not read repository data because the contents of the repository do not match its expected state. This is likely the result of either concurrently modifying the contents of the repository by a process other than this cluster or an issue with the repository's underlying storage."},"status":500}`, "another cluster writes")
	f(`{"Message":"settings.role_arn is needed for snapshot registration."}`, "name the role")
	f(`{"Message":"Your request: '/_snapshot/cs-x' is not allowed."}`, "to itself")
}

// TestRepositoryIsRead flattens nested settings, as engines show them.
func TestRepositoryIsRead(t *testing.T) {
	c := answering(t, fixed(200, `{"ferry":{"type":"hdfs","uuid":"x","settings":{"uri":"hdfs://a","conf":{"dfs":{"client":"b"}},"load_defaults":"true","chunk_size":1000000000}}}`))
	r, found, err := c.Repository(t.Context(), "ferry")
	want := cluster.RepositorySettings{"uri": "hdfs://a", "conf.dfs.client": "b", "load_defaults": "true", "chunk_size": "1000000000"}
	if err != nil || !found || r.Type != "hdfs" || !maps.Equal(r.Settings, want) {
		t.Errorf("got %+v, found %t, %v, want %v", r, found, err, want)
	}
	if _, found, err := c.Repository(t.Context(), "other"); err != nil || found {
		t.Errorf("got found %t, %v for a repository that is not in the answer", found, err)
	}
}

// TestVerifyNamesNodes, and takes no answer without any.
func TestVerifyNamesNodes(t *testing.T) {
	c := answering(t, fixed(200, `{"nodes":{"b":{"name":"node-2"},"a":{"name":"node-1"}}}`))
	if nodes, err := c.VerifyRepository(t.Context(), "ferry"); err != nil || strings.Join(nodes, " ") != "node-1 node-2" {
		t.Errorf("got %v, %v, want both nodes", nodes, err)
	}
	if nodes, err := answering(t, fixed(200, `{"nodes":{}}`)).VerifyRepository(t.Context(), "ferry"); err == nil {
		t.Errorf("got %v of no node, want an error", nodes)
	}
}
