package snapshotpath

import (
	"fmt"
	"slices"
	"strconv"

	"esferry/internal/cluster"
)

// generation is a major version of a product.
type generation struct {
	product string
	major   int
}

// String names it as operators do.
func (g generation) String() string { return fmt.Sprintf("%s %d", g.product, g.major) }

// row says what one generation of engines restores: indices that were made by
// these generations.
type row struct {
	target   generation
	restores []generation
}

// table is the whole of it, as docs/versions.md shows it. Every cell whose
// engines the lab can start was asked of them. What is not here goes by stream:
// a generation that came after this was written, too.
func table() []row {
	es := func(major int) generation { return generation{cluster.Elasticsearch, major} }
	os := func(major int) generation { return generation{cluster.OpenSearch, major} }
	return []row{
		{es(2), []generation{es(1), es(2)}},
		{es(5), []generation{es(2), es(5)}},
		{es(6), []generation{es(5), es(6)}},
		{es(7), []generation{es(6), es(7)}},
		{es(8), []generation{es(7), es(8)}},
		{es(9), []generation{es(8), es(9)}},
		{os(1), []generation{es(6), es(7), os(1)}},
		{os(2), []generation{es(7), os(1), os(2)}},
		{os(3), []generation{os(2), os(3)}},
	}
}

// lastShared is the newest Elasticsearch whose repositories OpenSearch reads:
// the one that it was made from.
func lastShared() cluster.Version { return cluster.Version{Major: 7, Minor: 10, Patch: 2} }

// CanRestore decides by an index's creation version, index.version.created as
// the engine gives it, whether the target can restore it from a snapshot of
// the source, and says why (S7). The index's own maker counts, not the cluster
// that it lives in by now; and no engine reads the snapshot of a newer one,
// whatever is in it.
func CanRestore(created string, source, target cluster.Identity) (ok bool, reason string) {
	maker, known := parseCreated(created)
	if !known {
		return false, fmt.Sprintf("its creation version %q is not understood", created)
	}
	if reason := unreadable(source, target); reason != "" {
		return false, reason
	}
	i := slices.IndexFunc(table(), func(r row) bool { return r.target == generation{target.Product, target.Version.Major} })
	switch {
	case i < 0:
		return false, fmt.Sprintf("what %s restores is not known to this version of esferry", target)
	case slices.Contains(table()[i].restores, maker):
		return true, fmt.Sprintf("made by %s, which %s restores", maker, target)
	default:
		return false, fmt.Sprintf("made by %s, which %s does not restore", maker, target)
	}
}

// unreadable gives the reason why the target cannot read any snapshot of the
// source; empty where it can.
func unreadable(source, target cluster.Identity) string {
	switch {
	case source.Product == target.Product:
		if newer(source.Version, target.Version) {
			return fmt.Sprintf("%s does not read snapshots of the newer %s", target, source)
		}
	case target.Product == cluster.Elasticsearch:
		return fmt.Sprintf("%s does not read snapshots of %s", target, source)
	case newer(source.Version, lastShared()):
		return fmt.Sprintf("%s reads snapshots of elasticsearch up to %s only, not of %s", target, lastShared(), source.Version)
	}
	return ""
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

// openSearchBit marks version ids of OpenSearch, which counts anew from 1.0.
const openSearchBit = 0x08000000

// parseCreated reads ids such as 7100299 (Elasticsearch 7.10.2), 8536000 and
// 9009000 (index versions, which Elasticsearch counts by themselves since 8.11,
// from its major version on) and 136407927 (OpenSearch 2.19.1).
func parseCreated(created string) (generation, bool) {
	id, err := strconv.Atoi(created)
	if err != nil || id <= 0 {
		return generation{}, false
	}
	product := cluster.Elasticsearch
	if id&openSearchBit != 0 {
		product, id = cluster.OpenSearch, id^openSearchBit
	}
	return generation{product, id / 1000000}, id >= 1000000
}
