package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sort"
	"strings"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/metadata"
	"esferry/internal/retry"
)

// switchAliases points the source's aliases, and those of the configuration,
// to the target's indices in one call, which also takes those off that the ferry
// wrote through. Where its answer is lost, what the target has by then is read
// again before it is repeated (protocol 4).
func (f *Ferry) switchAliases(ctx context.Context, indices []*index) error {
	return retry.Do(ctx, retry.Policy{}, func(ctx context.Context) error {
		actions, err := f.aliasActions(ctx, indices)
		if err != nil {
			return err
		}
		return f.target.SwitchAliases(ctx, actions)
	})
}

func (f *Ferry) aliasActions(ctx context.Context, indices []*index) ([]json.RawMessage, error) {
	names, targets := make([]string, len(indices)), make([]string, len(indices))
	for i, ix := range indices {
		names[i], targets[i] = ix.id(), ix.snapshotRecord().Target
	}
	if len(f.options.Cutover.Aliases) > 0 {
		// An alias of the configuration may be on any index.
		targets = []string{"*"}
	}
	var here, there map[string]map[string]json.RawMessage
	g, _ := group.New(ctx)
	g.Go("aliases of the source", func(ctx context.Context) (err error) {
		here, err = f.source.Aliases(ctx, slices.Compact(names))
		return err
	})
	g.Go("aliases of the target", func(ctx context.Context) (err error) {
		there, err = f.target.Aliases(ctx, targets)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	actions := fences(indices, there)
	for _, ix := range indices {
		rec := ix.snapshotRecord()
		maps.DeleteFunc(here[rec.Index], func(alias string, _ json.RawMessage) bool {
			_, unwanted := f.options.Cutover.Unwanted[alias]
			return unwanted
		})
		if len(here[rec.Index]) == 0 {
			continue
		}
		aliases, err := json.Marshal(here[rec.Index])
		if err != nil {
			return nil, fmt.Errorf("encode the aliases of index %s: %w", rec.Index, err)
		}
		own, notes, err := metadata.AliasActions(rec.Target, aliases, f.target.Identity())
		if err != nil {
			return nil, fmt.Errorf("carry the aliases of index %s: %w", rec.Index, err)
		}
		f.noteAll(notes)
		actions = append(actions, own...)
	}
	return append(actions, f.wantedAliases(there)...), nil
}

// wantedAliases moves each alias of the configuration to its index.
func (f *Ferry) wantedAliases(there map[string]map[string]json.RawMessage) (actions []json.RawMessage) {
	wanted := f.options.Cutover.Aliases
	for _, alias := range slices.Sorted(maps.Keys(wanted)) {
		for index, aliases := range there {
			if _, holds := aliases[alias]; holds && index != wanted[alias] {
				actions = append(actions, action("remove", index, alias))
			}
		}
		actions = append(actions, action("add", wanted[alias], alias))
	}
	return actions
}

// action is one of an alias. Not by %q: Go spells control characters, which an
// index's name may hold, as JSON does not.
func action(verb, index, alias string) json.RawMessage {
	text, _ := json.Marshal(map[string]map[string]string{verb: {"index": index, "alias": alias}}) //nolint:errcheck // texts can be encoded
	return text
}

// fence gives the target index an alias of this process's own, which all it
// writes goes through, and takes those of earlier processes off: what one of
// them still has on its way fails from then on, instead of coming late over
// something newer. No index can have such a name, for its capitals: an index
// that is deleted under the ferry does not come back by itself (protocol 6). It
// belongs before the first write of a process.
func (ix *index) fence(ctx context.Context) error {
	if err := ix.bar(ctx); err != nil {
		return err
	}
	ix.fencing.Lock()
	defer ix.fencing.Unlock()
	if ix.alias != "" {
		return nil
	}
	rec := ix.snapshotRecord()
	alias := writeAlias(rec.TargetUUID) + "-" + process(ix.ferry.lease)
	actions := []json.RawMessage{action("add", rec.Target, alias)}
	there, err := ix.ferry.target.Aliases(ctx, []string{rec.Target})
	if err != nil && !cluster.NotFound(err) {
		return err
	}
	for _, old := range ix.writeAliases(there) {
		if old != alias {
			actions = append(actions, action("remove", rec.Target, old))
		}
	}
	if err := ix.ferry.target.SwitchAliases(ctx, actions); err != nil {
		return err
	}
	ix.alias = alias
	// Those of this process's own workers are off, too.
	ix.lent.settled()
	return nil
}

// unfence takes every alias off that the indices were written through, at once.
func (f *Ferry) unfence(ctx context.Context, indices []*index) error {
	targets := make([]string, len(indices))
	for i, ix := range indices {
		targets[i] = ix.snapshotRecord().Target
	}
	there, err := f.target.Aliases(ctx, targets)
	if err != nil && !cluster.NotFound(err) {
		return err
	}
	if err := f.target.SwitchAliases(ctx, fences(indices, there)); err != nil {
		return err
	}
	unfenced(indices)
	return nil
}

// fences gives the actions that take off what the indices were written through.
func fences(indices []*index, there map[string]map[string]json.RawMessage) (actions []json.RawMessage) {
	for _, ix := range indices {
		for _, name := range ix.writeAliases(there) {
			actions = append(actions, action("remove", ix.snapshotRecord().Target, name))
		}
	}
	return actions
}

// unfenced notes that the indices' aliases are off.
func unfenced(indices []*index) {
	for _, ix := range indices {
		ix.fencing.Lock()
		ix.alias = ""
		ix.fencing.Unlock()
		ix.lent.settled()
	}
}

// writesThrough is the alias of this process, once it is fenced.
func (ix *index) writesThrough() string {
	ix.fencing.Lock()
	defer ix.fencing.Unlock()
	return ix.alias
}

// writeAliases lists those of the aliases there that the index is or was written
// through.
func (ix *index) writeAliases(there map[string]map[string]json.RawMessage) []string {
	rec := ix.snapshotRecord()
	var names []string
	for name := range there[rec.Target] {
		if rec.TargetUUID != "" && strings.HasPrefix(name, writeAlias(rec.TargetUUID)) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// process tells the ferry's processes apart: by the epoch of the lease, and, since
// two machines with copies of one store count alike, by who holds it since when.
func process(l checkpoint.Lease) string {
	h := fnv.New32a()
	fmt.Fprint(h, l.Holder.Host, "/", l.Holder.PID, "/", l.Holder.Since.UnixNano())
	return fmt.Sprintf("%d-%08x", l.Epoch, h.Sum32())
}

// writeAlias begins the names of the aliases that an index is written through.
func writeAlias(uuid string) string { return "ESFERRY-" + uuid }
