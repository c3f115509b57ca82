package metadata

import (
	"fmt"

	"esferry/internal/cluster"
)

// Level says how much a Note matters.
type Level string

// The levels, from the least to the most.
const (
	// Shadowed is carried, and without effect for now.
	Shadowed Level = "shadowed"
	// Changed is carried, in other words.
	Changed Level = "changed"
	// Dropped is left behind; documents arrive whole without it.
	Dropped Level = "dropped"
	// Obstacle means that the thing cannot be carried as it is.
	Obstacle Level = "obstacle"
)

// Note is one thing that is not on the target as it was on the source.
type Note struct {
	Level Level `json:"level"`
	// Where names the index, template or pipeline.
	Where string `json:"where"`
	// Path of the setting or field in it, such as "mappings.user.name".
	Path string `json:"path"`
	// Reason says why, and what to do where something can be done.
	Reason string `json:"reason"`
}

// String gives one line.
func (n Note) String() string {
	return fmt.Sprintf("%s: %s %s: %s", n.Where, n.Path, n.Level, n.Reason)
}

// Obstacles gives the notes that forbid carrying.
func Obstacles(notes []Note) []Note {
	var found []Note
	for _, n := range notes {
		if n.Level == Obstacle {
			found = append(found, n)
		}
	}
	return found
}

// translation is one definition on its way from one engine to another.
type translation struct {
	where    string
	from, to cluster.Identity
	// kept says that settings which a ferry takes off an index stay in: so it
	// is with templates.
	kept bool
	// policies are the lifecycle policies that templates may name; nil where the
	// target has none.
	policies map[string]bool
	// components are the component templates that index templates may name.
	components map[string]bool
	notes      []Note
}

func (t *translation) note(level Level, path, format string, args ...any) {
	t.notes = append(t.notes, Note{Level: level, Where: t.where, Path: path, Reason: fmt.Sprintf(format, args...)})
}

// elastic reports whether the target is an Elasticsearch of major.minor or newer.
func (t *translation) elastic(major, minor int) bool {
	return t.to.Product == cluster.Elasticsearch && t.to.Version.AtLeast(major, minor)
}

// open reports whether the target is an OpenSearch of major.minor or newer.
func (t *translation) open(major, minor int) bool {
	return t.to.Product == cluster.OpenSearch && t.to.Version.AtLeast(major, minor)
}

// onward reports whether the target is the source's product, not older.
func (t *translation) onward() bool {
	return t.from.Product == t.to.Product && !older(t.to.Version, t.from.Version)
}

func older(a, b cluster.Version) bool {
	if a.Major != b.Major {
		return a.Major < b.Major
	}
	return a.Minor < b.Minor
}
