package cluster

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"esferry/internal/retry"
)

func (c *Cluster) broadcast(ctx context.Context, op string, indices []string, endpoint string, p url.Values) error {
	for names := range several(indices) {
		var answer struct {
			Shards shardsHeader `json:"_shards"`
		}
		r := request{op: op, index: label(names), method: "POST", path: path(list(names), endpoint), params: p}
		err := retry.Do(ctx, c.patience, func(ctx context.Context) error {
			return c.unlessThere(ctx, names, c.callOnce(ctx, r, &answer))
		})
		if err != nil {
			return err
		}
		// Unassigned replicas count in total and never answer: only failures count.
		if answer.Shards.Failed > 0 || answer.Shards.Successful < len(names) {
			return partial(op, r.index, c.address, "%d shards failed, %d succeeded: %s", answer.Shards.Failed, answer.Shards.Successful, oneLine(answer.Shards.Failures))
		}
	}
	return nil
}

// unlessThere looks for indices of which a node says that there are none: one that
// has just started, and has not heard the cluster's state yet, says so of all. The
// settings are the master's to tell.
func (c *Cluster) unlessThere(ctx context.Context, names []string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != http.StatusNotFound || e.Type != "index_not_found_exception" {
		return err
	}
	for _, name := range names {
		there, asked := c.indexOfOne(ctx, name)
		switch {
		case asked != nil && !NotFound(asked):
			return asked
		case asked != nil || there.Name == "":
			return err
		}
	}
	return &Error{
		Op: e.Op, Index: e.Index, URL: e.URL, Status: http.StatusServiceUnavailable, Type: e.Type,
		Reason: "a node that has just started does not know the index yet", Hint: "run the command again; it resumes",
	}
}
