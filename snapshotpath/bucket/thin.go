package bucket

import (
	"context"
	"maps"
	"slices"
	"sync"

	"esferry/internal/group"
	"esferry/snapshotpath/bucket/layout"
)

// thin makes the shards' index-* of the indices that lose a snapshot by the
// choice, and gives the root that names them and what is to be written, by key.
// Those that the target has as they will be are not made again.
func (r *metadataReader) thin(ctx context.Context, chosen, target *layout.Root) (*layout.Root, map[string][]byte, error) {
	var mu sync.Mutex
	made, generations := map[string][]byte{}, map[string][]string{}
	g, _ := group.New(ctx)
	g.SetLimit(workers)
	for _, ix := range chosen.Thinned(r.root) {
		if known := had(chosen, target, ix.ID); known != nil {
			mu.Lock()
			generations[ix.ID] = known
			mu.Unlock()
			continue
		}
		g.Go("metadata of "+ix.Name, func(ctx context.Context) error {
			names, files, err := r.thinIndex(ctx, ix, chosen.Holders(ix.ID))
			mu.Lock()
			defer mu.Unlock()
			generations[ix.ID] = names
			maps.Copy(made, files)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	out, err := chosen.WithGenerations(generations)
	return out, made, err
}

// had gives the generations that the target has of an index, where it holds
// the very snapshots of it that it will hold.
func had(chosen, target *layout.Root, id string) []string {
	if target == nil {
		return nil
	}
	find := func(r *layout.Root) (snapshots, generations []string) {
		for _, ix := range r.Indices {
			if ix.ID == id {
				return slices.Sorted(slices.Values(ix.Snapshots)), ix.Generations
			}
		}
		return nil, nil
	}
	will, _ := find(chosen)
	has, generations := find(target)
	if !slices.Equal(will, has) {
		return nil
	}
	return generations
}

func (r *metadataReader) thinIndex(ctx context.Context, ix layout.Index, snapshots []string) ([]string, map[string][]byte, error) {
	folders, err := r.folders(ctx, ix, len(ix.Generations))
	if err != nil {
		return nil, nil, err
	}
	names, made := slices.Clone(ix.Generations), map[string][]byte{}
	for i, folder := range folders {
		name := ix.Generation(i)
		if name == "" {
			continue
		}
		_, data, err := r.bucket.get(ctx, folder+name)
		if err != nil {
			return nil, nil, err
		}
		generation, file, err := layout.ThinShard(r.place(folder+name), data, snapshots)
		if err != nil {
			return nil, nil, err
		}
		names[i] = generation
		made[folder+"index-"+generation] = file
	}
	return names, made, nil
}
