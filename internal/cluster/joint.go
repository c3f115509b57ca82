package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"esferry/internal/joint"
	"esferry/internal/shard"
)

// joined are the calls about an index that callers share who come at the same
// time: a ferry asks the same of all its indices, in step.
type joined struct {
	positions          *joint.Calls[string, []shard.Position]
	indices            *joint.Calls[string, Index]
	counts             *joint.Calls[string, int64]
	refreshes, flushes *joint.Calls[string, struct{}]
}

func join(c *Cluster) *joined {
	broadcast := func(op, endpoint string, p url.Values) *joint.Calls[string, struct{}] {
		return joint.New(
			func(ctx context.Context, names []string) ([]struct{}, error) {
				return make([]struct{}, len(names)), c.broadcast(ctx, op, names, endpoint, p)
			},
			func(ctx context.Context, name string) (struct{}, error) {
				return persist(ctx, c, func(ctx context.Context) (struct{}, error) {
					return struct{}{}, c.broadcast(ctx, op, []string{name}, endpoint, p)
				})
			})
	}
	return &joined{
		positions: joint.New(c.positions, c.positionsOfOne),
		indices:   joint.New(c.indicesNamed, c.indexOfOne),
		counts: joint.New(c.countSeveral, func(ctx context.Context, index string) (int64, error) {
			return c.count(ctx, index, "", 0, nil)
		}),
		refreshes: broadcast("refresh", "_refresh", nil),
		// Engines before 7 pass over a shard that is just being flushed.
		flushes: broadcast("flush", "_flush", params("wait_if_ongoing", "true")),
	}
}

// indicesNamed gives indices by their own names; a name that none has is an
// error.
func (c *Cluster) indicesNamed(ctx context.Context, names []string) ([]Index, error) {
	out := make([]Index, 0, len(names))
	for some := range several(names) {
		settings, err := c.flatSettings(ctx, list(some), "all")
		if err != nil {
			return nil, err
		}
		for _, name := range some {
			own, ok := settings[name]
			if !ok {
				return nil, c.noIndex("read the settings", name)
			}
			index, err := c.indexWith(name, own)
			if err != nil {
				return nil, err
			}
			out = append(out, index)
		}
	}
	return out, nil
}

// countSeveral counts the live root documents of indices, each by a search of its
// own in one request: the engine's own count adds several up.
func (c *Cluster) countSeveral(ctx context.Context, indices []string) ([]int64, error) {
	out := make([]int64, 0, len(indices))
	for names := range several(indices) {
		counts, err := c.countByHits(ctx, names)
		if err != nil {
			return nil, err
		}
		out = append(out, counts...)
	}
	return out, nil
}

func (c *Cluster) countByHits(ctx context.Context, indices []string) ([]int64, error) {
	const op = "count the documents"
	var answer struct {
		Responses []struct {
			searchHeader
			Hits struct{ Total json.RawMessage }
		}
	}
	r := request{
		op: op, index: label(indices), method: "POST", path: "/_msearch", contentType: "application/x-ndjson", body: c.countingSearches(indices),
		params: params("filter_path", "responses.timed_out,responses.terminated_early,responses._shards,responses.hits.total"),
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	if len(answer.Responses) != len(indices) {
		return nil, partial(op, r.index, c.address, "%d of %d searches were answered", len(answer.Responses), len(indices))
	}
	out := make([]int64, len(indices))
	for i, one := range answer.Responses {
		if one.TimedOut || one.TerminatedEarly {
			return nil, partial(op, indices[i], c.address, "the count ended early")
		}
		if err := c.whole(op, indices[i], one.Shards, 0); err != nil {
			return nil, err
		}
		total, err := exactTotal(one.Hits.Total)
		if err != nil {
			return nil, partial(op, indices[i], c.address, "the search gives no exact total: %s", oneLine(one.Hits.Total))
		}
		out[i] = total
	}
	return out, nil
}

// countingSearches is the body of a search for all documents of each index, of
// which none is wanted.
func (c *Cluster) countingSearches(indices []string) string {
	var searches strings.Builder
	for _, index := range indices {
		header := map[string]any{"index": index, "request_cache": false}
		if c.identity.PrimaryPreference() {
			// Under segment replication a replica counts what it had a while ago.
			header["preference"] = "_primary"
		}
		searches.WriteString(body(header) + "\n")
		searches.WriteString(`{"size":0,"track_total_hits":true}` + "\n")
	}
	return searches.String()
}

var errInexact = errors.New("the total is only a lower bound")

// exactTotal reads a search's total: a number before Elasticsearch 7, and since
// then an object that says whether it is exact.
func exactTotal(total json.RawMessage) (int64, error) {
	var number int64
	if err := json.Unmarshal(total, &number); err == nil {
		return number, nil
	}
	var object struct {
		Value    *int64
		Relation string
	}
	if err := json.Unmarshal(total, &object); err != nil {
		return 0, err
	}
	if object.Value == nil || object.Relation != "eq" {
		return 0, errInexact
	}
	return *object.Value, nil
}
