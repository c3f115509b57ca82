package ferry

import "encoding/json"

// Action is one of an alias.
func Action(verb, index, alias string) json.RawMessage { return action(verb, index, alias) }
