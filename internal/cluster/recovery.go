package cluster

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
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
	all, err := c.Healths(ctx, []string{index})
	return all[index], err
}

// namesAtOnce keeps the address of a request about many indices short enough.
const namesAtOnce = 50

// Healths reads how the shards of many indices stand, in few requests. An index
// that is not in the answer was not there, or was asked for together with one that
// was not.
func (c *Cluster) Healths(ctx context.Context, indices []string) (map[string]Health, error) {
	out := map[string]Health{}
	for part := range slices.Chunk(indices, namesAtOnce) {
		var answer struct {
			Indices map[string]Health
		}
		r := request{
			op: "read the health", index: label(part), method: http.MethodGet, path: path("_cluster", "health", list(part)),
			params: params("level", "indices", "timeout", "0s"),
		}
		err := c.call(ctx, r, &answer)
		if err != nil && statusOf(err) != http.StatusRequestTimeout && !NotFound(err) {
			return nil, err
		}
		maps.Copy(out, answer.Indices)
	}
	return out, nil
}

// DataNodes counts the nodes that hold data. Not every service tells.
func (c *Cluster) DataNodes(ctx context.Context) (int, error) {
	var answer struct {
		Nodes int `json:"number_of_data_nodes"`
	}
	r := request{
		op: "count the data nodes", method: http.MethodGet, path: path("_cluster", "health"), once: true,
		params: params("filter_path", "number_of_data_nodes", "timeout", "0s"),
	}
	err := c.call(ctx, r, &answer)
	return answer.Nodes, err
}

// Color asks once for the cluster's health: green, yellow or red. Not every
// service tells everyone (privilege monitor).
func (c *Cluster) Color(ctx context.Context) (string, error) {
	var answer struct{ Status string }
	r := request{
		op: "ask for the cluster's health", method: http.MethodGet, path: path("_cluster", "health"), once: true,
		params: params("filter_path", "status", "timeout", "0s"),
	}
	err := c.call(ctx, r, &answer)
	return answer.Status, err
}

// recovery is how one copy of a shard came to be where it is.
type recovery struct {
	ID      int
	Primary bool
	Stage   string
	// Started is in milliseconds, by the engine's clock.
	Started int64 `json:"start_time_in_millis"`
	Source  struct{ Repository, Snapshot string }
	Index   struct {
		Size struct {
			Total     int64 `json:"total_in_bytes"`
			Reused    int64 `json:"reused_in_bytes"`
			Recovered int64 `json:"recovered_in_bytes"`
		}
		Files struct{ Total, Reused, Recovered int64 }
	}
}

// recoveries gives the latest recovery of each of an index's primaries that has
// begun one. A closed index of an engine before 7.2 has none.
func (c *Cluster) recoveries(ctx context.Context, index string) ([]recovery, error) {
	var answer map[string]struct{ Shards []recovery }
	r := request{op: "follow the recovery", index: index, method: http.MethodGet, path: path(index, "_recovery")}
	err := c.call(ctx, r, &answer)
	var e *Error
	if NotFound(err) || errors.As(err, &e) && e.Type == "index_closed_exception" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var primaries []recovery
	for _, one := range answer[index].Shards {
		if one.Primary {
			primaries = append(primaries, one)
		}
	}
	return primaries, nil
}

// RecoveryProgress reads how far an index's primaries are restored: what they
// hold already of an earlier restore counts as moved.
func (c *Cluster) RecoveryProgress(ctx context.Context, index string) (Progress, error) {
	primaries, err := c.recoveries(ctx, index)
	if err != nil {
		return Progress{}, err
	}
	var p Progress
	for _, s := range primaries {
		p.Total++
		p.Files, p.TotalFiles = p.Files+s.Index.Files.Recovered+s.Index.Files.Reused, p.TotalFiles+s.Index.Files.Total
		p.Bytes, p.TotalBytes = p.Bytes+s.Index.Size.Recovered+s.Index.Size.Reused, p.TotalBytes+s.Index.Size.Total
		if s.Stage == "DONE" {
			p.Done++
		}
	}
	return p, nil
}

// LastRecovery gives when the newest recovery of an index's primaries began, in
// milliseconds by the engine's clock; 0 where none is known.
func (c *Cluster) LastRecovery(ctx context.Context, index string) (int64, error) {
	primaries, err := c.recoveries(ctx, index)
	if err != nil {
		return 0, err
	}
	last := int64(0)
	for _, one := range primaries {
		last = max(last, one.Started)
	}
	return last, nil
}

// Origin is where an open index's primaries come from.
type Origin string

// The origins.
const (
	// FromSnapshot: they are being restored from the snapshot, or were.
	FromSnapshot Origin = "snapshot"
	// FromElsewhere: none of them was.
	FromElsewhere Origin = "elsewhere"
	// FromUnknown: they do not tell yet; ask again.
	FromUnknown Origin = "unknown"
)

// OriginOf tells whether an index is one restored from a snapshot by a recovery
// that began after since, in milliseconds by the engine's clock: so that a
// restore of before is told apart from the one that was asked for. It stays
// true until a node that holds a primary is started anew.
func (c *Cluster) OriginOf(ctx context.Context, index, repository, snapshot string, since int64) (Origin, error) {
	primaries, err := c.recoveries(ctx, index)
	if err != nil {
		return FromUnknown, err
	}
	for _, one := range primaries {
		if one.Source.Repository == repository && one.Source.Snapshot == snapshot && one.Started > since {
			return FromSnapshot, nil
		}
	}
	// A shard that waits for a node has begun no recovery, but tells what for.
	var rows []struct {
		Prirep, State string
		Details       string `json:"unassigned.details"`
	}
	r := request{
		op: "list the shards", index: index, method: http.MethodGet, path: path("_cat", "shards", index),
		params: params("format", "json", "h", "prirep,state,unassigned.details"),
	}
	if err := c.call(ctx, r, &rows); err != nil && !NotFound(err) {
		return FromUnknown, err
	}
	all, started := 0, 0
	for _, row := range rows {
		if row.Prirep == "p" {
			all++
		}
		if row.Prirep == "p" && row.State == "STARTED" {
			started++
		}
		if strings.Contains(row.Details, "restore_source["+repository+"/"+snapshot+"]") {
			return FromSnapshot, nil
		}
	}
	if all > 0 && started == all && len(primaries) >= all {
		return FromElsewhere, nil
	}
	return FromUnknown, nil
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
	// A restore that failed is itself a reason; what it failed for is another.
	reasons := []string{answer.Explanation}
	for _, node := range answer.Nodes {
		for _, d := range node.Deciders {
			if d.Decision == "NO" && !slices.Contains(reasons, d.Explanation) {
				reasons = append(reasons, d.Explanation)
			}
		}
	}
	if len(reasons) == 1 && answer.Unassigned.Details != "" {
		reasons = append(reasons, answer.Unassigned.Details)
	}
	const most = 4
	for i, reason := range reasons {
		reasons[i] = oneLine([]byte(innermost(reason)))
	}
	return strings.Join(reasons[:min(most, len(reasons))], "; "), nil
}

// innermost puts the last of a chain of exceptions first: it is the cause, and
// behind a page of the others nobody would see it.
func innermost(reason string) string {
	const nested = "nested: "
	first, last := strings.Index(reason, nested), strings.LastIndex(reason, nested)
	if last < 0 {
		return reason
	}
	return reason[last+len(nested):] + " (" + reason[:first] + ")"
}
