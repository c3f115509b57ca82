package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"esferry/internal/shard"
)

// shardStats is one copy in _stats?level=shards.
type shardStats struct {
	Routing struct {
		State          string
		Primary        bool
		Node           string
		RelocatingNode *string `json:"relocating_node"`
	}
	SeqNo *struct {
		Max    int64 `json:"max_seq_no"`
		Global int64 `json:"global_checkpoint"`
	} `json:"seq_no"`
	Commit *struct {
		UserData map[string]string `json:"user_data"`
	}
	Docs  struct{ Count int64 }
	Store struct {
		Bytes int64 `json:"size_in_bytes"`
	}
}

// Positions reads where every primary of the index stands (protocol 1.1 and
// 1.3), sorted by shard number. Terms come from the cluster state and are read
// first, so that a failover in between shows as a change the next time. A
// primary that is missing, relocating or not started is an error, not zero.
// Callers that come at the same time share one request.
func (c *Cluster) Positions(ctx context.Context, index string) ([]shard.Position, error) {
	return c.joint.positions.Do(ctx, index)
}

func (c *Cluster) positionsOfOne(ctx context.Context, index string) ([]shard.Position, error) {
	return persist(ctx, c, func(ctx context.Context) ([]shard.Position, error) {
		positions, err := c.positions(ctx, []string{index})
		if Forbidden(err) {
			return c.hintedPositions(ctx, index)
		}
		if err != nil {
			return nil, err
		}
		return positions[0], nil
	})
}

// Terms reads the primary term of each shard of an index, by its number, as
// Positions does.
func (c *Cluster) Terms(ctx context.Context, index string) ([]int64, error) {
	return persist(ctx, c, func(ctx context.Context) ([]int64, error) {
		terms, err := c.terms(ctx, []string{index})
		if !Forbidden(err) {
			return terms[index], err
		}
		positions, err := c.hintedPositions(ctx, index)
		guessed := make([]int64, len(positions))
		for i, p := range positions {
			guessed[i] = p.Term
		}
		return guessed, err
	})
}

// positions reads those of indices, in the order of their names.
func (c *Cluster) positions(ctx context.Context, indices []string) ([][]shard.Position, error) {
	terms, err := c.terms(ctx, indices)
	if err != nil {
		return nil, err
	}
	shards := make(map[string]int, len(terms))
	for index, byNumber := range terms {
		shards[index] = len(byNumber)
	}
	stats, err := c.unnamedPositions(ctx, shards)
	if err != nil {
		return nil, err
	}
	out := make([][]shard.Position, len(indices))
	for i, index := range indices {
		// Two callers may have asked for the same index, and each owns its answer.
		out[i] = slices.Clone(stats[index])
		for number, term := range terms[index] {
			out[i][number].Term = term
		}
	}
	return out, nil
}

// hintedPositions serve where the cluster state is not ours to read: the term of
// a shard is taken from its newest document. It may be too low, and a failover
// shows only with the next write, so that the delta is to be closed with a
// reconcile (S10).
func (c *Cluster) hintedPositions(ctx context.Context, index string) ([]shard.Position, error) {
	c.hinted.Store(true)
	there, found, err := c.Index(ctx, index)
	if err != nil {
		return nil, err
	}
	if !found || there.UUID == "" {
		return nil, c.noIndex("find the shards", index)
	}
	first, err := c.unnamedPositions(ctx, map[string]int{index: there.Shards})
	if err != nil {
		return nil, err
	}
	terms := make([]int64, there.Shards)
	for i, p := range first[index] {
		if terms[i], err = c.newestTerm(ctx, p); err != nil {
			return nil, err
		}
	}
	positions, err := c.unnamedPositions(ctx, map[string]int{index: there.Shards})
	for i := range positions[index] {
		positions[index][i].Term = terms[i]
	}
	return positions[index], err
}

// TermsHinted reports whether primary terms were guessed from documents, since
// the cluster state may not be read.
func (c *Cluster) TermsHinted() bool { return c.hinted.Load() }

// newestTerm is the primary term of the shard's document with the highest
// sequence number, 0 where it has none.
func (c *Cluster) newestTerm(ctx context.Context, p shard.Position) (int64, error) {
	var answer struct {
		searchHeader
		Hits struct {
			Hits []struct {
				Term int64 `json:"_primary_term"`
			}
		}
	}
	r := request{
		op: "read the newest document of " + p.Shard.String(), method: "POST", path: c.documents(p.Shard.Index, "_search"),
		body:   `{"size":1,"_source":false,"sort":[{"_seq_no":"desc"}],"seq_no_primary_term":true}`,
		params: params("preference", c.onPrimary(p), "request_cache", "false"),
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return 0, err
	}
	if err := c.complete(r.op, answer.searchHeader); err != nil || len(answer.Hits.Hits) == 0 {
		return 0, err
	}
	return answer.Hits.Hits[0].Term, nil
}

// unnamedPositions reads, without their terms, the positions of so many shards
// of each index.
func (c *Cluster) unnamedPositions(ctx context.Context, shards map[string]int) (map[string][]shard.Position, error) {
	out := make(map[string][]shard.Position, len(shards))
	for names := range several(slices.Sorted(maps.Keys(shards))) {
		copies, err := c.copies(ctx, names)
		if err != nil {
			return nil, err
		}
		for _, index := range names {
			for number := range shards[index] {
				p, err := position(copies[index][strconv.Itoa(number)])
				if err != nil {
					return nil, partial(readPositions, index, c.address, "shard %d: %s", number, err)
				}
				p.Shard = shard.ID{Index: index, Number: number}
				out[index] = append(out[index], p)
			}
		}
	}
	return out, nil
}

const readPositions = "read the positions"

// copies asks every copy of the indices' shards, and gives them by index and
// shard number.
func (c *Cluster) copies(ctx context.Context, indices []string) (map[string]map[string][]shardStats, error) {
	var stats struct {
		Shards  shardsHeader `json:"_shards"`
		Indices map[string]struct {
			Shards map[string][]shardStats
		}
	}
	r := request{op: readPositions, index: label(indices), method: "GET", path: path(list(indices), "_stats", "docs,store"), params: params("level", "shards",
		"filter_path", "_shards,indices.*.shards.*.routing,indices.*.shards.*.seq_no,indices.*.shards.*.commit.user_data,indices.*.shards.*.docs.count,indices.*.shards.*.store.size_in_bytes")}
	if err := c.call(ctx, r, &stats); err != nil {
		return nil, err
	}
	if stats.Shards.Failed > 0 {
		return nil, partial(r.op, r.index, c.address, "%d shards failed: %s", stats.Shards.Failed, oneLine(stats.Shards.Failures))
	}
	out := make(map[string]map[string][]shardStats, len(stats.Indices))
	for index, s := range stats.Indices {
		out[index] = s.Shards
	}
	return out, nil
}

func position(copies []shardStats) (shard.Position, error) {
	p := shard.Position{Committed: -1}
	found := false
	for i, s := range copies {
		if s.Commit != nil {
			n, err := strconv.ParseInt(s.Commit.UserData["local_checkpoint"], 10, 64)
			if err != nil {
				n = -1
			}
			if i == 0 || n < p.Committed {
				p.Committed = n
			}
		}
		if !s.Routing.Primary {
			continue
		}
		if s.SeqNo == nil || s.Commit == nil {
			return p, fmt.Errorf("its primary gives no sequence numbers (state %s)", s.Routing.State)
		}
		found = true
		p.Global, p.Max = s.SeqNo.Global, s.SeqNo.Max
		p.DocBytes = s.Store.Bytes / max(1, s.Docs.Count)
		p.History, p.Node = s.Commit.UserData["history_uuid"], s.Routing.Node
	}
	if !found {
		return p, fmt.Errorf("no primary is among the %d copies that answered", len(copies))
	}
	return p, nil
}

// Primaries gives where every primary of an index can be read, sorted by shard
// number, also on engines that keep no sequence numbers: there a position tells
// no more than the shard, and its term where the engine has terms (from 5.0).
func (c *Cluster) Primaries(ctx context.Context, index string) ([]shard.Position, error) {
	if c.identity.SequenceNumbers() {
		return c.Positions(ctx, index)
	}
	terms, err := c.terms(ctx, []string{index})
	if err != nil && !NotFound(err) {
		return nil, err
	}
	there, found, err := c.Index(ctx, index)
	if err != nil {
		return nil, err
	}
	if !found || there.UUID == "" {
		return nil, c.noIndex("find the shards", index)
	}
	out := make([]shard.Position, there.Shards)
	for number := range out {
		out[number] = shard.Position{Shard: shard.ID{Index: index, Number: number}, Global: -2, Max: -1, Committed: -1}
		if number < len(terms[index]) {
			out[number].Term = terms[index][number]
		}
	}
	return out, nil
}

func (c *Cluster) noIndex(op, index string) *Error {
	return &Error{
		Op: op, Index: index, URL: c.address, Status: 404, Type: "index_not_found", Reason: "the cluster state holds no such index",
		Hint: c.gone(),
	}
}

// terms reads the primary term of each shard of the indices from the cluster
// state.
func (c *Cluster) terms(ctx context.Context, indices []string) (map[string][]int64, error) {
	const op = "read the primary terms"
	out := make(map[string][]int64, len(indices))
	for names := range several(indices) {
		var state struct {
			Metadata struct {
				Indices map[string]struct {
					PrimaryTerms map[string]int64 `json:"primary_terms"`
				}
			}
		}
		r := request{
			op: op, index: label(names), method: "GET", path: path("_cluster", "state", "metadata", list(names)),
			params: params("filter_path", "metadata.indices.*.primary_terms"),
		}
		if err := c.call(ctx, r, &state); err != nil {
			return nil, err
		}
		for _, index := range names {
			byNumber := state.Metadata.Indices[index].PrimaryTerms
			if len(byNumber) == 0 {
				return nil, c.noIndex(op, index)
			}
			terms, err := c.inOrder(op, index, byNumber)
			if err != nil {
				return nil, err
			}
			out[index] = terms
		}
	}
	return out, nil
}

// inOrder gives the terms of an index's shards by their number.
func (c *Cluster) inOrder(op, index string, byNumber map[string]int64) ([]int64, error) {
	terms := make([]int64, len(byNumber))
	for number, term := range byNumber {
		n, err := strconv.Atoi(number)
		// Its one spelling, so that no two name the same shard, and another none.
		if err != nil || n < 0 || n >= len(terms) || strconv.Itoa(n) != number {
			return nil, partial(op, index, c.address, "the cluster state numbers a shard %q of %d", number, len(terms))
		}
		terms[n] = term
	}
	return terms, nil
}

// Refresh makes every operation at or below a G read before it visible to
// searches on the primaries (protocol 1.1). Callers that come at the same time
// share one request.
func (c *Cluster) Refresh(ctx context.Context, index string) error {
	_, err := c.joint.refreshes.Do(ctx, index)
	return err
}

// Flush commits, so that checkpoints move even where the translog is written
// asynchronously. Callers that come at the same time share one request.
func (c *Cluster) Flush(ctx context.Context, index string) error {
	_, err := c.joint.flushes.Do(ctx, index)
	return err
}

// onPrimary gives the preference that sends a search to one shard's primary, by
// name: any other copy may not have refreshed (protocol 1.1, S2.1).
func (c *Cluster) onPrimary(p shard.Position) string {
	switch {
	case c.identity.PrimaryPreference() || !c.identity.AtLeast(6, 0) && c.identity.AtLeast(5, 0):
		return fmt.Sprintf("_shards:%d|_primary", p.Shard.Number)
	case !c.identity.AtLeast(5, 0):
		return fmt.Sprintf("_shards:%d;_primary", p.Shard.Number)
	}
	return fmt.Sprintf("_shards:%d|_only_nodes:%s", p.Shard.Number, p.Node)
}

// RoutingShards reads the number that the engine divides routing hashes by. An
// index made with the same one elsewhere puts every document into the shard of
// the same number; the defaults differ between versions.
func (c *Cluster) RoutingShards(ctx context.Context, index string) (int, error) {
	var state struct {
		Metadata struct {
			Indices map[string]struct {
				RoutingShards int `json:"routing_num_shards"`
			}
		}
	}
	const op = "read the routing shards"
	r := request{
		op: op, index: index, method: "GET", path: path("_cluster", "state", "metadata", index),
		params: params("filter_path", "metadata.indices.*.routing_num_shards"),
	}
	if err := c.call(ctx, r, &state); err != nil && !Forbidden(err) {
		return 0, err
	}
	if n := state.Metadata.Indices[index].RoutingShards; n > 0 {
		return n, nil
	}
	// Engines before 7 keep it as a setting, and default to the shards there are.
	settings, err := c.flatSettings(ctx, index, "open,closed")
	if err != nil {
		return 0, err
	}
	for _, key := range []string{"index.number_of_routing_shards", "index.number_of_shards"} {
		if n, err := strconv.Atoi(settings[index][key]); err == nil {
			return n, nil
		}
	}
	return 0, partial(op, index, c.address, "neither the cluster state nor the settings tell them")
}
