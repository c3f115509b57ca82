package layout

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Key gives the root's snap-UUID.dat, which tells of the snapshot, and the
// meta-UUID.dat beside it.
func (s Snapshot) Key() string { return "snap-" + s.UUID + ".dat" }

// MetaKey gives the root's meta-UUID.dat.
func (s Snapshot) MetaKey() string { return "meta-" + s.UUID + ".dat" }

// Description gives the key of an index's description in a snapshot. Several
// snapshots share one from Elasticsearch 7.9 on.
func (r *Root) Description(ix Index, s Snapshot) (string, error) {
	name := s.UUID
	if identifier, ok := r.lookup[s.UUID][ix.ID]; ok {
		if name = r.blobs[identifier]; !plain(name) {
			return "", r.shape("the description of index %s in snapshot %s is missing", ix.Name, s.Name)
		}
	}
	return ix.Folder() + "meta-" + name + ".dat", nil
}

// Folder gives the folder of an index, with a closing slash. Its description
// is in it, and its shards are where PathType is 0.
func (ix Index) Folder() string { return "indices/" + ix.ID + "/" }

// Shards gives the folders of an index's shards, each with a closing slash,
// where they follow from the root: PathType 0.
func (ix Index) Shards(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = ix.Folder() + strconv.Itoa(i) + "/"
	}
	return out
}

// PathsKey gives the file that names the shards' folders, for other PathTypes.
func (ix Index) PathsKey(n int) string {
	// The last number is the hash's kind; OpenSearch knows one.
	return fmt.Sprintf("snapshot_shard_paths/snapshot_path_%s.%s.%d.%d.1", ix.ID, ix.Name, n, ix.PathType)
}

// ParsePaths reads that file. A path outside of the repository's own folder,
// as hashed prefixes are where the repository has a base path, is given as it
// is.
func (ix Index) ParsePaths(what string, n int, data []byte) ([]string, error) {
	var in struct {
		ID    string `json:"indexId"` //nolint:tagliatelle // OpenSearch's own
		Paths []string
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, &ShapeError{What: what, Reason: err.Error()}
	}
	if in.ID != ix.ID || len(in.Paths) != n {
		return nil, &ShapeError{What: what, Reason: fmt.Sprintf("it names %d shards of index %s, not %d of %s", len(in.Paths), in.ID, n, ix.ID)}
	}
	for _, p := range in.Paths {
		if strings.HasPrefix(p, "/") || strings.Contains(p, "..") || !strings.HasSuffix(p, "/") {
			return nil, &ShapeError{What: what, Reason: fmt.Sprintf("it names the folder %q", p)}
		}
	}
	return in.Paths, nil
}

// Generation gives the name of a shard's newest index-*, which an engine reads
// before it writes to the shard; empty where the root does not know it.
func (ix Index) Generation(shard int) string {
	if shard >= len(ix.Generations) {
		return ""
	}
	switch g := ix.Generations[shard]; g {
	case "", "_new", "_deleted":
		return ""
	default:
		return "index-" + g
	}
}
