package cluster

import (
	"context"
	"encoding/json"
	"net/http"
)

// Restriction is a part of a role that hides documents or fields of indices
// from whoever has it (document and field level security), or masks fields.
type Restriction struct {
	// Names are patterns of indices.
	Names []string
	// Documents and Fields tell what is hidden or masked.
	Documents, Fields bool
}

// Sight is what the user's own roles hide.
type Sight struct {
	Restrictions []Restriction
	// Unread are roles of the user that he may not read: what they hide is not
	// known.
	Unread []string
}

// Sight reads what the user's own roles hide: nothing where the engine has no
// such endpoint, or security is off.
func (c *Cluster) Sight(ctx context.Context) (s Sight, err error) {
	switch {
	case c.identity.Product == OpenSearch:
		return c.sightOfRoles(ctx)
	case c.identity.AtLeast(6, 5):
		s.Restrictions, err = c.restrictions(ctx)
	}
	return s, err
}

// untold reports an answer that tells nothing of a user: no such endpoint, no
// security, or no right to ask.
func untold(err error) bool {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusInternalServerError:
		return true
	default:
		return false
	}
}

// sightOfRoles reads the user's roles from OpenSearch's security plugin, which
// shows what is in them to whoever may administer it.
func (c *Cluster) sightOfRoles(ctx context.Context) (s Sight, err error) {
	var account struct{ Roles []string }
	err = c.call(ctx, request{op: "read the user's roles", method: "GET", path: path("_plugins", "_security", "api", "account"), once: true}, &account)
	if err != nil {
		if untold(err) {
			err = nil
		}
		return s, err
	}
	for _, role := range account.Roles {
		var answer map[string]struct {
			Permissions []struct {
				Patterns []string `json:"index_patterns"`
				DLS      string
				FLS      []string
				Masked   []string `json:"masked_fields"`
			} `json:"index_permissions"`
		}
		err := c.call(ctx, request{op: "read the role " + role, method: "GET", path: path("_plugins", "_security", "api", "roles", role), once: true}, &answer)
		if untold(err) {
			s.Unread = append(s.Unread, role)
			continue
		}
		if err != nil {
			return s, err
		}
		for _, p := range answer[role].Permissions {
			if r := (Restriction{Names: p.Patterns, Documents: p.DLS != "", Fields: len(p.FLS)+len(p.Masked) > 0}); r.Documents || r.Fields {
				s.Restrictions = append(s.Restrictions, r)
			}
		}
	}
	return s, nil
}

// restrictions asks Elasticsearch.
func (c *Cluster) restrictions(ctx context.Context) ([]Restriction, error) {
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
	if untold(err) {
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

// StoredMappings gives an index's mappings as the cluster state has them, which no
// role hides anything of; nil where the user may not read it.
func (c *Cluster) StoredMappings(ctx context.Context, index string) (json.RawMessage, error) {
	var answer struct {
		Metadata struct {
			Indices map[string]struct{ Mappings json.RawMessage }
		}
	}
	err := c.call(ctx, request{
		op: "read the cluster state's mappings", index: index, method: "GET", path: path("_cluster", "state", "metadata", index),
		params: params("filter_path", "metadata.indices.*.mappings"), once: true,
	}, &answer)
	if untold(err) {
		return nil, nil
	}
	return answer.Metadata.Indices[index].Mappings, err
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
