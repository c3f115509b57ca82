package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// longestList bounds the names in one request, escaped: engines read a first
// line of 4,096 bytes.
const longestList = 3000

// several cuts names into lists for one request each: a change of many indices
// is one change of the cluster's state then, which writers may be waiting for.
func several(names []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		start, length := 0, 0
		for i, name := range names {
			n := len(path(name)) + len("%2C")
			if i > start && length+n > longestList {
				if !yield(names[start:i]) {
					return
				}
				start, length = i, 0
			}
			length += n
		}
		if start < len(names) {
			yield(names[start:])
		}
	}
}

// list is how a path names several indices.
func list(names []string) string { return strings.Join(names, ",") }

// label names several indices in an error.
func label(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// PutSettings changes settings of indices alike; a nil value takes a setting off.
func (c *Cluster) PutSettings(ctx context.Context, indices []string, settings map[string]any) error {
	return c.putSettings(ctx, "change settings", indices, settings)
}

func (c *Cluster) putSettings(ctx context.Context, op string, indices []string, settings map[string]any, pairs ...string) error {
	if len(settings) == 0 {
		return nil
	}
	for names := range several(indices) {
		r := request{op: op, index: label(names), method: "PUT", path: path(list(names), "_settings"), body: body(settings), params: params(pairs...)}
		if err := c.call(ctx, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// BlockWrites holds writers of indices back. Where the engine has the block API it
// returns after the writes in flight have ended; otherwise the caller waits
// until the positions are quiet and stand still (protocol 4). Where it fails,
// some of them may be blocked.
func (c *Cluster) BlockWrites(ctx context.Context, indices []string) error {
	const op = "block writes"
	if !c.identity.BlocksByAPI() {
		return c.putSettings(ctx, op, indices, map[string]any{"index.blocks.write": true})
	}
	for names := range several(indices) {
		if err := c.blockByAPI(ctx, op, names); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) blockByAPI(ctx context.Context, op string, names []string) error {
	var answer struct {
		Acknowledged       bool
		ShardsAcknowledged bool `json:"shards_acknowledged"`
		Indices            []struct {
			Name    string
			Blocked bool
		}
	}
	if err := c.call(ctx, request{op: op, index: label(names), method: "PUT", path: path(list(names), "_block", "write")}, &answer); err != nil {
		return err
	}
	blocked := map[string]bool{}
	for _, i := range answer.Indices {
		blocked[i.Name] = i.Blocked
	}
	for _, name := range names {
		if !answer.Acknowledged || !answer.ShardsAcknowledged || !blocked[name] {
			return &Error{
				Op: op, Index: name, URL: c.address, Type: "not_acknowledged", Reason: "not every shard acknowledged the write block",
				Hint: "check that all shards are started, then run the command again",
			}
		}
	}
	return nil
}

// UnblockWrites lifts the write blocks of indices; one that is gone has none.
func (c *Cluster) UnblockWrites(ctx context.Context, indices []string) error {
	settings := map[string]any{"index.blocks.write": nil}
	if !c.identity.AtLeast(5, 0) {
		// These refuse to take a setting off, and leave the block where it is.
		settings["index.blocks.write"] = false
	}
	return c.putSettings(ctx, "lift the write block", indices, settings, "ignore_unavailable", "true")
}

// Aliases gives, per index that has any, its aliases with their definitions; "*"
// stands for all indices. The whole definitions are asked for, since an engine
// with security lists, under _alias, only the aliases that the user's role names:
// others would be left behind unseen, and where none is left, Elasticsearch 6
// says that there is no such index.
func (c *Cluster) Aliases(ctx context.Context, indices []string) (map[string]map[string]json.RawMessage, error) {
	out := map[string]map[string]json.RawMessage{}
	for names := range several(indices) {
		var answer map[string]struct {
			Aliases map[string]json.RawMessage
		}
		r := request{op: "list the aliases", index: label(names), method: "GET", path: path(list(names)), params: params("filter_path", "*.aliases")}
		if err := c.call(ctx, r, &answer); err != nil {
			return nil, err
		}
		for index, a := range answer {
			if len(a.Aliases) > 0 {
				out[index] = a.Aliases
			}
		}
	}
	return out, nil
}
