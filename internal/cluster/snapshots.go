package cluster

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Repository is a snapshot repository as an engine keeps it.
type Repository struct {
	Type     string            `json:"type"`
	Settings map[string]string `json:"settings"`
}

// Repository reads a registration; found is false where there is none.
func (c *Cluster) Repository(ctx context.Context, name string) (r Repository, found bool, err error) {
	var answer map[string]Repository
	err = c.call(ctx, request{op: "read the repository " + name, method: http.MethodGet, path: path("_snapshot", name)}, &answer)
	if NotFound(err) {
		return Repository{}, false, nil
	}
	if err != nil {
		return Repository{}, false, err
	}
	r, found = answer[name]
	return r, found, nil
}

// PutRepository registers a repository, verified by the engine where it may
// write. The settings may hold secrets and appear in no error.
func (c *Cluster) PutRepository(ctx context.Context, name, kind string, settings map[string]any) error {
	r := request{
		op: fmt.Sprintf("register the repository %s of type %s", name, kind), method: http.MethodPut, path: path("_snapshot", name),
		body: body(map[string]any{"type": kind, "settings": settings}),
	}
	err := c.call(ctx, r, nil)
	return hinted(err, func(e *Error) string {
		switch {
		case strings.Contains(e.Reason, "does not exist") && strings.Contains(e.Reason, "repository type"):
			return fmt.Sprintf("install the plugin repository-%s on each node and restart them", kind)
		case strings.Contains(e.Reason, "path.repo"):
			return "add the location to path.repo in each node's configuration and restart them"
		case e.Type == "repository_verification_exception":
			return "check bucket, credentials and permissions of the repository: every node must read and write it"
		default:
			return ""
		}
	})
}

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
	// StartMillis and EndMillis are by the engine's clock.
	StartMillis int64  `json:"start_time_in_millis"`
	EndMillis   int64  `json:"end_time_in_millis"`
	Reason      string `json:"reason"`
	Shards      struct {
		Total, Successful, Failed int64
	} `json:"shards"`
	Failures []struct {
		Index  string `json:"index"`
		Shard  int    `json:"shard_id"`
		Reason string `json:"reason"`
	} `json:"failures"`
}

// Snapshot reads one snapshot; found is false where there is none.
func (c *Cluster) Snapshot(ctx context.Context, repository, name string) (s Snapshot, found bool, err error) {
	var answer struct {
		Snapshots []Snapshot
		// OpenSearch and Elasticsearch 8 may answer by repository.
		Responses []struct {
			Snapshots []Snapshot
		}
	}
	r := request{op: "read the snapshot " + name, method: http.MethodGet, path: path("_snapshot", repository, name)}
	err = c.call(ctx, r, &answer)
	if NotFound(err) {
		return Snapshot{}, false, nil
	}
	if err != nil {
		return Snapshot{}, false, err
	}
	for _, response := range answer.Responses {
		answer.Snapshots = append(answer.Snapshots, response.Snapshots...)
	}
	for _, one := range answer.Snapshots {
		if one.Name == name {
			return one, true, nil
		}
	}
	return Snapshot{}, false, nil
}

// Progress of a snapshot or a recovery.
type Progress struct {
	// Done and Total are shards; Bytes are those moved so far.
	Done, Total, Bytes int64
}

// SnapshotProgress reads how far a running snapshot is.
func (c *Cluster) SnapshotProgress(ctx context.Context, repository, name string) (Progress, error) {
	var answer struct {
		Snapshots []struct {
			ShardsStats struct{ Done, Total int64 } `json:"shards_stats"`
			Stats       struct {
				// The engines from 6.4 on tell the first two, older ones the third.
				Processed struct {
					Bytes int64 `json:"size_in_bytes"`
				}
				Incremental struct {
					Bytes int64 `json:"size_in_bytes"`
				}
				ProcessedBytes int64 `json:"processed_size_in_bytes"`
			}
		}
	}
	r := request{op: "follow the snapshot " + name, method: http.MethodGet, path: path("_snapshot", repository, name, "_status")}
	if err := c.call(ctx, r, &answer); err != nil {
		return Progress{}, err
	}
	var p Progress
	for _, s := range answer.Snapshots {
		p.Done, p.Total = p.Done+s.ShardsStats.Done, p.Total+s.ShardsStats.Total
		p.Bytes += max(s.Stats.Processed.Bytes, s.Stats.ProcessedBytes)
	}
	return p, nil
}

// Busy names what writes to a repository now, as this cluster knows it: a
// snapshot, a delete or a clean-up; empty where nothing does. Deletes show in
// the cluster's state only, and are missed where that may not be read.
func (c *Cluster) Busy(ctx context.Context, repository string) (string, error) {
	var running struct {
		Snapshots []struct{ Snapshot, Repository string }
	}
	// Without a name it lists what runs; the engines since 1.x know it.
	r := request{op: "look for running snapshots", method: http.MethodGet, path: "/_snapshot/_status"}
	if err := c.call(ctx, r, &running); err != nil {
		return "", err
	}
	for _, s := range running.Snapshots {
		if s.Repository == repository {
			return "snapshot " + s.Snapshot, nil
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
	r = request{
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

// CreateSnapshot asks for a snapshot of open indices and returns at once. Its
// effect is ambiguous where the answer is lost: read it back by name.
func (c *Cluster) CreateSnapshot(ctx context.Context, repository, name string, indices []string) error {
	definition := map[string]any{
		"indices": strings.Join(indices, ","), "include_global_state": false, "partial": false,
		// A missing index must fail the snapshot, not thin it out.
		"ignore_unavailable": false,
	}
	if c.identity.Product == Elasticsearch && c.identity.AtLeast(7, 12) {
		definition["feature_states"] = []string{"none"}
	}
	return c.call(ctx, request{
		op: "create the snapshot " + name, method: http.MethodPut, path: path("_snapshot", repository, name), body: body(definition),
		params: params("wait_for_completion", "false"), once: true,
	}, nil)
}

// RestoreRequest says what of a snapshot becomes an index.
type RestoreRequest struct {
	Index, As string
	// Settings override those of the snapshot; Ignored are left out of it.
	Settings map[string]any
	Ignored  []string
}

// Restore asks for one index of a snapshot and returns at once. Its effect is
// ambiguous where the answer is lost: read the index back.
func (c *Cluster) Restore(ctx context.Context, repository, snapshot string, q RestoreRequest) error {
	definition := map[string]any{
		"indices": q.Index, "include_global_state": false, "include_aliases": false, "partial": false,
		"index_settings": q.Settings, "ignore_index_settings": q.Ignored,
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
