package layout

import "strconv"

// Details are what a snapshot's own file in the root says.
type Details struct {
	Name    string
	State   State
	Indices []string
	// Lost are shards that a PARTIAL snapshot does not hold.
	Lost []Lost
	// Shallow says that OpenSearch wrote references to segments in a remote
	// store, and no segments.
	Shallow bool
}

// Lost is a shard of an index that a snapshot does not hold.
type Lost struct {
	Index string
	Shard int
}

// ParseSnapshot reads the root's snap-UUID.dat. what names it in errors.
func ParseSnapshot(what string, data []byte) (Details, error) {
	doc, err := document(what, "snapshot", data)
	if err != nil {
		return Details{}, err
	}
	in, ok := doc["snapshot"].(map[string]any)
	if !ok {
		return Details{}, &ShapeError{What: what, Reason: "it describes no snapshot"}
	}
	var d Details
	d.Name, _ = in["name"].(string)
	d.Shallow, _ = in["remote_store_index_shallow_copy"].(bool)
	state, _ := in["state"].(string)
	d.State = State(state)
	indices, ok := in["indices"].([]any)
	if !ok || d.Name == "" {
		return Details{}, &ShapeError{What: what, Reason: "it names no indices"}
	}
	for _, entry := range indices {
		name, ok := entry.(string)
		if !ok || !plain(name) {
			return Details{}, &ShapeError{What: what, Reason: "an index in it has no name"}
		}
		d.Indices = append(d.Indices, name)
	}
	failures, _ := in["failures"].([]any)
	for _, entry := range failures {
		failure, _ := entry.(map[string]any)
		index, named := failure["index"].(string)
		shard, numbered := failure["shard_id"].(int64)
		if !named || !numbered {
			return Details{}, &ShapeError{What: what, Reason: "a failure in it names no shard"}
		}
		d.Lost = append(d.Lost, Lost{index, int(shard)})
	}
	return d, nil
}

// Description is what an index's own file says of it.
type Description struct {
	Shards int
	// Mounted says that the index reads its segments out of another snapshot
	// (searchable snapshots), SourceOnly that only _source was kept.
	Mounted, SourceOnly bool
}

// maxShards is above what any engine allows an index.
const maxShards = 1 << 16

// ParseDescription reads an index's meta-*.dat. what names it in errors.
func ParseDescription(what string, data []byte) (Description, error) {
	doc, err := document(what, "index-metadata", data)
	if err != nil {
		return Description{}, err
	}
	for _, v := range doc {
		in, ok := v.(map[string]any)
		if !ok || len(doc) != 1 {
			break
		}
		settings, ok := in["settings"].(map[string]any)
		if !ok {
			break
		}
		return described(what, settings)
	}
	return Description{}, &ShapeError{What: what, Reason: "it has no settings of one index"}
}

func described(what string, settings map[string]any) (Description, error) {
	text := func(key string) string {
		s, _ := settings["index."+key].(string)
		return s
	}
	n, err := strconv.Atoi(text("number_of_shards"))
	if err != nil || n < 1 || n > maxShards {
		return Description{}, &ShapeError{What: what, Reason: "it has no number of shards"}
	}
	kind := text("store.type")
	return Description{Shards: n, Mounted: kind == "snapshot" || kind == "remote_snapshot", SourceOnly: text("source_only") == "true"}, nil
}

// Refuse says why a snapshot is not carried, or nil. partial accepts one that
// lacks shards.
func Refuse(s Snapshot, d Details, partial bool) error {
	refused := func(reason, hint string) error {
		return &RefusedError{Snapshot: s.Name, Reason: reason, Hint: hint}
	}
	state := s.State
	if state == Unknown {
		state = d.State
	}
	switch {
	case d.Shallow:
		return refused("is a shallow copy: it holds references to a remote store, and no segments",
			"take a snapshot into a repository without remote_store_index_shallow_copy")
	case state == Success, state == Partial && partial:
		return nil
	case state == Unknown:
		return refused("does not say how it ended", "take another snapshot")
	default:
		return refused("is "+string(state)+": it does not hold every shard", "take another snapshot, or leave this one out")
	}
}

// Refuse says why an index of a snapshot is not carried, or nil.
func (d Description) Refuse(snapshot, index string) error {
	switch {
	case d.Mounted:
		return &RefusedError{
			Snapshot: snapshot, Index: index, Reason: "is mounted from another snapshot: its segments lie in that one",
			Hint: "carry the snapshot that it was mounted from, or exclude the index",
		}
	case d.SourceOnly:
		return &RefusedError{
			Snapshot: snapshot, Index: index, Reason: "comes from a source-only repository: it cannot be searched before it is indexed anew",
			Hint: "take a snapshot into an ordinary repository, or carry the index by stream",
		}
	default:
		return nil
	}
}
