package journey_test

import (
	"path/filepath"
	"slices"
	"testing"

	"esferry/internal/lab"
)

// carriesPolicies takes the source's lifecycle policy to a cluster that has them
// too, without each of the privileges for it and then with all.
func carriesPolicies(t *testing.T, source *guarded) {
	t.Helper()
	target := guard(t, lab.For(t).StartFor(t, guardedSpec(lab.ES68)), "target")
	// As docs/privileges.md says of targets before 7.8.
	read := target.roles["target_read"]
	read.Cluster = append(slices.Clone(read.Cluster), "indices:admin/template/get")
	target.roles["target_read"] = read
	source.ask(t, "PUT", "/_ilm/policy/fades", `{"policy":{"phases":{"delete":{"min_age":"90d","actions":{"delete":{}}}}}}`)
	source.may(t, source.of("read"))
	target.may(t, target.of("read"))
	t.Setenv("SOURCE_PASSWORD", source.Password)
	t.Setenv("POLICIES_PASSWORD", target.Password)
	yaml := filepath.Join(t.TempDir(), "ferry.yaml")
	esferry(t, "init", "-o", yaml, "--name", "policies", "--include", "users",
		"--source", source.URL(), "--source-auth", "basic:"+source.user+":env:SOURCE_PASSWORD", "--source-ca", source.CAFile,
		"--target", target.URL(), "--target-auth", "basic:"+target.user+":env:POLICIES_PASSWORD", "--target-ca", target.CAFile).want(t, 0)
	for _, s := range []step{
		{[]string{"metadata", "diff"}, "read", slices.Concat(lacks("source_read", "read_ilm"), lacks("target_read", "read_ilm"))},
		{[]string{"metadata", "apply"}, "read write", lacks("target_write", "manage_ilm")},
	} {
		s.try(t, yaml, source, target)
	}
	target.ask(t, "GET", "/_ilm/policy/fades", "")
}
