package snapshotpath

import "strings"

// travelling are settings that must not come along with a snapshot: blocks,
// what belongs to the old cluster's nodes and policies, and pipelines that
// would change documents on their way or searches after it (S7). Engines refuse
// to leave out the numbers of shards and replicas, auto_expand_replicas and the
// uuid: what must differ of these is overridden instead.
func travelling() []string {
	return []string{
		"index.blocks.*", "index.lifecycle.*", "index.plugins.index_state_management.*", "index.opendistro.index_state_management.*",
		"index.routing.allocation.*", "index.routing.rebalance.*", "index.gc_deletes", "index.default_pipeline", "index.final_pipeline",
		"index.search.default_pipeline", "index.refresh_interval", "index.plugins.replication.*", "index.verified_before_close",
	}
}

// ignored gives the settings of a snapshot that are left out where others are
// set in their place.
func ignored(set map[string]any) []string {
	var keys []string
	for _, key := range travelling() {
		if _, replaced := set[key]; !replaced {
			keys = append(keys, key)
		}
	}
	return keys
}

// Own gives the values that an index of the target has of its own, of all that
// a restore over it replaces or leaves out, so that they can be put back: nil
// where it has none. Replaced are the settings that the restore sets.
func Own(settings map[string]string, replaced map[string]any) map[string]any {
	own := map[string]any{}
	for key := range replaced {
		own[key] = nil
	}
	for key, value := range settings {
		if _, set := replaced[key]; set || travels(key) {
			own[key] = value
		}
	}
	return own
}

// travels reports whether an index can have a key of travelling put back. What
// the engine sets by itself stays the engine's: the flood-stage block, where a
// shrunken index was to begin, and that it was closed.
func travels(key string) bool {
	if key == "index.blocks.read_only_allow_delete" || key == "index.verified_before_close" || strings.HasPrefix(key, "index.routing.allocation.initial_recovery.") {
		return false
	}
	for _, name := range travelling() {
		if prefix, below := strings.CutSuffix(name, "*"); key == name || below && strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
