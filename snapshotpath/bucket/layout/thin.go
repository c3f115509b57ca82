package layout

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
)

// ThinShard makes the index-* of a shard that holds fewer snapshots out of the
// one that holds all: an engine that writes to the shard believes it, and so
// it must name no file that is not there, and each that is. The snapshots are
// named as operators name them. generation is that of the file, "index-" before
// it is its name; equal contents have equal ones. what names data in errors.
func ThinShard(what string, data []byte, snapshots []string) (generation string, thin []byte, err error) {
	doc, err := document(what, "snapshots", data)
	if err != nil {
		return "", nil, err
	}
	all, ok := doc["snapshots"].(map[string]any)
	files, also := doc["files"].([]any)
	if !ok || !also {
		return "", nil, &ShapeError{What: what, Reason: "it lists no snapshots and files"}
	}
	kept, needed := map[string]any{}, map[string]bool{}
	for _, name := range snapshots {
		one, ok := all[name].(map[string]any)
		if !ok {
			// A snapshot that is PARTIAL lacks this shard.
			continue
		}
		named, ok := one["files"].([]any)
		if !ok {
			return "", nil, &ShapeError{What: what, Reason: fmt.Sprintf("snapshot %s has no files", name)}
		}
		for _, file := range named {
			text, _ := file.(string)
			needed[text] = true
		}
		kept[name] = one
	}
	doc["snapshots"] = kept
	doc["files"] = slices.DeleteFunc(files, func(entry any) bool {
		m, _ := entry.(map[string]any)
		name, _ := m["name"].(string)
		return !needed[name]
	})
	thin = frame("snapshots", encodeSmile(doc))
	sum := sha256.Sum256(thin)
	return base64.RawURLEncoding.EncodeToString(sum[:16]), thin, nil
}

// Thinned lists the indices of which r, chosen from all, leaves a snapshot out,
// and whose shards therefore need an index-* of their own; each as all has it.
// Elasticsearch before 7.6 needs none: it finds out from the snapshots.
func (r *Root) Thinned(all *Root) []Index {
	var out []Index
	for _, ix := range r.Indices {
		i := slices.IndexFunc(all.Indices, func(other Index) bool { return other.ID == ix.ID })
		if ix.Generations == nil && i >= 0 && all.Indices[i].Generations != nil {
			out = append(out, all.Indices[i])
		}
	}
	return out
}

// Holders names the snapshots of the root that hold an index, sorted.
func (r *Root) Holders(id string) []string {
	var names []string
	for _, s := range r.Snapshots {
		if slices.ContainsFunc(r.Indices, func(ix Index) bool { return ix.ID == id && slices.Contains(ix.Snapshots, s.UUID) }) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// WithGenerations gives a root whose indices have these shard generations, by
// their folders.
func (r *Root) WithGenerations(generations map[string][]string) (*Root, error) {
	out := *r
	out.Indices = slices.Clone(r.Indices)
	for i, ix := range out.Indices {
		mine, ok := generations[ix.ID]
		if !ok {
			continue
		}
		values := make([]any, len(mine))
		for shard, g := range mine {
			// A shard that was never written has null.
			if g != "" {
				values[shard] = g
			}
		}
		raw, err := append(ix.raw.without("shard_generations"), member{key: "shard_generations"}).with("shard_generations", values)
		if err != nil {
			return nil, r.shape("index %s: %v", ix.Name, err)
		}
		out.Indices[i].Generations, out.Indices[i].raw = mine, raw
	}
	return &out, out.write(r.raw)
}
