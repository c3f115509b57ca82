package cluster

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"esferry/internal/retry"
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
}

// Positions reads where every primary of the index stands (protocol 1.1 and
// 1.3), sorted by shard number. Terms come from the cluster state and are read
// first, so that a failover in between shows as a change the next time. A
// primary that is missing, relocating or not started is an error, not zero.
func (c *Cluster) Positions(ctx context.Context, index string) ([]shard.Position, error) {
	return persist(ctx, c, func(ctx context.Context) ([]shard.Position, error) { return c.positions(ctx, index) })
}

func (c *Cluster) positions(ctx context.Context, index string) ([]shard.Position, error) {
	terms, err := c.terms(ctx, index)
	if Forbidden(err) {
		return c.hintedPositions(ctx, index)
	}
	if err != nil {
		return nil, err
	}
	positions, err := c.unnamedPositions(ctx, index, len(terms))
	for i := range positions {
		positions[i].Term = terms[i]
	}
	return positions, err
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
	first, err := c.unnamedPositions(ctx, index, there.Shards)
	if err != nil {
		return nil, err
	}
	terms := make([]int64, there.Shards)
	for i := range first {
		if terms[i], err = c.newestTerm(ctx, first[i]); err != nil {
			return nil, err
		}
	}
	positions, err := c.unnamedPositions(ctx, index, there.Shards)
	for i := range positions {
		positions[i].Term = terms[i]
	}
	return positions, err
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

// unnamedPositions reads the positions of so many shards without their terms.
func (c *Cluster) unnamedPositions(ctx context.Context, index string, shards int) ([]shard.Position, error) {
	var stats struct {
		Shards  shardsHeader `json:"_shards"`
		Indices map[string]struct {
			Shards map[string][]shardStats
		}
	}
	const op = "read the positions"
	r := request{op: op, index: index, method: "GET", path: path(index, "_stats"), params: params("level", "shards",
		"filter_path", "_shards,indices.*.shards.*.routing,indices.*.shards.*.seq_no,indices.*.shards.*.commit.user_data")}
	if err := c.call(ctx, r, &stats); err != nil {
		return nil, err
	}
	if stats.Shards.Failed > 0 {
		return nil, partial(op, index, c.address, "%d shards failed: %s", stats.Shards.Failed, oneLine(stats.Shards.Failures))
	}
	copies := stats.Indices[index].Shards
	out := make([]shard.Position, 0, shards)
	for number := range shards {
		p, err := position(copies[strconv.Itoa(number)])
		if err != nil {
			return nil, partial(op, index, c.address, "shard %d: %s", number, err)
		}
		p.Shard = shard.ID{Index: index, Number: number}
		out = append(out, p)
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
	terms, err := c.terms(ctx, index)
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
		if number < len(terms) {
			out[number].Term = terms[number]
		}
	}
	return out, nil
}

// Activity is what an index's primaries have been asked to write since they
// were started.
type Activity struct {
	// Writes is the count of documents indexed and deleted.
	Writes int64 `json:"writes"`
	// Current is how many are being written at this moment.
	Current int64 `json:"current"`
}

// Activity counts the writes of an index, for engines that do not number them.
// Two equal answers mean that nothing was written in between, unless a primary
// moved or was started anew meanwhile.
func (c *Cluster) Activity(ctx context.Context, index string) (Activity, error) {
	return persist(ctx, c, func(ctx context.Context) (Activity, error) { return c.activity(ctx, index) })
}

func (c *Cluster) activity(ctx context.Context, index string) (Activity, error) {
	var answer struct {
		Shards shardsHeader `json:"_shards"`
		All    struct {
			Primaries struct {
				Indexing struct {
					Index         int64 `json:"index_total"`
					Delete        int64 `json:"delete_total"`
					IndexCurrent  int64 `json:"index_current"`
					DeleteCurrent int64 `json:"delete_current"`
				}
			}
		} `json:"_all"`
	}
	r := request{op: "count the writes", index: index, method: "GET", path: path(index, "_stats", "indexing")}
	if err := c.call(ctx, r, &answer); err != nil {
		return Activity{}, err
	}
	if answer.Shards.Failed > 0 || answer.Shards.Successful == 0 {
		return Activity{}, partial(r.op, index, c.address, "%d shards failed, %d succeeded", answer.Shards.Failed, answer.Shards.Successful)
	}
	i := answer.All.Primaries.Indexing
	return Activity{Writes: i.Index + i.Delete, Current: i.IndexCurrent + i.DeleteCurrent}, nil
}

func (c *Cluster) noIndex(op, index string) *Error {
	return &Error{
		Op: op, Index: index, URL: c.address, Status: 404, Type: "index_not_found", Reason: "the cluster state holds no such index",
		Hint: "check the name with GET _cat/indices",
	}
}

// terms reads the primary term of each shard from the cluster state.
func (c *Cluster) terms(ctx context.Context, index string) ([]int64, error) {
	var state struct {
		Metadata struct {
			Indices map[string]struct {
				PrimaryTerms map[string]int64 `json:"primary_terms"`
			}
		}
	}
	const op = "read the primary terms"
	r := request{
		op: op, index: index, method: "GET", path: path("_cluster", "state", "metadata", index),
		params: params("filter_path", "metadata.indices.*.primary_terms"),
	}
	if err := c.call(ctx, r, &state); err != nil {
		return nil, err
	}
	byNumber := state.Metadata.Indices[index].PrimaryTerms
	if len(byNumber) == 0 {
		return nil, c.noIndex(op, index)
	}
	terms := make([]int64, len(byNumber))
	for number, term := range byNumber {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(terms) {
			return nil, partial(op, index, c.address, "the cluster state numbers a shard %q of %d", number, len(terms))
		}
		terms[n] = term
	}
	return terms, nil
}

// Refresh makes every operation at or below a G read before it visible to
// searches on the primaries (protocol 1.1).
func (c *Cluster) Refresh(ctx context.Context, index string) error {
	return c.broadcast(ctx, "refresh", index, "_refresh", nil)
}

// Flush commits, so that checkpoints move even where the translog is written
// asynchronously.
func (c *Cluster) Flush(ctx context.Context, index string) error {
	// Engines before 7 pass over a shard that is just being flushed.
	return c.broadcast(ctx, "flush", index, "_flush", params("wait_if_ongoing", "true"))
}

func (c *Cluster) broadcast(ctx context.Context, op, index, endpoint string, p url.Values) error {
	return retry.Do(ctx, c.patience, func(ctx context.Context) error { return c.broadcastOnce(ctx, op, index, endpoint, p) })
}

func (c *Cluster) broadcastOnce(ctx context.Context, op, index, endpoint string, p url.Values) error {
	var answer struct {
		Shards shardsHeader `json:"_shards"`
	}
	if err := c.call(ctx, request{op: op, index: index, method: "POST", path: path(index, endpoint), params: p}, &answer); err != nil {
		return err
	}
	// Unassigned replicas count in total and never answer: only failures count.
	if answer.Shards.Failed > 0 || answer.Shards.Successful == 0 {
		return partial(op, index, c.address, "%d shards failed, %d succeeded: %s", answer.Shards.Failed, answer.Shards.Successful, oneLine(answer.Shards.Failures))
	}
	return nil
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
