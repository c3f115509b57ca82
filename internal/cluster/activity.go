package cluster

import "context"

// Activity is what an index's primaries have been asked to write since they
// were started.
type Activity struct {
	// Writes is the count of documents indexed and deleted.
	Writes int64 `json:"writes"`
	// Current is how many are being written at this moment.
	Current int64 `json:"current"`
}

// Activity counts the writes of an index, for engines that do not number them.
// Two equal answers mean that nothing was written in between, unless a primary
// moved or was started anew meanwhile.
func (c *Cluster) Activity(ctx context.Context, index string) (Activity, error) {
	return persist(ctx, c, func(ctx context.Context) (Activity, error) { return c.activity(ctx, index) })
}

func (c *Cluster) activity(ctx context.Context, index string) (Activity, error) {
	var answer struct {
		Shards shardsHeader `json:"_shards"`
		All    struct {
			Primaries struct {
				Indexing struct {
					Index         int64 `json:"index_total"`
					Delete        int64 `json:"delete_total"`
					IndexCurrent  int64 `json:"index_current"`
					DeleteCurrent int64 `json:"delete_current"`
				}
			}
		} `json:"_all"`
	}
	r := request{op: "count the writes", index: index, method: "GET", path: path(index, "_stats", "indexing")}
	if err := c.call(ctx, r, &answer); err != nil {
		return Activity{}, err
	}
	if answer.Shards.Failed > 0 || answer.Shards.Successful == 0 {
		return Activity{}, partial(r.op, index, c.address, "%d shards failed, %d succeeded", answer.Shards.Failed, answer.Shards.Successful)
	}
	i := answer.All.Primaries.Indexing
	return Activity{Writes: i.Index + i.Delete, Current: i.IndexCurrent + i.DeleteCurrent}, nil
}
