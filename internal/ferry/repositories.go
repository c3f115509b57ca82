package ferry

import (
	"context"
	"errors"
	"fmt"

	"esferry/internal/cluster"
	"esferry/internal/preflight"
	"esferry/snapshotpath"
)

// checkRepositories finds why a side could not use its repository, by its
// settings, its plugins and what is registered.
func (f *Ferry) checkRepositories(ctx context.Context) ([]preflight.Obstacle, error) {
	var out []preflight.Obstacle
	for _, side := range []struct {
		name       string
		cluster    *cluster.Cluster
		repository snapshotpath.Repository
	}{{"source", f.source, f.options.Snapshot.Source}, {"target", f.target, f.options.Snapshot.Target}} {
		o, err := checkRepository(ctx, side.cluster, side.name, side.repository)
		if err != nil {
			return nil, err
		}
		out = append(out, o...)
	}
	return out, nil
}

func checkRepository(ctx context.Context, c *cluster.Cluster, side string, r snapshotpath.Repository) ([]preflight.Obstacle, error) {
	// The services have the plugins that they take repositories of.
	if r.Keeper == snapshotpath.Operator {
		o, err := preflight.Repository(ctx, c, side, r.Type, snapshotpath.RequiredPlugin(r.Type, c.Identity()))
		if err != nil || len(o) > 0 {
			return o, err
		}
	}
	if fault := r.Check(c.Identity()); fault != nil {
		return []preflight.Obstacle{{Problem: fmt.Sprintf("the %s: %s", side, fault), Remedy: fault.NextStep(), Usage: true}}, nil
	}
	_, err := snapshotpath.Registered(ctx, c, r)
	if refusal, ok := errors.AsType[snapshotpath.Refusal](err); ok {
		return []preflight.Obstacle{{Problem: fmt.Sprintf("the %s at %s: %s", side, c.Address(), refusal), Remedy: refusal.NextStep()}}, nil
	}
	return nil, err
}
