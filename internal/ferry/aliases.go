package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
	"esferry/internal/retry"
)

// switchAliases points the source's aliases, and those of the configuration,
// to the target's indices in one call. Where its answer is lost, what the
// target has by then is read again before it is repeated (protocol 4).
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
	var actions []json.RawMessage
	for _, ix := range indices {
		rec := ix.snapshotRecord()
		definition, err := f.source.Definition(ctx, rec.Index)
		if err != nil {
			return nil, err
		}
		own, notes, err := metadata.AliasActions(rec.Target, definition.Aliases, f.target.Identity())
		if err != nil {
			return nil, fmt.Errorf("carry the aliases of index %s: %w", rec.Index, err)
		}
		f.noteAll(notes)
		actions = append(actions, own...)
	}
	wanted, err := f.wantedAliases(ctx)
	return append(actions, wanted...), err
}

// wantedAliases moves each alias of the configuration to its index.
func (f *Ferry) wantedAliases(ctx context.Context) ([]json.RawMessage, error) {
	wanted := f.options.Cutover.Aliases
	if len(wanted) == 0 {
		return nil, nil
	}
	there, err := f.target.Aliases(ctx, "*")
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(wanted))
	for alias := range wanted {
		names = append(names, alias)
	}
	sort.Strings(names)
	var actions []json.RawMessage
	for _, alias := range names {
		for index, aliases := range there {
			if _, holds := aliases[alias]; holds && index != wanted[alias] {
				actions = append(actions, action("remove", index, alias))
			}
		}
		actions = append(actions, action("add", wanted[alias], alias))
	}
	return actions, nil
}

func action(verb, index, alias string) json.RawMessage {
	return fmt.Appendf(nil, `{%q:{"index":%q,"alias":%q}}`, verb, index, alias)
}

// addAlias gives the target index the alias that is written through while the
// ferry lives. No index can have such a name, for its capitals: an index that is
// deleted under the ferry does not come back by itself (protocol 6).
func (ix *index) addAlias(ctx context.Context, uuid string) (string, error) {
	alias := "ESFERRY-" + uuid
	return alias, ix.ferry.target.SwitchAliases(ctx, []json.RawMessage{aliasAction("add", ix.snapshotRecord().Target, alias)})
}

// takeAlias takes that alias off; one that is gone already is no error.
func (ix *index) takeAlias(ctx context.Context) error {
	rec := ix.snapshotRecord()
	if rec.Alias == "" {
		return nil
	}
	there, err := ix.ferry.target.Aliases(ctx, rec.Target)
	if cluster.NotFound(err) || err == nil && there[rec.Target][rec.Alias] == nil {
		return nil
	}
	if err != nil {
		return err
	}
	return ix.ferry.target.SwitchAliases(ctx, []json.RawMessage{aliasAction("remove", rec.Target, rec.Alias)})
}

func aliasAction(verb, index, alias string) json.RawMessage {
	return fmt.Appendf(nil, `{%q:{"index":%q,"alias":%q}}`, verb, index, alias)
}
