package cluster

import (
	"context"
	"encoding/json"
	"net/http"
)

// PutMapping adds fields to an index; kind is the type that they belong to on
// engines that have types, and is left out on others.
func (c *Cluster) PutMapping(ctx context.Context, index, kind string, mapping json.RawMessage) error {
	r := request{op: "add fields", index: index, method: http.MethodPut, path: path(index, "_mapping"), body: string(mapping)}
	if c.identity.Typed() {
		r.path = path(index, "_mapping", kind)
		if c.identity.Product == Elasticsearch && c.identity.AtLeast(6, 7) {
			r.params = params("include_type_name", "true")
		}
	}
	return c.call(ctx, r, nil)
}
