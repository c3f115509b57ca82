package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// aliasesFree: each alias of the configuration must lead to an index that will be
// there, and its name must not be an index's.
func aliasesFree(ctx context.Context, c Crossing) (Finding, error) {
	for _, alias := range slices.Sorted(maps.Keys(c.Aliases)) {
		index := c.Aliases[alias]
		_, found, err := c.Target.Index(ctx, index)
		if err != nil {
			return Finding{}, err
		}
		if !found {
			return Finding{
				State: Refused, Detail: fmt.Sprintf("alias %s is to lead to index %s, which the target does not have", alias, index),
				Remedy: "correct cutover.aliases: the names on its right are indices of the target",
			}, nil
		}
		there, found, err := c.Target.Index(ctx, alias)
		if err != nil {
			return Finding{}, err
		}
		// An alias of that name is moved; an index is in the way.
		if found && there.UUID != "" {
			return Finding{
				State: Refused, Detail: fmt.Sprintf("the target has an index named %s, so that no alias can be", alias),
				Remedy: "delete or rename that index, or give another alias under cutover.aliases",
			}, nil
		}
	}
	return Finding{State: OK, Detail: fmt.Sprintf("%d of the configuration can be set, and those of the source follow their indices", len(c.Aliases))}, nil
}
