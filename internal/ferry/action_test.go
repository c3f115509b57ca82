package ferry_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"esferry/internal/ferry"
)

// TestAliasActionsAreJSON names indices as engines allow: with control characters,
// quotes and whatever Unicode has.
func TestAliasActionsAreJSON(t *testing.T) {
	f := func(t rapid.TB, index, alias string) {
		t.Helper()
		var got map[string]map[string]string
		text := ferry.Action("add", index, alias)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: got %s, %v", index, text, err)
		}
		if one := got["add"]; one["index"] != index || one["alias"] != alias || len(got) != 1 {
			t.Fatalf("%q: got %s", index, text)
		}
	}
	f(t, "evil\x1b[31m\u202e\x07&'", "search")
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Filter(utf8.ValidString)
		f(t, name.Draw(t, "index"), name.Draw(t, "alias"))
	})
}
