package cluster

import (
	"context"
	"encoding/json"
	"net/http"
)

// Health is how an index's shards stand.
type Health struct {
	Status string `json:"status"`
	// Primaries is the number of shards, Started of those whose primary is.
	Primaries int64 `json:"number_of_shards"`
	Started   int64 `json:"active_primary_shards"`
}

// IndexHealth reads how an index's shards stand; an index that is not there
// yet has none.
func (c *Cluster) IndexHealth(ctx context.Context, index string) (Health, error) {
	var answer struct {
		Indices map[string]Health
	}
	r := request{
		op: "read the health", index: index, method: http.MethodGet, path: path("_cluster", "health", index),
		params: params("level", "indices", "timeout", "0s"),
	}
	err := c.call(ctx, r, &answer)
	if err != nil && statusOf(err) != http.StatusRequestTimeout && !NotFound(err) {
		return Health{}, err
	}
	return answer.Indices[index], nil
}

// RecoveryProgress reads how far an index's primaries are restored.
func (c *Cluster) RecoveryProgress(ctx context.Context, index string) (Progress, error) {
	var answer map[string]struct {
		Shards []struct {
			Primary bool
			Stage   string
			Index   struct {
				Size struct {
					Recovered int64 `json:"recovered_in_bytes"`
				}
			}
		}
	}
	r := request{op: "follow the recovery", index: index, method: http.MethodGet, path: path(index, "_recovery")}
	if err := c.call(ctx, r, &answer); err != nil {
		return Progress{}, err
	}
	var p Progress
	for _, s := range answer[index].Shards {
		if !s.Primary {
			continue
		}
		p.Total++
		p.Bytes += s.Index.Size.Recovered
		if s.Stage == "DONE" {
			p.Done++
		}
	}
	return p, nil
}

// WhyUnassigned asks why a primary of the index is not started, in the
// engine's words; empty where it has none, or where the reason is that the
// shard is being restored right now.
func (c *Cluster) WhyUnassigned(ctx context.Context, index string, number int) (string, error) {
	var answer struct {
		CurrentState string `json:"current_state"`
		CanAllocate  string `json:"can_allocate"`
		Explanation  string `json:"allocate_explanation"`
		Unassigned   struct {
			Reason  string
			Details string
		} `json:"unassigned_info"`
		Nodes []struct {
			Deciders []struct{ Decision, Explanation string }
		} `json:"node_allocation_decisions"`
	}
	r := request{
		op: "ask why a shard is not started", index: index, method: http.MethodPost, path: path("_cluster", "allocation", "explain"),
		body: body(map[string]any{"index": index, "shard": number, "primary": true}), once: true,
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return "", err
	}
	if answer.CurrentState != "unassigned" || answer.CanAllocate == "yes" || answer.CanAllocate == "throttled" || answer.CanAllocate == "awaiting_info" {
		return "", nil
	}
	why := answer.Explanation
	for _, node := range answer.Nodes {
		for _, d := range node.Deciders {
			if d.Decision == "NO" {
				return why + ": " + d.Explanation, nil
			}
		}
	}
	if answer.Unassigned.Details != "" {
		why += ": " + answer.Unassigned.Details
	}
	return oneLine(json.RawMessage(why)), nil
}
