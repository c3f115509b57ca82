package metadata

import (
	"encoding/json"
	"fmt"

	"esferry/internal/cluster"
)

// AliasActions gives the actions of one _aliases call that point an index's
// aliases to it on the target, with filter, routing and the mark of the index
// that is written to.
func AliasActions(index string, aliases json.RawMessage, to cluster.Identity) ([]json.RawMessage, []Note, error) {
	all, err := readObject(aliases)
	if err != nil {
		return nil, nil, fmt.Errorf("read the aliases of index %s: %w", index, err)
	}
	var actions []json.RawMessage
	t := &translation{where: index, to: to}
	for _, m := range all.members {
		own, err := readObject(m.value)
		if err != nil {
			return nil, nil, fmt.Errorf("read alias %s of index %s: %w", m.key, index, err)
		}
		if own.has("is_write_index") && !to.AtLeast(6, 4) {
			own.drop("is_write_index")
			t.note(Dropped, "aliases."+m.key+".is_write_index", "%s has no such mark", to)
		}
		if own.has("is_hidden") && !to.AtLeast(7, 7) {
			own.drop("is_hidden")
			t.note(Dropped, "aliases."+m.key+".is_hidden", "%s has no hidden aliases", to)
		}
		add := newObject()
		add.set("index", quote(index))
		add.set("alias", quote(m.key))
		for _, part := range own.members {
			add.set(part.key, part.value)
		}
		action := newObject()
		action.set("add", add.encode())
		actions = append(actions, action.encode())
	}
	return actions, t.notes, nil
}
