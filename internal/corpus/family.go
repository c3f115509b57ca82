package corpus

import "fmt"

// FamilyMappings fit the documents of Family: the argument of CreateTypes.
// Elasticsearch 2.4 and 5.6 have such indices.
const FamilyMappings = `{
  "parent":{"properties":{"name":{"type":"keyword"},"n":{"type":"long"}}},
  "child":{"_parent":{"type":"parent"},"properties":{"name":{"type":"keyword"},"n":{"type":"long"}}}}`

// Family gives n parents with three children each. The first child is routed
// by its parent, the second elsewhere, and the third has the id of its parent:
// two documents with one id lie in one shard, told apart by their types alone.
func Family(n int) Docs {
	return func(yield func(Doc, error) bool) {
		for i := range n {
			parent := fmt.Sprintf("p-%d", i)
			for _, d := range []Doc{
				{Type: "parent", ID: parent, Source: fmt.Appendf(nil, `{"name":"parent","n":%d}`, i)},
				{Type: "child", Parent: parent, ID: fmt.Sprintf("c-%d", i), Source: fmt.Appendf(nil, `{"name":"by the parent","n":%d}`, i)},
				{Type: "child", Parent: parent, ID: fmt.Sprintf("r-%d", i), Routing: fmt.Sprintf("route-%d", i%7), Source: fmt.Appendf(nil, `{"name":"elsewhere","n":%d}`, i)},
				{Type: "child", Parent: parent, ID: parent, Source: fmt.Appendf(nil, `{"name":"namesake","n":%d}`, i)},
			} {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}
