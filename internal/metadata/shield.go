package metadata

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"esferry/internal/cluster"
)

// Templates lists the target's templates that would add to an index made under
// a name, each as "KIND NAME", sorted.
func Templates(ctx context.Context, target Cluster, index string) ([]string, error) {
	var found []string
	for _, kind := range []cluster.MetadataKind{cluster.IndexTemplate, cluster.LegacyTemplate} {
		all, err := target.ListMetadata(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			own := patterns(all[name])
			if !target.Identity().AtLeast(6, 0) {
				own = pattern(all[name])
			}
			if slices.ContainsFunc(own, func(p string) bool { return overlap(p, index) }) {
				found = append(found, Piece{Kind: kind, Name: name}.Title())
			}
		}
	}
	return found, nil
}

// pattern gives that of a template before 6.0.
func pattern(body []byte) []string {
	o, err := readObject(body)
	if err != nil || !o.has("template") {
		return nil
	}
	return []string{o.text("template")}
}

// Shield gives name and body of an index template that says nothing and wins
// over every other one for an index of this name: while it is there, the index
// is made as it is asked for.
func Shield(index string) (name string, body []byte) {
	return "esferry-" + index, fmt.Appendf(nil, `{"index_patterns":[%s],"priority":%d,"template":{}}`, quote(index), math.MaxInt64)
}
