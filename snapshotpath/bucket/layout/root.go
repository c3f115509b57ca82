package layout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// State is how a snapshot ended.
type State string

// The states of a snapshot; Unknown where the root does not say (Elasticsearch 2).
const (
	Unknown      State = ""
	InProgress   State = "IN_PROGRESS"
	Success      State = "SUCCESS"
	Failed       State = "FAILED"
	Partial      State = "PARTIAL"
	Incompatible State = "INCOMPATIBLE"
)

// Snapshot is one line of a root. Comparable.
type Snapshot struct {
	Name string
	// UUID is in the names of its files; the name before Elasticsearch 5.
	UUID  string
	State State
	// Version of the engine that took it, as the root has it: "7.10.2", a
	// number from Elasticsearch 8.10 on, empty before 7.
	Version string
}

// Index is an index of the repository, which several snapshots may hold.
type Index struct {
	Name string
	// ID is its folder; the name before Elasticsearch 5.
	ID string
	// Snapshots are the UUIDs of those that hold it.
	Snapshots []string
	// Generations name each shard's newest index-*: one a shard, empty for a
	// shard that was never written. Nil before Elasticsearch 7.6.
	Generations []string
	// PathType is OpenSearch's shard_path_type: 0 for indices/ID/SHARD, others
	// (HashedPrefix, HashedInfix) for folders with a hash in their names.
	PathType int

	raw object
}

// The shard_path_types of OpenSearch from 2.17 on, beside 0.
const (
	HashedPrefix = 1
	HashedInfix  = 2
)

// Root is what a repository's root says. Values are read only.
type Root struct {
	// UUID of the repository; empty before Elasticsearch 7.12 and in OpenSearch.
	UUID      string
	Snapshots []Snapshot
	// Indices in the root's order; nil for Elasticsearch 2, until Learn.
	Indices []Index

	what string
	raw  object
	// rawSnapshots are the root's own, in the order of Snapshots.
	rawSnapshots []json.RawMessage
	// lookup and blobs say, from Elasticsearch 7.9 on, where an index is
	// described: snapshot -> folder -> identifier, identifier -> name.
	lookup map[string]map[string]string
	blobs  map[string]string
}

// ParseRoot reads a root index-N, or the root index of Elasticsearch 2. what
// names it in errors.
func ParseRoot(what string, data []byte) (*Root, error) {
	r := &Root{what: what, lookup: map[string]map[string]string{}}
	if err := json.Unmarshal(data, &r.raw); err != nil {
		return nil, r.shape("%v", err)
	}
	for key, to := range map[string]any{"uuid": &r.UUID, "snapshots": &r.rawSnapshots, "index_metadata_identifiers": &r.blobs} {
		if err := r.raw.read(key, to); err != nil {
			return nil, r.shape("%v", err)
		}
	}
	if r.rawSnapshots == nil {
		return nil, r.shape("it lists no snapshots")
	}
	for _, raw := range r.rawSnapshots {
		if err := r.addSnapshot(raw); err != nil {
			return nil, err
		}
	}
	var indices object
	if err := r.raw.read("indices", &indices); err != nil {
		return nil, r.shape("%v", err)
	}
	for _, m := range indices {
		if err := r.addIndex(m); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Root) shape(format string, args ...any) error {
	return &ShapeError{What: r.what, Reason: fmt.Sprintf(format, args...)}
}

func (r *Root) addSnapshot(raw json.RawMessage) error {
	var s Snapshot
	if json.Unmarshal(raw, &s.Name) == nil {
		// Elasticsearch 2, or a snapshot of its time.
		s.UUID = s.Name
	} else {
		var in struct {
			Name, UUID string
			State      *int
			Version    json.RawMessage
			Lookup     map[string]string `json:"index_metadata_lookup"`
		}
		if err := json.Unmarshal(raw, &in); err != nil {
			return r.shape("snapshots: %v", err)
		}
		s = Snapshot{Name: in.Name, UUID: in.UUID, Version: strings.Trim(string(in.Version), `"`)}
		if in.State != nil {
			states := []State{InProgress, Success, Failed, Partial, Incompatible}
			if *in.State < 0 || *in.State >= len(states) {
				return r.shape("snapshot %s has state %d", s.Name, *in.State)
			}
			s.State = states[*in.State]
		}
		r.lookup[s.UUID] = in.Lookup
	}
	if !plain(s.UUID) || s.Name == "" {
		return r.shape("a snapshot has the name %q and the uuid %q", s.Name, s.UUID)
	}
	if slices.ContainsFunc(r.Snapshots, func(other Snapshot) bool { return other.UUID == s.UUID }) {
		return r.shape("snapshot %s is there twice", s.Name)
	}
	r.Snapshots = append(r.Snapshots, s)
	return nil
}

func (r *Root) addIndex(m member) error {
	ix := Index{Name: m.key}
	if err := json.Unmarshal(m.value, &ix.raw); err != nil {
		return r.shape("index %s: %v", m.key, err)
	}
	var snapshots []json.RawMessage
	var generations []*string
	for key, to := range map[string]any{"id": &ix.ID, "snapshots": &snapshots, "shard_generations": &generations, "shard_path_type": &ix.PathType} {
		if err := ix.raw.read(key, to); err != nil {
			return r.shape("index %s: %v", m.key, err)
		}
	}
	if !plain(ix.ID) || len(snapshots) == 0 {
		return r.shape("index %s has the folder %q and %d snapshots", m.key, ix.ID, len(snapshots))
	}
	if slices.ContainsFunc(r.Indices, func(other Index) bool { return other.Name == ix.Name || other.ID == ix.ID }) {
		return r.shape("index %s is there twice", m.key)
	}
	for _, raw := range snapshots {
		uuid, err := reference(raw)
		if err != nil {
			return r.shape("index %s: %v", m.key, err)
		}
		if _, ok := r.snapshot(uuid); !ok {
			return r.shape("index %s is in snapshot %s, which the root does not list", m.key, uuid)
		}
		ix.Snapshots = append(ix.Snapshots, uuid)
	}
	for _, g := range generations {
		if g == nil {
			g = new(string)
		}
		if *g != "" && !plain(*g) {
			return r.shape("index %s has the shard generation %q", m.key, *g)
		}
		ix.Generations = append(ix.Generations, *g)
	}
	r.Indices = append(r.Indices, ix)
	return nil
}

// reference reads an index's mention of a snapshot: its uuid, or an object with
// it up to Elasticsearch 5.4.
func reference(raw json.RawMessage) (uuid string, err error) {
	if json.Unmarshal(raw, &uuid) == nil {
		return uuid, nil
	}
	var in struct{ UUID string }
	err = json.Unmarshal(raw, &in)
	return in.UUID, err
}

// plain reports whether a name may be part of a key: a root is not trusted to
// lead elsewhere.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00")
}

func (r *Root) snapshot(uuid string) (Snapshot, bool) {
	i := slices.IndexFunc(r.Snapshots, func(s Snapshot) bool { return s.UUID == uuid })
	if i < 0 {
		return Snapshot{}, false
	}
	return r.Snapshots[i], true
}

// Named gives the snapshot of that name, or a MissingError.
func (r *Root) Named(name string) (Snapshot, error) {
	i := slices.IndexFunc(r.Snapshots, func(s Snapshot) bool { return s.Name == name })
	if i < 0 {
		return Snapshot{}, &MissingError{Snapshot: name}
	}
	return r.Snapshots[i], nil
}

// Has reports whether the root lists the very snapshot: by uuid and name.
func (r *Root) Has(s Snapshot) bool {
	other, ok := r.snapshot(s.UUID)
	return ok && other.Name == s.Name
}

// Of lists the indices that a snapshot holds.
func (r *Root) Of(s Snapshot) []Index {
	var out []Index
	for _, ix := range r.Indices {
		if slices.Contains(ix.Snapshots, s.UUID) {
			out = append(out, ix)
		}
	}
	return out
}

// NamesOnly reports whether the root says nothing of indices: Elasticsearch 2.
func (r *Root) NamesOnly() bool {
	return !slices.ContainsFunc(r.raw, func(m member) bool { return m.key == "indices" })
}

// Learn gives the root of Elasticsearch 2 with what a snapshot's own file says
// of it: its state and indices. Other roots know it and are not changed.
func (r *Root) Learn(d Details) *Root {
	if !r.NamesOnly() {
		return r
	}
	out := *r
	out.Snapshots, out.Indices = slices.Clone(r.Snapshots), slices.Clone(r.Indices)
	for i, s := range out.Snapshots {
		if s.UUID == d.Name {
			out.Snapshots[i].State = d.State
		}
	}
	for _, name := range d.Indices {
		i := slices.IndexFunc(out.Indices, func(ix Index) bool { return ix.Name == name })
		if i < 0 {
			out.Indices = append(out.Indices, Index{Name: name, ID: name, Snapshots: []string{d.Name}})
			continue
		}
		if ix := &out.Indices[i]; !slices.Contains(ix.Snapshots, d.Name) {
			ix.Snapshots = append(slices.Clone(ix.Snapshots), d.Name)
		}
	}
	return &out
}
