package journey_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// goesBack returns to the old cluster with the roles that docs/privileges.md names
// for it, and is told of the one that a new field asks for.
func goesBack(t *testing.T, yaml string, source, target *guarded) {
	t.Helper()
	target.ask(t, "PUT", "/users/_doc/since", `{"n":1,"came_since":"the switch"}`)
	const put = "indices:admin/mapping/put"
	old := source.withOther(t, "read write cutover")
	source.may(t, old)
	target.may(t, target.withOther(t, "read write cutover"))
	if o := esferry(t, "sync", "--reverse", "-c", yaml); o.code == 0 || !strings.Contains(o.stderr, `"`+put+`"`) {
		t.Errorf("without %s: got exit code %d: %s", put, o.code, tail(o.stderr))
	}
	write := old["target_write"]
	write.Indices = slices.Clone(write.Indices)
	write.Indices[0].Privileges = append(slices.Clone(write.Indices[0].Privileges), put)
	old["target_write"] = write
	source.may(t, old)
	esferry(t, "sync", "--reverse", "-c", yaml).want(t, 0)
	esferry(t, "cutover", "--reverse", "-c", yaml).want(t, 0)
	if got := source.ask(t, "GET", "/users/_doc/since", ""); !strings.Contains(got, "came_since") {
		t.Errorf("got %s, want the document that came since the switch", got)
	}
}

// withOther gives the user's own roles, and the other side's.
func (g *guarded) withOther(t *testing.T, kinds string) map[string]grant {
	t.Helper()
	roles := g.of(kinds)
	other := documented(t)
	maps.DeleteFunc(other, func(name string, _ grant) bool {
		_, kind, _ := strings.Cut(name, "_")
		return !slices.Contains(strings.Fields(kinds), kind)
	})
	maps.Copy(roles, other)
	return roles
}
