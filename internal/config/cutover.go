package config

import "strings"

// Cutover says how writers are held back and what is switched.
type Cutover struct {
	Freeze Freeze `json:"freeze"`
	// MaxLag is how many documents may be outstanding when the freeze begins.
	MaxLag int64 `json:"max_lag"`
	// MaxFreeze is how long writers may be held back before the freeze is
	// lifted again.
	MaxFreeze Duration `json:"max_freeze"`
	// Aliases are switched on the target: alias to index.
	Aliases map[string]string `json:"aliases,omitempty"`
	Hooks   Hooks             `json:"hooks,omitzero"`
}

func (c *Cutover) fields() []field {
	return []field{
		{name: "freeze", into: choice(&c.Freeze, FreezeBlock, FreezeExternal, FreezeNone)},
		{name: "max_lag", into: number(&c.MaxLag)},
		{name: "max_freeze", into: unit(&c.MaxFreeze)},
		{name: "aliases", into: textMap(&c.Aliases, aliasName, indexName)},
		{name: "hooks", into: within(&c.Hooks)},
	}
}

// Freeze is how writers are held back.
type Freeze string

// The ways to hold writers back: by a block on the source's indices, by the
// operator's own means, or not at all.
const (
	FreezeBlock    Freeze = "block"
	FreezeExternal Freeze = "external"
	FreezeNone     Freeze = "none"
)

// Hooks are commands at three moments of a cutover. Each list is one command
// and its arguments, run without a shell; an empty one is no command.
type Hooks struct {
	// Frozen runs once writers are held back.
	Frozen []string `json:"frozen,omitempty"`
	// Switched runs once the aliases are switched.
	Switched []string `json:"switched,omitempty"`
	// Aborted runs once a freeze was lifted without a switch.
	Aborted []string `json:"aborted,omitempty"`
}

func (h *Hooks) fields() []field {
	return []field{
		{name: "frozen", into: texts(&h.Frozen)},
		{name: "switched", into: texts(&h.Switched)},
		{name: "aborted", into: texts(&h.Aborted)},
	}
}

// Checkpoint is where the state is kept.
type Checkpoint struct {
	Store Store `json:"store"`
	// Path is the embedded store's file.
	Path string `json:"path,omitempty"`
	// Endpoints and what follows belong to the etcd store.
	Endpoints []string `json:"endpoints,omitempty"`
	// Prefix begins the keys of all ferries, and ends with a slash.
	Prefix   string `json:"prefix,omitempty"`
	Username string `json:"username,omitempty"`
	Password Secret `json:"password,omitzero"`
	TLS      TLS    `json:"tls,omitzero"`
	// Local is the embedded store's file, had there to be one.
	Local string `json:"-"`
}

// Beside is what the names of the files begin with that this machine keeps of a
// ferry, the store itself apart: control socket, rejected documents, scratch.
func (c *Checkpoint) Beside() string {
	if c.Store == StoreEtcd {
		return c.Local
	}
	return c.Path
}

func (c *Checkpoint) fields() []field {
	return []field{
		{name: "store", into: choice(&c.Store, StoreEmbedded, StoreEtcd)},
		{name: "path", into: file(&c.Path)},
		{name: "endpoints", into: addresses(&c.Endpoints)},
		{name: "prefix", into: text(&c.Prefix, keyPrefix)},
		{name: "username", into: text(&c.Username, filled)},
		{name: "password", into: secret(&c.Password)},
		{name: "tls", into: within(&c.TLS)},
	}
}

// keyPrefix accepts what keys of etcd may begin with, so that no other's do.
func keyPrefix(s string) *complaint {
	if len(s) < 2 || len(s) > 200 || s[0] != '/' || s[len(s)-1] != '/' || strings.Trim(s, lower+strings.ToUpper(lower)+digits+"._-/") != "" {
		return &complaint{"wants letters, digits, dots, dashes and underscores between slashes, the first and the last included", "for example /esferry/"}
	}
	return nil
}

// Store is a kind of checkpoint store.
type Store string

// The kinds of checkpoint store: a file on one machine, or etcd for several
// machines.
const (
	StoreEmbedded Store = "embedded"
	StoreEtcd     Store = "etcd"
)
