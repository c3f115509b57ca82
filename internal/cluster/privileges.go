package cluster

import (
	"context"
	"encoding/json"
	"net/http"
)

// Restriction is a part of a role that hides documents or fields of indices
// from whoever has it (Elasticsearch's document and field level security).
type Restriction struct {
	// Names are patterns of indices.
	Names []string
	// Documents and Fields tell what is hidden.
	Documents, Fields bool
}

// Restrictions lists what the user's own roles hide: nothing where the engine
// has no such endpoint, or security is off.
func (c *Cluster) Restrictions(ctx context.Context) ([]Restriction, error) {
	if c.identity.Product != Elasticsearch || !c.identity.AtLeast(6, 5) {
		return nil, nil
	}
	var answer struct {
		Indices []struct {
			Names  []string
			Query  []json.RawMessage
			Fields []struct {
				Grant  []string
				Except []string
			} `json:"field_security"`
		}
	}
	err := c.call(ctx, request{op: "read the user's privileges", method: "GET", path: "/_security/user/_privileges", once: true}, &answer)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusInternalServerError:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Restriction
	for _, i := range answer.Indices {
		r := Restriction{Names: i.Names, Documents: len(i.Query) > 0}
		for _, f := range i.Fields {
			whole := len(f.Except) == 0 && (len(f.Grant) == 0 || len(f.Grant) == 1 && f.Grant[0] == "*")
			r.Fields = r.Fields || !whole
		}
		if r.Documents || r.Fields {
			list = append(list, r)
		}
	}
	return list, nil
}

// StoredDocs gives the documents that the index's primaries store, as their
// statistics have it: nested parts are counted, and no role hides any.
func (c *Cluster) StoredDocs(ctx context.Context, index string) (int64, error) {
	return persist(ctx, c, func(ctx context.Context) (int64, error) {
		var answer struct {
			Shards shardsHeader `json:"_shards"`
			All    struct {
				Primaries struct {
					Docs struct{ Count int64 }
				}
			} `json:"_all"`
		}
		r := request{op: "count the stored documents", index: index, method: "GET", path: path(index, "_stats", "docs")}
		if err := c.call(ctx, r, &answer); err != nil {
			return 0, err
		}
		if answer.Shards.Failed > 0 {
			return 0, partial(r.op, index, c.address, "%d shards failed: %s", answer.Shards.Failed, oneLine(answer.Shards.Failures))
		}
		return answer.All.Primaries.Docs.Count, nil
	})
}
