package preflight

import (
	"context"
	"fmt"

	"esferry/internal/cluster"
)

func sourceHealthy(ctx context.Context, c Crossing) (Finding, error) {
	return healthy(ctx, c.Source, c.Indices, func(i Carried) string { return i.Index })
}

func targetHealthy(ctx context.Context, c Crossing) (Finding, error) {
	return healthy(ctx, c.Target, c.Indices, func(i Carried) string { return i.Target })
}

// healthy: every primary of what is switched must be started. Other indices of
// the cluster, and replicas that are still to come, hold nothing up.
func healthy(ctx context.Context, on *cluster.Cluster, indices []Carried, name func(Carried) string) (Finding, error) {
	names := make([]string, len(indices))
	for i := range indices {
		names[i] = name(indices[i])
	}
	all, err := on.Healths(ctx, names)
	if err != nil {
		return Finding{}, err
	}
	var shards int64
	for _, i := range indices {
		h, there := all[name(i)]
		if !there {
			if h, err = on.IndexHealth(ctx, name(i)); err != nil {
				return Finding{}, err
			}
		}
		if h.Primaries == 0 || h.Started < h.Primaries {
			return Finding{
				State: Refused, Detail: fmt.Sprintf("%d of %d primary shards of index %s are started", h.Started, h.Primaries, name(i)),
				Remedy: "see GET _cluster/allocation/explain at " + on.Address(),
			}, nil
		}
		shards += h.Primaries
	}
	return Finding{State: OK, Detail: fmt.Sprintf("all %d primary shards of %d indices are started", shards, len(indices))}, nil
}
