package cluster

import (
	"context"
	"maps"
	"slices"
)

// Load is how much a node has to do.
type Load struct {
	Node string
	// Queued searches, and Rejected ones since the node's start.
	Queued, Rejected int64
	// CPU of the node's machine in percent; -1 where it does not say.
	CPU int64
}

// Loads asks every node, once, for its load, by name (GET _nodes/stats, which
// wants the privilege monitor). A node that does not answer is an error.
func (c *Cluster) Loads(ctx context.Context) ([]Load, error) {
	const op = "ask the nodes for their load"
	r := request{
		op: op, method: "GET", path: path("_nodes", "stats", list([]string{"thread_pool", "os"})), once: true,
		params: params("filter_path", "_nodes.failed,nodes.*.name,nodes.*.thread_pool.search.queue,nodes.*.thread_pool.search.rejected,nodes.*.os.cpu.percent,nodes.*.os.cpu_percent"),
	}
	var answer struct {
		Summary struct{ Failed int } `json:"_nodes"`
		Nodes   map[string]nodeStats
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	if answer.Summary.Failed > 0 || len(answer.Nodes) == 0 {
		return nil, partial(op, "", c.address, "%d nodes answered, %d did not", len(answer.Nodes), answer.Summary.Failed)
	}
	loads := make([]Load, 0, len(answer.Nodes))
	for _, id := range slices.Sorted(maps.Keys(answer.Nodes)) {
		loads = append(loads, answer.Nodes[id].load())
	}
	return loads, nil
}

// nodeStats is what of a node's statistics its load is.
type nodeStats struct {
	Name    string
	Threads struct {
		Search struct{ Queue, Rejected int64 }
	} `json:"thread_pool"`
	OS struct {
		CPU struct{ Percent *int64 }
		// Elasticsearch 2 keeps it here.
		Percent *int64 `json:"cpu_percent"`
	}
}

func (n nodeStats) load() Load {
	l := Load{Node: n.Name, Queued: n.Threads.Search.Queue, Rejected: n.Threads.Search.Rejected, CPU: -1}
	for _, percent := range []*int64{n.OS.CPU.Percent, n.OS.Percent} {
		if percent != nil {
			l.CPU = *percent
		}
	}
	return l
}
