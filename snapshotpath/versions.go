package snapshotpath

import (
	"fmt"
	"strconv"

	"esferry/internal/cluster"
)

// openSearchBit marks version ids of OpenSearch, which counts anew from 1.0.
const openSearchBit = 0x08000000

// CanRestore decides by an index's creation version, index.version.created as
// the engine gives it, whether the target can restore it from a snapshot of
// the source, and says why (S7). An engine restores what its own major version
// or the one before it made, and never a snapshot of a newer engine. OpenSearch
// 1 and 2 also take what Elasticsearch 7.0 to 7.10 made.
func CanRestore(created string, source, target cluster.Identity) (ok bool, reason string) {
	maker, major, known := parseCreated(created)
	switch {
	case !known:
		return false, fmt.Sprintf("its creation version %q is not understood", created)
	case source.Product == cluster.OpenSearch && target.Product == cluster.Elasticsearch:
		return false, fmt.Sprintf("%s does not read snapshots of %s", target, source)
	case source.Product == cluster.Elasticsearch && target.Product == cluster.OpenSearch:
		return acrossProducts(major, source, target)
	case newer(source.Version, target.Version):
		return false, fmt.Sprintf("%s does not read snapshots of the newer %s", target, source)
	}
	// OpenSearch 1 is the successor of Elasticsearch 7.
	made := major
	if target.Product == cluster.OpenSearch && maker == cluster.Elasticsearch {
		made = major - 6
	}
	if made == target.Version.Major || made == before(target.Version.Major) {
		return true, fmt.Sprintf("made by %s %d, which %s restores", maker, major, target)
	}
	return false, fmt.Sprintf("made by %s %d, more than one major version before %s", maker, major, target)
}

// before gives the major version that came before one: Elasticsearch went from
// 2 to 5.
func before(major int) int {
	if major == 5 {
		return 2
	}
	return major - 1
}

// acrossProducts: the fork was taken at 7.10.2, and reads that far.
func acrossProducts(major int, source, target cluster.Identity) (bool, string) {
	if newer(source.Version, cluster.Version{Major: 7, Minor: 10, Patch: 2}) {
		return false, fmt.Sprintf("%s reads snapshots of Elasticsearch up to 7.10.2 only, not of %s", target, source.Version)
	}
	if major == 7 && target.Version.Major <= 2 {
		return true, fmt.Sprintf("made by elasticsearch 7, which %s restores", target)
	}
	return false, fmt.Sprintf("made by elasticsearch %d, which %s does not restore", major, target)
}

func newer(a, b cluster.Version) bool {
	if a.Major != b.Major {
		return a.Major > b.Major
	}
	if a.Minor != b.Minor {
		return a.Minor > b.Minor
	}
	return a.Patch > b.Patch
}

// parseCreated reads ids such as 7100299 (Elasticsearch 7.10.2), 8525000 (an
// index version of Elasticsearch 8) and 136217827 (OpenSearch 2).
func parseCreated(created string) (maker string, major int, ok bool) {
	id, err := strconv.Atoi(created)
	if err != nil || id <= 0 {
		return "", 0, false
	}
	maker = cluster.Elasticsearch
	if id&openSearchBit != 0 {
		maker, id = cluster.OpenSearch, id^openSearchBit
	}
	return maker, id / 1000000, id >= 1000000
}
