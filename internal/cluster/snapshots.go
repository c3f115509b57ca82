package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Snapshot states as engines name them.
const (
	SnapshotSuccess    = "SUCCESS"
	SnapshotPartial    = "PARTIAL"
	SnapshotInProgress = "IN_PROGRESS"
)

// Snapshot is what an engine tells of a snapshot.
type Snapshot struct {
	Name    string   `json:"snapshot"`
	State   string   `json:"state"`
	Indices []string `json:"indices"`
	// Metadata is what was given with the request; engines before 7.3 keep none.
	Metadata map[string]any `json:"metadata"`
	// StartMillis and EndMillis are by the engine's clock.
	StartMillis int64  `json:"start_time_in_millis"`
	EndMillis   int64  `json:"end_time_in_millis"`
	Reason      string `json:"reason"`
	Shards      struct {
		Total, Successful, Failed int64
	} `json:"shards"`
	Failures []SnapshotFailure `json:"failures"`
}

// SnapshotFailure is a shard that a snapshot lacks.
type SnapshotFailure struct {
	Index  string `json:"index"`
	Shard  int    `json:"shard_id"`
	Reason string `json:"reason"`
}

// Snapshot reads one snapshot; found is false where there is none.
func (c *Cluster) Snapshot(ctx context.Context, repository, name string) (s Snapshot, found bool, err error) {
	list, err := c.listSnapshots(ctx, request{op: "read the snapshot " + name, method: http.MethodGet, path: path("_snapshot", repository, name)})
	if NotFound(err) {
		return Snapshot{}, false, nil
	}
	if err != nil {
		return Snapshot{}, false, err
	}
	for _, one := range list {
		if one.Name == name {
			return one, true, nil
		}
	}
	return Snapshot{}, false, nil
}

// Snapshots lists every snapshot of a repository, running ones included.
func (c *Cluster) Snapshots(ctx context.Context, repository string) ([]Snapshot, error) {
	return c.listSnapshots(ctx, request{
		op: "list the snapshots of repository " + repository, method: http.MethodGet, path: path("_snapshot", repository, "_all"),
	})
}

// listSnapshots makes a call that answers with snapshots, at once or, as newer
// engines may, by repository.
func (c *Cluster) listSnapshots(ctx context.Context, r request) ([]Snapshot, error) {
	var answer struct {
		Snapshots []Snapshot
		Responses []struct {
			Snapshots []Snapshot
			Error     json.RawMessage
		}
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	list := answer.Snapshots
	for _, response := range answer.Responses {
		if len(response.Error) > 0 {
			// A repository that could not be read is no empty one.
			status := http.StatusInternalServerError
			if bytes.Contains(response.Error, []byte("snapshot_missing_exception")) {
				status = http.StatusNotFound
			}
			return nil, c.fail(r, status, nil, []byte(`{"error":`+string(response.Error)+`}`))
		}
		list = append(list, response.Snapshots...)
	}
	return list, nil
}

// RunningSnapshots names, as REPOSITORY/SNAPSHOT, what is being taken right
// now, in any repository; the engines since 1.x know it.
func (c *Cluster) RunningSnapshots(ctx context.Context) ([]string, error) {
	var answer struct {
		Snapshots []struct{ Repository, Snapshot string }
	}
	r := request{op: "list the running snapshots", method: http.MethodGet, path: path("_snapshot", "_status")}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range answer.Snapshots {
		names = append(names, s.Repository+"/"+s.Snapshot)
	}
	return names, nil
}

// Progress of a snapshot or a recovery.
type Progress struct {
	// Done and Total are shards.
	Done, Total int64
	// Files and Bytes are those moved so far, of TotalFiles and TotalBytes.
	Files, TotalFiles, Bytes, TotalBytes int64
}

// moved is a count of files and their bytes.
type moved struct {
	Files int64 `json:"file_count"`
	Bytes int64 `json:"size_in_bytes"`
}

// snapshotStatus is what engines tell of a snapshot, shard by shard.
type snapshotStatus struct {
	Snapshots []struct {
		ShardsStats struct{ Done, Total int64 } `json:"shards_stats"`
		Stats       struct {
			// The engines from 6.4 on tell what the snapshot adds, and, while it
			// runs, how much of it is done.
			Incremental moved
			Processed   *moved
			// Older ones tell these.
			Files          int64 `json:"number_of_files"`
			Bytes          int64 `json:"total_size_in_bytes"`
			ProcessedFiles int64 `json:"processed_files"`
			ProcessedBytes int64 `json:"processed_size_in_bytes"`
		}
		Indices map[string]struct {
			Shards map[string]json.RawMessage
		}
	}
}

func (c *Cluster) snapshotStatus(ctx context.Context, repository, name string) (s snapshotStatus, err error) {
	r := request{op: "read the status of snapshot " + name, method: http.MethodGet, path: path("_snapshot", repository, name, "_status")}
	return s, c.call(ctx, r, &s)
}

// SnapshotProgress reads how far a running snapshot is.
func (c *Cluster) SnapshotProgress(ctx context.Context, repository, name string) (Progress, error) {
	status, err := c.snapshotStatus(ctx, repository, name)
	if err != nil {
		return Progress{}, err
	}
	var p Progress
	for _, s := range status.Snapshots {
		p.Done, p.Total = p.Done+s.ShardsStats.Done, p.Total+s.ShardsStats.Total
		p.TotalFiles, p.TotalBytes = p.TotalFiles+s.Stats.Incremental.Files+s.Stats.Files, p.TotalBytes+s.Stats.Incremental.Bytes+s.Stats.Bytes
		done := s.Stats.Incremental
		if s.Stats.Processed != nil {
			done = *s.Stats.Processed
		}
		p.Files, p.Bytes = p.Files+done.Files+s.Stats.ProcessedFiles, p.Bytes+done.Bytes+s.Stats.ProcessedBytes
	}
	return p, nil
}

// Busy names what writes to a repository now, as this cluster knows it: a
// snapshot, a delete or a clean-up; empty where nothing does. Deletes show in
// the cluster's state only, and are missed where that may not be read.
func (c *Cluster) Busy(ctx context.Context, repository string) (string, error) {
	running, err := c.RunningSnapshots(ctx)
	if err != nil {
		return "", err
	}
	for _, one := range running {
		if name, here := strings.CutPrefix(one, repository+"/"); here {
			return "snapshot " + name, nil
		}
	}
	type entries []struct{ Repository string }
	var state struct {
		Deletions struct {
			Entries entries `json:"snapshot_deletions"`
		} `json:"snapshot_deletions"`
		Cleanup struct {
			Entries entries `json:"repository_cleanup"`
		} `json:"repository_cleanup"`
	}
	r := request{
		op: "look for deletes of snapshots", method: http.MethodGet, path: "/_cluster/state/customs",
		params: params("filter_path", "snapshot_deletions,repository_cleanup"),
	}
	if err := c.call(ctx, r, &state); err != nil && !Forbidden(err) {
		return "", err
	}
	here := func(e entries) bool {
		return slices.ContainsFunc(e, func(x struct{ Repository string }) bool { return x.Repository == repository })
	}
	switch {
	case here(state.Deletions.Entries):
		return "the delete of a snapshot", nil
	case here(state.Cleanup.Entries):
		return "a clean-up", nil
	default:
		return "", nil
	}
}

// SnapshotShards counts the shards of each index in a finished snapshot. The
// engine reads a file of each shard for the answer.
func (c *Cluster) SnapshotShards(ctx context.Context, repository, name string) (map[string]int, error) {
	status, err := c.snapshotStatus(ctx, repository, name)
	if err != nil {
		return nil, err
	}
	shards := map[string]int{}
	for _, s := range status.Snapshots {
		for index, one := range s.Indices {
			shards[index] = len(one.Shards)
		}
	}
	return shards, nil
}

// SnapshotRequest says what a snapshot is to hold.
type SnapshotRequest struct {
	Indices []string
	// Partial lets the snapshot go on without shards that are not started.
	Partial bool
	// Metadata is kept with the snapshot where the engine keeps any.
	Metadata map[string]any
}

// KeepsSnapshotMetadata reports whether snapshots keep what was given with the
// request.
func (i Identity) KeepsSnapshotMetadata() bool { return i.AtLeast(7, 3) }

// CreateSnapshot asks for a snapshot of open indices and returns at once. Its
// effect is ambiguous where the answer is lost: read it back by name.
func (c *Cluster) CreateSnapshot(ctx context.Context, repository, name string, q SnapshotRequest) error {
	definition := map[string]any{
		"indices": strings.Join(q.Indices, ","), "include_global_state": false, "partial": q.Partial,
		// A missing index must fail the snapshot, not thin it out.
		"ignore_unavailable": false,
	}
	if c.identity.KeepsSnapshotMetadata() && len(q.Metadata) > 0 {
		definition["metadata"] = q.Metadata
	}
	if c.identity.Product == Elasticsearch && c.identity.AtLeast(7, 12) {
		definition["feature_states"] = []string{"none"}
	}
	return c.call(ctx, request{
		op: "create the snapshot " + name, method: http.MethodPut, path: path("_snapshot", repository, name), body: body(definition),
		params: params("wait_for_completion", "false"), once: true,
	}, nil)
}

// DeleteSnapshot asks for a snapshot to be deleted, or aborted while it runs,
// and waits for that as long as the engine and what is between let it. Its
// effect is ambiguous where the answer is lost: read it back by name.
func (c *Cluster) DeleteSnapshot(ctx context.Context, repository, name string) error {
	return c.call(ctx, request{
		op: "delete the snapshot " + name, method: http.MethodDelete, path: path("_snapshot", repository, name), once: true,
	}, nil)
}

// RestoreRequest says what of a snapshot becomes an index.
type RestoreRequest struct {
	Index, As string
	// Settings override those of the snapshot; Ignored are left out of it.
	Settings map[string]any
	Ignored  []string
	// Aliases of the snapshot come along.
	Aliases bool
}

// Restore asks for one index of a snapshot and returns at once. Its effect is
// ambiguous where the answer is lost: read the index back.
func (c *Cluster) Restore(ctx context.Context, repository, snapshot string, q RestoreRequest) error {
	definition := map[string]any{
		"indices": q.Index, "include_global_state": false, "include_aliases": q.Aliases, "partial": false,
	}
	if len(q.Settings) > 0 {
		definition["index_settings"] = q.Settings
	}
	if len(q.Ignored) > 0 {
		definition["ignore_index_settings"] = q.Ignored
	}
	if q.As != q.Index {
		definition["rename_pattern"], definition["rename_replacement"] = "^.*$", strings.ReplaceAll(q.As, "$", `\$`)
	}
	if c.identity.Product == Elasticsearch && c.identity.AtLeast(7, 12) {
		definition["feature_states"] = []string{"none"}
	}
	return c.call(ctx, request{
		op: "restore snapshot " + snapshot, index: q.Index, method: http.MethodPost, path: path("_snapshot", repository, snapshot, "_restore"),
		body: body(definition), params: params("wait_for_completion", "false"), once: true,
	}, nil)
}

// hinted gives an *Error its next step, where fn knows one.
func hinted(err error, fn func(e *Error) string) error {
	e, ok := err.(*Error) //nolint:errorlint // the verb's own error is meant, not one below
	if !ok {
		return err
	}
	if hint := fn(e); hint != "" {
		e.Hint = hint
	}
	return e
}
