package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"esferry/internal/retry"
)

// The engines' names as they give them.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// Version is an engine's number; comparable as a value.
type Version struct {
	Major, Minor, Patch int
}

// String gives "major.minor.patch".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// AtLeast reports whether v is major.minor or newer.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// ParseVersion reads "7.10.2", "8.19.0-SNAPSHOT" and the like.
func ParseVersion(s string) (Version, error) {
	plain, _, _ := strings.Cut(s, "-")
	parts := strings.SplitN(plain, ".", 3)
	numbers := [3]int{}
	for i, p := range parts {
		// Unsigned, so that no sign is taken for a number's.
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return Version{}, fmt.Errorf("read the version %q: %w", s, err)
		}
		numbers[i] = int(n)
	}
	return Version{numbers[0], numbers[1], numbers[2]}, nil
}

// Identity is what an engine says of itself, and what follows for the calls.
type Identity struct {
	// Product is Elasticsearch or OpenSearch.
	Product string `json:"product"`
	// Version of the node that answered.
	Version Version `json:"version"`
	// Name and UUID of the cluster.
	Name string `json:"cluster_name"`
	UUID string `json:"cluster_uuid"`
}

// String gives product and version.
func (i Identity) String() string { return i.Product + " " + i.Version.String() }

// AtLeast reports whether the engine is an Elasticsearch of major.minor or
// newer, or any OpenSearch: OpenSearch 1.0 began as Elasticsearch 7.10.
func (i Identity) AtLeast(major, minor int) bool {
	if i.Product == OpenSearch {
		return major < 7 || major == 7 && minor <= 10
	}
	return i.Version.AtLeast(major, minor)
}

// Typed reports whether documents need a type in bulk requests.
func (i Identity) Typed() bool { return !i.AtLeast(7, 0) }

// SequenceNumbers reports whether the engine numbers operations at all.
func (i Identity) SequenceNumbers() bool { return i.AtLeast(6, 0) }

// BlocksByAPI reports whether PUT index/_block/write exists, which waits for
// writes in flight.
func (i Identity) BlocksByAPI() bool { return i.AtLeast(7, 9) }

// StrictSettling reports whether checkpoints may move before fsync, so that
// the settled mark follows commits (Elasticsearch before 7.3).
func (i Identity) StrictSettling() bool { return !i.AtLeast(7, 3) }

// PrimaryPreference reports whether searches and counts can ask for primaries:
// OpenSearch 2.8 brought it back, with segment replication, which needs it.
func (i Identity) PrimaryPreference() bool {
	return i.Product == OpenSearch && i.Version.AtLeast(2, 8)
}

// Identity gives what Probe has read.
func (c *Cluster) Identity() Identity { return c.identity }

// probePatience is how long an engine is asked that says it is busy.
const probePatience = 30 * time.Second

// told keeps an error from being temporary.
type told struct{ error }

// Temporary says that another try is not wanted.
func (*told) Temporary() bool { return false }

// Probe asks the engine who it is. A wrong address or password is told at once;
// an engine that answers that it is busy is asked again for a while. To be called before every other verb, from one
// goroutine.
func (c *Cluster) Probe(ctx context.Context) (Identity, error) {
	var id Identity
	err := retry.Do(ctx, retry.Policy{Total: probePatience}, func(ctx context.Context) (err error) {
		id, err = c.probeRoot(ctx)
		if err != nil && statusOf(err) == 0 {
			// Nobody answers there, or somebody else.
			return &told{err}
		}
		return err
	})
	if t, ok := errors.AsType[*told](err); ok {
		err = t.error
	}
	if status := statusOf(err); status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		// Some distributions leave the root handler out.
		id, err = c.probeNodes(ctx)
	}
	if err != nil {
		return Identity{}, err
	}
	if id.UUID == "" || id.UUID == "_na_" {
		return Identity{}, &Error{
			Op: "probe the cluster", URL: c.address, Reason: "it has no elected master yet, so it has no identity",
			Hint: "wait until GET _cluster/health answers, then run the command again",
		}
	}
	c.identity = id
	return id, nil
}

func (c *Cluster) probeRoot(ctx context.Context) (Identity, error) {
	var root struct {
		ClusterName string `json:"cluster_name"`
		ClusterUUID string `json:"cluster_uuid"`
		Version     struct {
			Number       string
			Distribution string
		}
	}
	var answer json.RawMessage
	if err := c.call(ctx, request{op: "probe the cluster", method: "GET", path: "/", once: true}, &answer); err != nil {
		return Identity{}, err
	}
	if json.Unmarshal(answer, &root) != nil {
		// A dashboard or a proxy answers with a page; identify refuses it.
		root.Version.Number = ""
	}
	return c.identify(root.ClusterName, root.ClusterUUID, root.Version.Number, root.Version.Distribution)
}

func (c *Cluster) probeNodes(ctx context.Context) (Identity, error) {
	var nodes struct {
		ClusterName string `json:"cluster_name"`
		Nodes       map[string]struct{ Version string }
	}
	r := request{op: "probe the cluster", method: "GET", path: "/_nodes/_local", once: true, params: params("filter_path", "cluster_name,nodes.*.version")}
	if err := c.call(ctx, r, &nodes); err != nil {
		return Identity{}, err
	}
	var state struct {
		ClusterUUID string `json:"cluster_uuid"`
	}
	r = request{op: "probe the cluster", method: "GET", path: "/_cluster/state/metadata", once: true, params: params("filter_path", "cluster_uuid")}
	if err := c.call(ctx, r, &state); err != nil {
		return Identity{}, err
	}
	for _, node := range nodes.Nodes {
		return c.identify(nodes.ClusterName, state.ClusterUUID, node.Version, "")
	}
	return Identity{}, partial("probe the cluster", "", c.address, "no node names its version")
}

func (c *Cluster) identify(name, uuid, number, distribution string) (Identity, error) {
	version, err := ParseVersion(number)
	if err != nil {
		return Identity{}, &Error{
			Op: "probe the cluster", URL: c.address, Reason: "the answer is not that of Elasticsearch or OpenSearch",
			Hint: "check url in the configuration: it must be the engine's REST address",
		}
	}
	if distribution == "" {
		distribution = Elasticsearch
	}
	return Identity{Product: distribution, Version: version, Name: name, UUID: uuid}, nil
}

// Plugins lists the plugins and modules that every node has: what one node
// lacks, the cluster lacks.
func (c *Cluster) Plugins(ctx context.Context) (map[string]bool, error) {
	var answer struct {
		Nodes map[string]struct {
			Plugins, Modules []struct{ Name string }
		}
	}
	r := request{op: "list the plugins", method: "GET", path: "/_nodes/plugins", params: params("filter_path", "nodes.*.plugins.name,nodes.*.modules.name")}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	seen := map[string]int{}
	for _, node := range answer.Nodes {
		for _, p := range append(node.Plugins, node.Modules...) {
			seen[p.Name]++
		}
	}
	everywhere := map[string]bool{}
	for name, nodes := range seen {
		everywhere[name] = nodes >= len(answer.Nodes)
	}
	return everywhere, nil
}

// shardsHeader is in every broadcast answer.
type shardsHeader struct {
	Total, Successful, Skipped, Failed int
	Failures                           json.RawMessage
}

// whole makes a partial answer an error: failed or missing shards, or a count
// of shards other than want (0: any count but none).
func (c *Cluster) whole(op, index string, s shardsHeader, want int) error {
	switch {
	case s.Failed > 0 || s.Successful < s.Total:
		return partial(op, index, c.address, "%d of %d shards answered; failures: %s", s.Successful, s.Total, oneLine(s.Failures))
	case s.Total == 0 || want > 0 && s.Total != want:
		return partial(op, index, c.address, "%d shards answered where %d were asked", s.Total, max(want, 1))
	default:
		return nil
	}
}
