package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Index is what the plan must know of an index.
type Index struct {
	Name string `json:"index"`
	UUID string `json:"uuid"`
	Open bool   `json:"open"`
	// Shards is the number of primary shards.
	Shards int `json:"shards"`
	// Bytes of the primaries in the store, an estimate of what must move.
	Bytes int64 `json:"bytes"`
	// Settings, flat, without defaults.
	Settings map[string]string `json:"-"`
}

// Created gives the engine's raw index.version.created.
func (i Index) Created() string { return i.Settings["index.version.created"] }

// Indices lists every index, open or closed, hidden ones included, by name.
func (c *Cluster) Indices(ctx context.Context) ([]Index, error) {
	const op = "list the indices"
	p := params("format", "json", "bytes", "b", "h", "index,uuid,status,pri,pri.store.size")
	if c.identity.AtLeast(7, 7) {
		p.Set("expand_wildcards", c.everyIndex())
	}
	var rows []struct {
		Index, UUID, Status, Pri string
		Bytes                    string `json:"pri.store.size"`
	}
	if err := c.call(ctx, request{op: op, method: "GET", path: "/_cat/indices", params: p}, &rows); err != nil {
		return nil, err
	}
	settings, err := c.flatSettings(ctx, "_all", c.everyIndex())
	if err != nil {
		return nil, err
	}
	byName := map[string]Index{}
	for _, row := range rows {
		index := Index{Name: row.Index, UUID: row.UUID, Open: row.Status == "open", Settings: settings[row.Index]}
		if index.Settings == nil {
			// It was deleted between the two calls.
			continue
		}
		if index.UUID == "" {
			// Elasticsearch 2 has no such column.
			index.UUID = index.Settings["index.uuid"]
		}
		index.Shards, err = shardsOf(index.Settings)
		if err != nil {
			return nil, partial(op, row.Index, c.address, "%s", err)
		}
		if n, err := strconv.ParseInt(row.Bytes, 10, 64); err == nil {
			index.Bytes = n
		}
		byName[row.Index] = index
	}
	out := make([]Index, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out, nil
}

// Names lists every index as Indices does, without asking their shards.
func (c *Cluster) Names(ctx context.Context) ([]string, error) {
	var answer map[string]json.RawMessage
	r := request{
		op: "list the indices", method: "GET", path: "/_all/_settings/index.uuid",
		params: params("expand_wildcards", c.everyIndex()),
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(answer)), nil
}

// everyIndex is how a wildcard takes in closed indices, and hidden ones where the
// engine has such.
func (c *Cluster) everyIndex() string {
	if c.identity.AtLeast(7, 7) {
		return "all"
	}
	return "open,closed"
}

// Index gives one index by its own name; found is false where there is none.
// An alias of that name counts as found, with an empty UUID. Callers that come at
// the same time share one request.
func (c *Cluster) Index(ctx context.Context, name string) (index Index, found bool, err error) {
	there, err := c.joint.indices.Do(ctx, name)
	if NotFound(err) {
		return Index{}, false, nil
	}
	return there, err == nil && there.Name != "", err
}

// indexOfOne is Index; where there is none it is a zero Index, or a 404.
func (c *Cluster) indexOfOne(ctx context.Context, name string) (Index, error) {
	settings, err := c.flatSettings(ctx, name, "all")
	if err != nil {
		return Index{}, err
	}
	own, ok := settings[name]
	if !ok && len(settings) > 0 {
		return Index{Name: name}, nil
	}
	if !ok {
		return Index{}, nil
	}
	return c.indexWith(name, own)
}

// indexWith gives an index by its settings.
func (c *Cluster) indexWith(name string, own map[string]string) (Index, error) {
	shards, err := shardsOf(own)
	if err != nil {
		return Index{}, partial("read the settings", name, c.address, "%s", err)
	}
	return Index{Name: name, UUID: own["index.uuid"], Shards: shards, Open: true, Settings: own}, nil
}

// mostShards is far above what engines allow (1024, unless they are told else):
// memory is made ready for so many.
const mostShards = 1 << 16

// shardsOf reads the number of an index's primary shards.
func shardsOf(settings map[string]string) (int, error) {
	n, err := strconv.Atoi(settings["index.number_of_shards"])
	if err != nil || n < 1 || n > mostShards {
		return 0, errors.New("its settings give no number of shards")
	}
	return n, nil
}

// Standing is Index, and tells truly whether the index is open.
func (c *Cluster) Standing(ctx context.Context, name string) (index Index, found bool, err error) {
	index, found, err = c.Index(ctx, name)
	if err != nil || !found || index.UUID == "" {
		return index, found, err
	}
	var rows []struct{ Index, Status string }
	r := request{
		op: "ask whether it is open", index: name, method: "GET", path: path("_cat", "indices", name),
		params: params("format", "json", "h", "index,status"),
	}
	if err := c.call(ctx, r, &rows); err != nil {
		if NotFound(err) {
			return Index{}, false, nil
		}
		return index, false, err
	}
	for _, row := range rows {
		if row.Index == name {
			index.Open = row.Status == "open"
			return index, true, nil
		}
	}
	return Index{}, false, nil
}

func (c *Cluster) flatSettings(ctx context.Context, index, expand string) (map[string]map[string]string, error) {
	var answer map[string]struct {
		// Values are strings or lists of strings; lists matter to nobody here.
		Settings map[string]any
	}
	r := request{op: "read the settings", index: index, method: "GET", path: path(index, "_settings"), params: params("flat_settings", "true", "expand_wildcards", expand)}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	out := make(map[string]map[string]string, len(answer))
	for name, a := range answer {
		flat := make(map[string]string, len(a.Settings))
		for key, value := range a.Settings {
			flat[key] = fmt.Sprint(value)
		}
		out[name] = flat
	}
	return out, nil
}

// CreateIndex makes an index from a prepared body. Its shards are allocated
// when it returns, or it is an error.
func (c *Cluster) CreateIndex(ctx context.Context, index string, definition json.RawMessage) error {
	var answer struct {
		ShardsAcknowledged bool `json:"shards_acknowledged"`
	}
	r := request{op: "create", index: index, method: "PUT", path: path(index), body: string(definition), once: true, params: params("timeout", "60s")}
	if c.identity.Product == Elasticsearch && c.identity.Version.Major == 6 && c.identity.Version.Minor >= 7 {
		r.params.Set("include_type_name", "true")
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return err
	}
	if !answer.ShardsAcknowledged {
		return &Error{
			Op: r.op, Index: index, URL: c.address, Type: "not_allocated", Reason: "its primary shards were not started within 60 s",
			Hint: "see GET _cluster/allocation/explain: most often a disk watermark or an allocation filter",
		}
	}
	return nil
}

// DeleteIndex removes an index; one that is gone already is no error.
func (c *Cluster) DeleteIndex(ctx context.Context, index string) error {
	err := c.call(ctx, request{op: "delete", index: index, method: "DELETE", path: path(index)}, nil)
	if NotFound(err) {
		return nil
	}
	return err
}

// SwitchAliases applies all alias actions at once, or none. It may be
// repeated: adding what is there and is equal changes nothing.
func (c *Cluster) SwitchAliases(ctx context.Context, actions []json.RawMessage) error {
	if len(actions) == 0 {
		return nil
	}
	r := request{op: "switch the aliases", method: "POST", path: "/_aliases", body: body(map[string]any{"actions": actions})}
	return c.call(ctx, r, nil)
}

// CloseIndex closes an index; one that is closed already is no error.
func (c *Cluster) CloseIndex(ctx context.Context, index string) error {
	var answer struct {
		Acknowledged bool
		Indices      map[string]struct{ Closed bool }
	}
	r := request{op: "close", index: index, method: "POST", path: path(index, "_close")}
	if err := c.call(ctx, r, &answer); err != nil {
		return err
	}
	if one, told := answer.Indices[index]; !answer.Acknowledged || told && !one.Closed {
		return &Error{
			Op: r.op, Index: index, URL: c.address, Type: "not_acknowledged", Reason: "not every shard acknowledged that the index is closed",
			Hint: "check that all its shards are started and that nothing snapshots it, then run the command again",
		}
	}
	return nil
}

// OpenIndex opens an index; one that is open already is no error.
func (c *Cluster) OpenIndex(ctx context.Context, index string) error {
	return c.call(ctx, request{op: "open", index: index, method: "POST", path: path(index, "_open")}, nil)
}

// CanClose reports whether the service lets indices be closed: Amazon's long
// did not. It closes nothing: it asks for an index beside the given one that is
// not there.
func (c *Cluster) CanClose(ctx context.Context, beside string) (bool, error) {
	err := c.call(ctx, request{op: "ask whether indices can be closed", index: beside, method: "POST", path: path(beside+"-esferry-asks", "_close")}, nil)
	switch {
	case NotAllowed(err):
		return false, nil
	case err == nil, NotFound(err), Forbidden(err), BadRequest(err):
		// A missing privilege is told by the real call, which names it.
		return true, nil
	default:
		return false, err
	}
}
