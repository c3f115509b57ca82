package digest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"esferry/internal/batch"
	"esferry/internal/digest"
)

// TestWords holds the example of docs/certificate.md against the code: a third
// party that follows the words gets these figures.
func TestWords(t *testing.T) {
	page, err := os.ReadFile("../../docs/certificate.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	if !strings.Contains(text, "`"+digest.Definition+"`") {
		t.Errorf("the page does not name %s", digest.Definition)
	}
	hex := func(h digest.Hash) string { return fmt.Sprintf("%016x%016x", h.Hi, h.Lo) }
	var h digest.Hasher
	var contents, ids digest.Sum
	for name, d := range map[string]*batch.Doc{
		"`\"1\"`":           {ID: []byte(`"1"`), Version: 3, Source: []byte(`{"name":"Ada"}`)},
		"`\"2\"`, `\"eu\"`": {ID: []byte(`"2"`), Routing: []byte(`"eu"`), Version: 1, Source: []byte("{\n  \"name\": \"Bob\"\n}")},
	} {
		key := h.Key(d)
		content, err := h.Content(d)
		if err != nil {
			t.Fatal(err)
		}
		whole := digest.Document(key, d.Version, content)
		contents, ids = contents.With(whole), ids.With(digest.Document(key, d.Version, digest.Hash{}))
		row := fmt.Sprintf("| %s | `%s` | `%s` | `%s` | %d |", name, hex(key), hex(content), hex(whole), key.Hi%4096)
		if !strings.Contains(text, row) {
			t.Errorf("the page lacks %s", row)
		}
	}
	want := fmt.Sprintf("Their digest is `%s` by content, and `%s` by ids.", contents, ids)
	if !strings.Contains(text, want) {
		t.Errorf("the page lacks %s", want)
	}
}
