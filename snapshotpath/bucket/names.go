package bucket

import (
	"regexp"
	"strconv"
	"strings"
)

// Stage is when an object may be copied: every object of an earlier stage must
// be there first.
type Stage int

// The stages of a copy, in their order.
const (
	// Blobs are segments: nobody reads one that no metadata names.
	Blobs Stage = iota
	// Shards are the metadata of shards and indices.
	Shards
	// Root are snap- and meta- of the repository's root.
	Root
	// Generations are the root's index-N, the commit point: the highest N wins.
	Generations
	// Latest is index.latest.
	Latest
)

func stageOf(key string) Stage {
	name := key[strings.LastIndexByte(key, '/')+1:]
	root := name == key
	switch {
	case root && name == "index.latest":
		return Latest
	case root && generation(key) >= 0:
		return Generations
	case root:
		return Root
	case strings.HasPrefix(name, "__"):
		return Blobs
	default:
		return Shards
	}
}

// generation gives N of a root's index-N, -1 for other keys. Elasticsearch 2 has
// one index only, without a number.
func generation(key string) int64 {
	if key == "index" {
		return 0
	}
	digits, ok := strings.CutPrefix(key, "index-")
	if !ok {
		return -1
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// uuidName is how engines name segment blobs since they number them no more:
// 16 random bytes in base64url, and the part of a file that was split.
var uuidName = regexp.MustCompile(`/__[A-Za-z0-9_-]{22}(\.part[0-9]+)?$`)

// immutable reports whether an engine never uses a name again for other bytes.
func immutable(key string) bool { return uuidName.MatchString(key) }

// uuidMetadata is how engines that number the root's index name metadata: by the
// UUID of a snapshot, of an index's description, or of a shard's state.
var uuidMetadata = regexp.MustCompile(`(^|/)((snap|meta)-[A-Za-z0-9_-]{20,22}\.dat|index-[A-Za-z0-9_-]{22})$`)

// written reports whether metadata of a name are written once. Elasticsearch 2
// names them by the snapshot, whose name may be used again: numbered says that
// the root is not one of its.
func written(key string, numbered bool) bool { return numbered && uuidMetadata.MatchString(key) }

// part says what a key is to a repository.
type part int

const (
	// belongs: the repository may need it.
	belongs part = iota
	// leftover: engines and gateways leave it lying about.
	leftover
	// foreign: no engine makes such a name.
	foreign
)

func partOf(key string) part {
	root, _, inside := strings.Cut(key, "/")
	switch {
	case strings.HasSuffix(key, "/"), strings.HasPrefix(key, "tests-"), strings.HasPrefix(key, "pending-index-"),
		strings.HasPrefix(key, ".sgwtmp/"):
		return leftover
	// Shards may lie below a hash of their path, before or after indices/
	// (OpenSearch from 2.17 on), whose map is snapshot_shard_paths/.
	case inside && (strings.HasPrefix(key, "indices/") || strings.Contains(key, "/indices/") || root == "snapshot_shard_paths"):
		return belongs
	case !inside && (stageOf(key) >= Generations || rootName(key)):
		return belongs
	default:
		return foreign
	}
}

// rootName reports whether a name of the root is one of an engine's:
// snapshot- and metadata- are those of Elasticsearch 1.
func rootName(key string) bool {
	for _, prefix := range []string{"snap-", "meta-", "snapshot-", "metadata-", "incompatible-snapshots"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
