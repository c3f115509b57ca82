package layout

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Choose gives the root of a repository that holds only these snapshots and
// their indices. What we do not know of stays as it is.
//
// An index that loses a snapshot loses its shard generations as well: those
// index-* name files of snapshots that are left out, and an engine that
// believed them would make snapshots of blobs that are not there. ThinShard
// makes others, WithGenerations names them.
func (r *Root) Choose(chosen ...Snapshot) (*Root, error) {
	keep := make(map[string]bool, len(chosen))
	for _, s := range chosen {
		if !r.Has(s) {
			return nil, &MissingError{Snapshot: s.Name}
		}
		keep[s.UUID] = true
	}
	out := &Root{what: r.what, UUID: r.UUID, rawSnapshots: []json.RawMessage{}, lookup: map[string]map[string]string{}, blobs: map[string]string{}}
	for i, s := range r.Snapshots {
		if keep[s.UUID] {
			out.Snapshots, out.rawSnapshots = append(out.Snapshots, s), append(out.rawSnapshots, r.rawSnapshots[i])
			out.lookup[s.UUID] = r.lookup[s.UUID]
		}
	}
	for _, identifiers := range out.lookup {
		for identifier := range maps.Values(identifiers) {
			if blob, ok := r.blobs[identifier]; ok {
				out.blobs[identifier] = blob
			}
		}
	}
	for _, ix := range r.Indices {
		smaller, err := ix.choose(keep)
		if err != nil {
			return nil, r.shape("index %s: %v", ix.Name, err)
		}
		if len(smaller.Snapshots) > 0 {
			out.Indices = append(out.Indices, smaller)
		}
	}
	return out, out.write(r.raw)
}

func (ix Index) choose(keep map[string]bool) (Index, error) {
	out := Index{Name: ix.Name, ID: ix.ID, PathType: ix.PathType, Generations: ix.Generations, raw: ix.raw}
	for _, uuid := range ix.Snapshots {
		if keep[uuid] {
			out.Snapshots = append(out.Snapshots, uuid)
		}
	}
	if len(out.Snapshots) == len(ix.Snapshots) {
		return out, nil
	}
	out.Generations = nil
	var err error
	out.raw, err = ix.raw.without("shard_generations").with("snapshots", out.Snapshots)
	return out, err
}

// write puts what was chosen into the members of raw.
func (r *Root) write(raw object) (err error) {
	indices := make(object, len(r.Indices))
	for i, ix := range r.Indices {
		value, err := json.Marshal(ix.raw)
		if err != nil {
			return r.shape("index %s: %v", ix.Name, err)
		}
		indices[i] = member{ix.Name, value}
	}
	r.raw = raw
	for _, m := range []struct {
		key   string
		value any
	}{{"snapshots", r.rawSnapshots}, {"indices", indices}, {"index_metadata_identifiers", r.blobs}} {
		if r.raw, err = r.raw.with(m.key, m.value); err != nil {
			return r.shape("%v", err)
		}
	}
	return nil
}

// Encode gives the root's bytes, as an engine reads them.
func (r *Root) Encode() ([]byte, error) {
	data, err := json.Marshal(r.raw)
	if err != nil {
		return nil, fmt.Errorf("write the repository's root: %w", err)
	}
	return data, nil
}

// Kept gives those of r's snapshots that other lists as well, in r's order.
func (r *Root) Kept(other *Root) []Snapshot {
	return slices.DeleteFunc(slices.Clone(r.Snapshots), func(s Snapshot) bool { return !other.Has(s) })
}
