package journey_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// byKey moves an index with an API key of the source that may do what is
// documented and nothing else; one that may do less is told what it lacks, and one
// that was taken back is refused without being shown.
func byKey(t *testing.T, source, target *guarded) {
	t.Helper()
	source.fill(t, "logs-keyed", `{"properties":{"n":{"type":"long"}}}`)
	target.may(t, target.of("read write cutover"))
	roles := source.of("read cutover")
	less := source.of("read cutover")
	less["source_read"] = less["source_read"].without(t, "read")
	for name, roles := range map[string]map[string]grant{"KEY_OF_LESS": less, "SOURCE_KEY": roles} {
		t.Setenv(name, source.key(t, name, roles))
	}
	yaml := filepath.Join(t.TempDir(), "ferry.yaml")
	begin := func(key string) outcome {
		return esferry(t, "init", "-o", yaml, "--force", "--name", "keyed", "--include", "logs-keyed",
			"--source", source.URL(), "--source-auth", "api_key:env:"+key, "--source-ca", source.CAFile,
			"--target", target.URL(), "--target-auth", "basic:"+target.user+":env:TARGET_PASSWORD", "--target-ca", target.CAFile)
	}
	if o := begin("KEY_OF_LESS"); o.code == 0 || !strings.Contains(o.stderr, `"read"`) {
		t.Errorf("with a key that may not read: got exit code %d: %s", o.code, tail(o.stderr))
	}
	begin("SOURCE_KEY").want(t, 0)
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	esferry(t, "verify", "--level", "content", "-c", yaml).want(t, 0)
	if got := target.ask(t, "GET", "/logs-keyed/_count", ""); !strings.Contains(got, `"count":200,`) {
		t.Errorf("got %s, want 200 documents", got)
	}
	source.ask(t, "DELETE", "/_security/api_key", `{"name":"SOURCE_KEY"}`)
	if o := esferry(t, "plan", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "status 401") {
		t.Errorf("with a key that was taken back: got %s", tail(o.stderr))
	}
}

// key makes an API key of these roles alone, and gives it as it is sent.
func (g *guarded) key(t *testing.T, name string, roles map[string]grant) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": name, "role_descriptors": roles})
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Encoded string }
	decode(t, g.ask(t, "POST", "/_security/api_key", string(body)), &made)
	if made.Encoded == "" {
		t.Fatal("the engine gives no key")
	}
	return made.Encoded
}
