package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Disk is the room on a data node, over its paths.
type Disk struct {
	Node        string
	Total, Free int64
}

// Used is the share that is taken.
func (d Disk) Used() float64 { return 1 - float64(d.Free)/float64(max(d.Total, 1)) }

// Disks asks every data node for its room, by name (GET _nodes/stats, which wants
// the privilege monitor). A node that does not answer is an error.
func (c *Cluster) Disks(ctx context.Context) ([]Disk, error) {
	const op = "ask the nodes for their disks"
	r := request{
		op: op, method: http.MethodGet, path: path("_nodes", "stats", "fs"), once: true,
		params: params("filter_path", "_nodes.failed,nodes.*.name,nodes.*.roles,nodes.*.fs.total"),
	}
	var answer struct {
		Summary struct{ Failed int } `json:"_nodes"`
		Nodes   map[string]struct {
			Name  string
			Roles []string
			FS    struct {
				Total struct {
					Total     int64 `json:"total_in_bytes"`
					Available int64 `json:"available_in_bytes"`
				}
			}
		}
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	if answer.Summary.Failed > 0 || len(answer.Nodes) == 0 {
		return nil, partial(op, "", c.address, "%d nodes answered, %d did not", len(answer.Nodes), answer.Summary.Failed)
	}
	var disks []Disk
	for _, id := range slices.Sorted(maps.Keys(answer.Nodes)) {
		n := answer.Nodes[id]
		// Elasticsearch 2 tells no roles.
		data := len(n.Roles) == 0 || slices.ContainsFunc(n.Roles, func(role string) bool { return strings.HasPrefix(role, "data") })
		if data && n.FS.Total.Total > 0 {
			disks = append(disks, Disk{Node: n.Name, Total: n.FS.Total.Total, Free: n.FS.Total.Available})
		}
	}
	return disks, nil
}

// Watermark is how full a disk may become: a share of it that is taken, or bytes
// that stay free, whichever is reached later.
type Watermark struct {
	share float64
	// free is what is enough, whatever the share; 0 where the share counts alone.
	free int64
}

// Over reports whether the disk is fuller than that.
func (w Watermark) Over(d Disk) bool {
	needed := d.Total - int64(float64(d.Total)*w.share)
	if w.share == 0 || w.free > 0 && w.free < needed {
		needed = w.free
	}
	return d.Free < needed
}

// Watermarks gives what the engine does with full disks: above low it puts no
// more shards on a node, above high it moves them away, and not much later it
// takes no more writes.
func (c *Cluster) Watermarks(ctx context.Context) (low, high Watermark, err error) {
	p := params("filter_path", "*.cluster.routing.allocation.disk")
	if c.identity.AtLeast(6, 0) {
		p.Set("include_defaults", "true")
	}
	var answer map[string]struct {
		Cluster struct {
			Routing struct {
				Allocation struct {
					Disk struct{ Watermark map[string]any }
				}
			}
		}
	}
	r := request{op: "read the disk watermarks", method: http.MethodGet, path: path("_cluster", "settings"), once: true, params: p}
	if err := c.call(ctx, r, &answer); err != nil {
		return low, high, err
	}
	set := map[string]string{"low": "85%", "high": "90%"}
	for _, layer := range []string{"defaults", "persistent", "transient"} {
		for name, value := range answer[layer].Cluster.Routing.Allocation.Disk.Watermark {
			if text, ok := value.(string); ok {
				set[name] = text
			}
		}
	}
	if low, err = watermark(set, "low"); err == nil {
		high, err = watermark(set, "high")
	}
	return low, high, err
}

// watermark reads 90%, 0.9 or 50gb, and the headroom of large disks.
func watermark(set map[string]string, name string) (w Watermark, err error) {
	value := set[name]
	percent, isPercent := strings.CutSuffix(value, "%")
	share, fault := strconv.ParseFloat(percent, 64)
	switch {
	case fault == nil && isPercent:
		w.share = share / 100
	case fault == nil:
		w.share = share
	default:
		w.free, err = sized(value)
		return w, err
	}
	if headroom := set[name+".max_headroom"]; headroom != "" && headroom != "-1" {
		w.free, err = sized(headroom)
	}
	return w, err
}

// sized reads a size as engines print it, such as 150gb.
func sized(s string) (int64, error) {
	text := strings.ToLower(s)
	for shift, unit := range map[int]string{50: "pb", 40: "tb", 30: "gb", 20: "mb", 10: "kb"} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return 0, fmt.Errorf("read the size %q: %w", s, err)
			}
			return int64(n * float64(int64(1)<<shift)), nil
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, "b"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the size %q: %w", s, err)
	}
	return n, nil
}
