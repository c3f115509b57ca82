package journey_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// goesBack returns to the old cluster with the roles that docs/privileges.md names
// for it.
func goesBack(t *testing.T, yaml, index string, source, target *guarded) {
	t.Helper()
	target.ask(t, "PUT", "/"+index+"/_doc/since", `{"n":1,"came_since":"the switch"}`)
	source.may(t, source.withOther(t, "read write cutover"))
	target.may(t, target.withOther(t, "read write cutover"))
	esferry(t, "sync", "--reverse", "-c", yaml).want(t, 0)
	esferry(t, "cutover", "--reverse", "-c", yaml).want(t, 0)
	if got := source.ask(t, "GET", "/"+index+"/_doc/since", ""); !strings.Contains(got, "came_since") {
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
