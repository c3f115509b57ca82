package preflight

import (
	"context"
	"fmt"

	"esferry/internal/cluster"
)

// Repository finds whether an engine can register repositories of a type:
// every node needs the plugin.
func Repository(ctx context.Context, c *cluster.Cluster, side, kind, plugin string) ([]Obstacle, error) {
	if plugin == "" {
		return nil, nil
	}
	there, err := c.Plugins(ctx)
	if err != nil || there[plugin] {
		return nil, err
	}
	return []Obstacle{{
		Problem: fmt.Sprintf("the %s at %s cannot use a snapshot repository of type %s: plugin %s is not on every node", side, c.Address(), kind, plugin),
		Remedy:  fmt.Sprintf("install it on each node (bin/*-plugin install %s) and restart them, or carry every index by stream (indices.paths: {\"*\": stream})", plugin),
	}}, nil
}
