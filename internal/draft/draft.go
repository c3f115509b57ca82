package draft

import (
	"fmt"
	"slices"
	"strings"
)

// Draft is what is asked for and what was found.
type Draft struct {
	// Name is the ferry's.
	Name           string
	Source, Target Side
	// Include are the patterns asked for; none means all indices.
	Include []string
	// Found are the indices that can go.
	Found []Index
	// Excluded cannot go, each with the reason.
	Excluded []Excluded
	// Repository is how the source knows a repository of its own; nil for none.
	Repository *Repository
}

// Side is one cluster.
type Side struct {
	URL    string
	Login  Login
	CAFile string
	// Engine is product and version; empty before it was asked.
	Engine string
	// Kinds are the types of snapshot repositories that every node knows.
	Kinds []string
}

// Index is one that can go.
type Index struct {
	Name  string `json:"index"`
	Docs  int64  `json:"docs"`
	Bytes int64  `json:"bytes"`
	// Restorable says that the target reads the source's snapshots of it.
	Restorable bool `json:"restorable"`
}

// Excluded is an index, or a data stream, that cannot go.
type Excluded struct {
	Name   string `json:"index"`
	Reason string `json:"reason"`
}

// Repository is one that the source has registered.
type Repository struct {
	Name, Type string
	// Settings without secrets.
	Settings map[string]string
}

// Suggestion tells in one sentence by which path the indices would best go.
func (d Draft) Suggestion() string {
	restorable := d.restorable()
	shared := slices.DeleteFunc(slices.Clone(d.Source.Kinds), func(k string) bool { return !slices.Contains(d.Target.Kinds, k) })
	switch {
	case restorable == 0:
		return fmt.Sprintf("every index goes by stream: %s restores no snapshot of theirs", d.Target.Engine)
	case d.Repository != nil:
		return fmt.Sprintf("%d of %d indices can go by snapshot, which is faster for large ones: complete the section snapshot, which names the source's repository %s", restorable, len(d.Found), d.Repository.Name)
	case len(shared) == 0:
		return fmt.Sprintf("%d of %d indices could go by snapshot, but no type of repository is known to both clusters beside fs (source: %s; target: %s); by stream nothing is needed", restorable, len(d.Found), listed(d.Source.Kinds), listed(d.Target.Kinds))
	default:
		return fmt.Sprintf("%d of %d indices can go by snapshot, which is faster for large ones: complete the section snapshot; both clusters know repositories of type %s", restorable, len(d.Found), listed(shared))
	}
}

func (d Draft) restorable() (n int) {
	for _, i := range d.Found {
		if i.Restorable {
			n++
		}
	}
	return n
}

func listed(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// Bytes of all indices that can go.
func (d Draft) Bytes() (n int64) {
	for _, i := range d.Found {
		n += i.Bytes
	}
	return n
}
