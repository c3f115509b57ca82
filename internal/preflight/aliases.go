package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// aliasesFree: each alias of the configuration must lead to an index that will be
// there, and its name must not be an index's.
func aliasesFree(ctx context.Context, c Crossing) (Finding, error) {
	var unseen []string
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
		if cluster.Forbidden(err) {
			// The right to set an alias is enough for the switch.
			unseen = append(unseen, alias)
			continue
		}
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
	if len(unseen) > 0 {
		return Finding{
			State: Note, Detail: "whether the target has an index of that name was not looked at, since this user may not: " + strings.Join(unseen, ", "),
			Remedy: "look yourself: no alias can have an index's name",
		}, nil
	}
	return Finding{State: OK, Detail: fmt.Sprintf("%d of the configuration can be set, and those of the source follow their indices", len(c.Aliases))}, nil
}
