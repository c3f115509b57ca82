package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Definition is what makes an index besides its documents. The three objects
// are as the engine sent them: numbers and the order of keys included.
type Definition struct {
	// Index names the index, never an alias.
	Index string `json:"index"`
	// Type is the one mapping type that documents are written under. It is
	// empty in what Definition reads; metadata.Translate sets it for a target
	// that wants types.
	Type string `json:"type,omitempty"`
	// Settings with their keys in full ("index.number_of_shards").
	Settings json.RawMessage `json:"settings"`
	// Mappings, below the type's name where the engine has types.
	Mappings json.RawMessage `json:"mappings"`
	// Aliases by name.
	Aliases json.RawMessage `json:"aliases"`
}

// MetadataKind is a kind of metadata that belongs to the whole cluster.
type MetadataKind string

// The kinds, named as reports name them.
const (
	LegacyTemplate    MetadataKind = "template"
	ComponentTemplate MetadataKind = "component_template"
	IndexTemplate     MetadataKind = "index_template"
	IngestPipeline    MetadataKind = "ingest_pipeline"
	// LifecyclePolicy is of Elasticsearch's index lifecycle management.
	LifecyclePolicy MetadataKind = "ilm_policy"
	// StatePolicy is of OpenSearch's index state management, and of its forerunner
	// in Amazon's Elasticsearch.
	StatePolicy MetadataKind = "ism_policy"
)

// endpoint gives the path under which a kind lives and the field of the answer
// that lists it; an empty field says that the answer is an object by name.
func (i Identity) endpoint(kind MetadataKind) (segments []string, list string) {
	switch kind {
	case LifecyclePolicy:
		return []string{"_ilm", "policy"}, ""
	case StatePolicy:
		if i.Product == Elasticsearch {
			return []string{"_opendistro", "_ism", "policies"}, "policies"
		}
		return []string{"_plugins", "_ism", "policies"}, "policies"
	case ComponentTemplate:
		return []string{"_component_template"}, "component_templates"
	case IndexTemplate:
		return []string{"_index_template"}, "index_templates"
	case IngestPipeline:
		return []string{"_ingest", "pipeline"}, ""
	case LegacyTemplate:
		return []string{"_template"}, ""
	default:
		return []string{"_template"}, ""
	}
}

// HasMetadata reports whether the engine's version knows a kind at all. Small
// distributions may still lack it.
func (i Identity) HasMetadata(kind MetadataKind) bool {
	switch kind {
	case ComponentTemplate, IndexTemplate:
		return i.AtLeast(7, 8)
	case IngestPipeline:
		return i.AtLeast(5, 0)
	case LifecyclePolicy:
		return i.Product == Elasticsearch && i.AtLeast(6, 6)
	case StatePolicy:
		return i.Product == OpenSearch || i.AtLeast(6, 7) && !i.AtLeast(7, 11)
	case LegacyTemplate:
		return true
	default:
		return false
	}
}

// Definition reads one index's settings, mappings and aliases. An alias in
// the place of an index is an error: which index would be meant may change.
func (c *Cluster) Definition(ctx context.Context, index string) (Definition, error) {
	var answer map[string]Definition
	r := request{
		op: "read the definition", index: index, method: http.MethodGet, path: path(index),
		params: params("flat_settings", "true"),
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return Definition{}, err
	}
	d, found := answer[index]
	if !found {
		return Definition{}, &Error{
			Op: r.op, Index: index, URL: c.address, Type: "not_an_index", Reason: "the name belongs to an alias, a data stream or a pattern",
			Hint: "name the index itself; GET _cat/aliases shows which index an alias stands for",
		}
	}
	d.Index = index
	return d, nil
}

// ListMetadata reads all of one kind, by name, as PutMetadata takes them. It
// gives nil for an engine that does not have the kind, by its age or because
// its distribution leaves the handler out.
func (c *Cluster) ListMetadata(ctx context.Context, kind MetadataKind) (map[string]json.RawMessage, error) {
	if !c.identity.HasMetadata(kind) {
		return nil, nil
	}
	segments, list := c.identity.endpoint(kind)
	r := request{op: fmt.Sprintf("list every %s", kind), method: http.MethodGet, path: path(segments...)}
	switch kind {
	case StatePolicy:
		r.params = params("size", strconv.Itoa(mostPolicies))
	case LegacyTemplate, ComponentTemplate, IndexTemplate:
		r.params = params("flat_settings", "true")
	case IngestPipeline, LifecyclePolicy:
	}
	var answer map[string]json.RawMessage
	err := c.call(ctx, r, &answer)
	switch {
	case noHandler(err), kind == StatePolicy && c.foreign(err):
		return nil, nil
	case NotFound(err):
		// This is how older engines say "none".
		return map[string]json.RawMessage{}, nil
	case err != nil:
		return nil, err
	case kind == LifecyclePolicy:
		return c.lifecyclePolicies(r, answer)
	case kind == StatePolicy:
		return c.statePolicies(r, answer)
	case list == "":
		return answer, nil
	default:
		return c.named(r, kind, answer[list])
	}
}

// foreign reports whether an Elasticsearch refuses a path of Amazon's, which all
// others take for that of a document: by its parameters, as missing, or for want
// of a privilege.
func (c *Cluster) foreign(err error) bool {
	status := statusOf(err)
	return c.identity.Product == Elasticsearch && status >= 400 && status < 500
}

// noHandler reports whether a distribution leaves the asked-for handler out.
// A 400 for any other reason is an error: "none" would be a lie.
func noHandler(err error) bool {
	switch statusOf(err) {
	case http.StatusMethodNotAllowed, http.StatusGone:
		return true
	case http.StatusBadRequest:
		var e *Error
		return errors.As(err, &e) && strings.Contains(e.Reason, "no handler found")
	default:
		return false
	}
}

// named turns a list of {"name": n, KIND: body} into bodies by name.
func (c *Cluster) named(r request, kind MetadataKind, list json.RawMessage) (map[string]json.RawMessage, error) {
	var entries []map[string]json.RawMessage
	if err := json.Unmarshal(list, &entries); err != nil {
		return nil, c.notUnderstood(r, err.Error())
	}
	all := make(map[string]json.RawMessage, len(entries))
	for _, entry := range entries {
		var name string
		if err := json.Unmarshal(entry["name"], &name); err != nil || entry[string(kind)] == nil {
			return nil, c.notUnderstood(r, "an entry has no name or no body")
		}
		all[name] = entry[string(kind)]
	}
	return all, nil
}

func (c *Cluster) notUnderstood(r request, reason string) error {
	return &Error{Op: r.op, URL: c.address, Type: "not_understood", Reason: "the answer is not what an engine sends: " + reason}
}

// PutMetadata creates or replaces one piece, once: whether it may be replaced,
// and what to do when the answer is lost, is the caller's to know.
func (c *Cluster) PutMetadata(ctx context.Context, kind MetadataKind, name string, definition json.RawMessage) error {
	segments, _ := c.identity.endpoint(kind)
	r := request{
		op: fmt.Sprintf("put the %s %s", kind, name), method: http.MethodPut, path: path(append(segments, name)...),
		body: string(definition), once: true,
	}
	if kind == StatePolicy {
		var err error
		if r.params, err = c.replacing(ctx, name); err != nil {
			return err
		}
	}
	return c.call(ctx, r, nil)
}

// DeleteMetadata removes one piece; one that is gone already is no error.
func (c *Cluster) DeleteMetadata(ctx context.Context, kind MetadataKind, name string) error {
	segments, _ := c.identity.endpoint(kind)
	err := c.call(ctx, request{op: fmt.Sprintf("delete the %s %s", kind, name), method: http.MethodDelete, path: path(append(segments, name)...)}, nil)
	if NotFound(err) {
		return nil
	}
	return err
}
