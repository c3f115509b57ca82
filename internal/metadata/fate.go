package metadata

import (
	"encoding/json"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

const mergeOnFlush = "index.merge_on_flush.enabled"

// apartSince lists the settings that a ferry takes off while it carries and
// puts back afterwards, with the version that brought each.
func apartSince(key string) (cluster.Version, bool) {
	switch key {
	case "index.number_of_replicas", "index.auto_expand_replicas", "index.refresh_interval", "index.gc_deletes":
		return cluster.Version{}, true
	case "index.default_pipeline":
		return cluster.Version{Major: 6, Minor: 5}, true
	case "index.final_pipeline":
		return cluster.Version{Major: 7, Minor: 5}, true
	case mergeOnFlush:
		// Only OpenSearch knows it.
		return cluster.Version{}, true
	default:
		return cluster.Version{}, false
	}
}

func apart(key string) bool {
	_, yes := apartSince(key)
	return yes
}

// internal reports settings that an engine gives an index by itself. They are
// left behind without a word: nobody has set them.
func internal(key string) bool {
	return within(key,
		"index.uuid", "index.creation_date", "index.creation_date_string", "index.provided_name", "index.history.uuid",
		"index.version.", "index.verified_before_close", "index.verified_read_only", "index.resize.", "index.shrink.source.",
		"index.routing.allocation.initial_recovery.", "index.allocation.existing_shards_allocator", "index.shard_limit.group",
		"index.format", "index.context.", "index.rollup.", "index.downsample.", "index.source_only",
		"index.mapping.single_type", "index.soft_deletes.enabled", "index.analysis.version")
}

// within reports whether a key is one of the names, or below one that ends
// with a dot.
func within(key string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return key == n || strings.HasSuffix(n, ".") && strings.HasPrefix(key, n)
	})
}

// bound gives the reason to leave behind what is bound to the source's
// cluster, or would work against a ferry; empty for everything else.
func (t *translation) bound(key string, value json.RawMessage) string {
	switch {
	case strings.HasPrefix(key, "archived."):
		return "it is archived on the source: no engine makes use of it"
	case within(key, "index.blocks."):
		return "a block would refuse the documents; set it on the target after the cutover"
	case t.kept && within(key, "index.lifecycle."):
		return t.policy(key, value)
	case t.kept && t.onward() && within(key, "index.plugins.index_state_management."):
		return ""
	case within(key, "index.lifecycle.", "index.plugins.index_state_management.", "index.opendistro.index_state_management."):
		return "a policy would act by the time of the copy; attach it on the target after the cutover"
	case within(key, "index.routing.allocation.", "index.routing.rebalance."):
		return "it speaks of the source's nodes"
	case within(key, "index.frozen", "index.search.throttled", "index.store.snapshot.", "index.searchable_snapshot."):
		return "the source is frozen or mounted from a snapshot; the target holds the documents itself"
	case within(key, "index.data_path", "index.shared_filesystem", "index.shared_filesystem.recover_on_any_node", "index.shadow_replicas",
		"index.remote_store.", "index.composite_store.", "index.store.crypto.", "index.store.factory", "index.store.data_locality",
		"index.tiering.", "index.warm", "index.pluggable.", "index.number_of_search_replicas", "index.number_of_search_only_replicas",
		"index.auto_expand_search_replicas"):
		return "it speaks of the source's storage"
	case within(key, "index.xpack.", "index.ccr.", "index.plugins.replication.", "index.fast_refresh", "index.failure_store."):
		return "it belongs to a feature of the source's cluster"
	case within(key, "index.ingestion_source."):
		return "the target is fed by the ferry, not by a stream of its own"
	case within(key, "index.append_only."):
		return "an append-only index takes neither versions nor deletes; set it on the target after the cutover"
	case within(key, "index.search.default_pipeline"):
		return "search pipelines are not carried"
	default:
		return ""
	}
}

// policy keeps a template's lifecycle policy where the target will have it.
func (t *translation) policy(key string, value json.RawMessage) string {
	switch {
	case t.policies == nil:
		return "the target has no lifecycle policies"
	case key == "index.lifecycle.name" && !t.policies[scalar(value)]:
		return "the target has no lifecycle policy " + scalar(value)
	}
	return ""
}

// removed gives the reason why the target no longer has a setting that
// engines had, found by asking real engines for every key they know.
func (t *translation) removed(key string) string {
	switch {
	case within(key, "index.translog.retention.") && t.to.AtLeast(7, 0):
		return "without effect since 7.0: history is kept by soft deletes"
	case within(key, "index.mapper.dynamic", "index.ttl.disable_purge", "index.percolator.map_unmapped_fields_as_string") && t.to.AtLeast(7, 0):
		return "gone since 7.0"
	case within(key, "index.queries.cache.everything", "index.queries.cache.term_queries", "index.recovery.initial_shards", "index.store.throttle.") && t.to.AtLeast(6, 0):
		return "gone since 6.0"
	case within(key, "index.merge.policy.reclaim_deletes_weight") && t.elastic(7, 11):
		return "gone since 7.11; index.merge.policy.deletes_pct_allowed has its purpose"
	case within(key, "index.merge.policy.max_merge_at_once_explicit") && (t.elastic(8, 0) || t.to.Product == cluster.OpenSearch):
		return "without effect: forced merges are not bounded any more"
	case within(key, "index.optimize_auto_generated_id", "index.force_memory_term_dictionary") && t.elastic(8, 0):
		return "gone since 8.0"
	case within(key, "index.indexing.slowlog.level", "index.search.slowlog.level") && t.elastic(8, 0):
		return "gone since 8.0: set the threshold of each level"
	case within(key, "index.store.hybrid.mmap.extensions") && t.open(3, 0):
		return "gone since 3.0"
	default:
		return ""
	}
}

// known reports whether the target has a setting. What both products have is
// listed; anything else can only be trusted to go on within one product.
func (t *translation) known(key string) bool {
	if since, ok := apartSince(key); ok {
		return t.to.AtLeast(since.Major, since.Minor)
	}
	if since := common(key); since != (cluster.Version{}) {
		return t.to.AtLeast(since.Major, since.Minor)
	}
	return t.onward() && t.from.AtLeast(5, 0)
}

// common gives the version since when every Elasticsearch and OpenSearch has a
// setting, or the zero version where that is not so.
func common(key string) cluster.Version {
	switch {
	case within(key, "index.number_of_shards", "index.codec", "index.compound_format", "index.priority", "index.fielddata.cache",
		"index.load_fixed_bitset_filters_eagerly", "index.allocation.max_retries", "index.routing_partition_size",
		"index.mapper.dynamic", "index.mapping.coerce", "index.mapping.ignore_malformed", "index.mapping.depth.limit",
		"index.mapping.nested_fields.limit", "index.mapping.total_fields.limit",
		"index.max_adjacency_matrix_filters", "index.max_refresh_listeners", "index.max_rescore_window", "index.max_result_window",
		"index.max_slices_per_scroll", "index.merge.policy.", "index.merge.scheduler.", "index.optimize_auto_generated_id",
		"index.queries.cache.enabled", "index.requests.cache.enable", "index.query.default_field", "index.query.parse.allow_unmapped_fields",
		"index.query_string.lenient", "index.indexing.slowlog.", "index.search.slowlog.", "index.shard.check_on_startup",
		"index.store.type", "index.store.preload", "index.store.stats_refresh_interval", "index.store.fs.fs_lock",
		"index.translog.durability", "index.translog.flush_threshold_size", "index.translog.sync_interval",
		"index.unassigned.node_left.delayed_timeout", "index.warmer.enabled", "index.write.wait_for_active_shards"):
		return cluster.Version{Major: 5}
	case within(key, "index.highlight.max_analyzed_offset", "index.max_docvalue_fields_search", "index.max_inner_result_window",
		"index.max_ngram_diff", "index.max_shingle_diff", "index.max_regex_length", "index.max_script_fields", "index.max_terms_count",
		"index.number_of_routing_shards", "index.sort.", "index.translog.generation_threshold_size", "index.soft_deletes.",
		"index.percolator.map_unmapped_fields_as_text"):
		return cluster.Version{Major: 6}
	case within(key, "index.analyze.max_token_count", "index.mapping.field_name_length.limit", "index.mapping.nested_objects.limit", "index.search.idle.after"):
		return cluster.Version{Major: 7}
	case within(key, "index.hidden", "index.flush_after_merge"):
		return cluster.Version{Major: 7, Minor: 7}
	default:
		return cluster.Version{}
	}
}
