package snapshotpath

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"esferry/internal/cluster"
)

// Repository is where snapshots live, as one cluster sees it.
type Repository struct {
	// Name it is registered by.
	Name string
	// Type is that of the engine or a plugin: fs, s3, oss and others.
	Type string
	// Settings as the engine wants them; they may hold secrets.
	Settings map[string]any
	// ReadOnly registers it so that this cluster never writes to it.
	ReadOnly bool
}

// Registry is what Register asks of an engine.
type Registry interface {
	Repository(ctx context.Context, name string) (cluster.Repository, bool, error)
	PutRepository(ctx context.Context, name, kind string, settings map[string]any) error
}

// ManagedError refuses to write to a repository that a service keeps for itself.
type ManagedError struct{ Repository string }

// Error names it.
func (e *ManagedError) Error() string {
	return fmt.Sprintf("repository %s belongs to the managed service's own snapshots, which nobody else may write or copy", e.Repository)
}

// NextStep is printed on a line of its own.
func (e *ManagedError) NextStep() string {
	return "make a bucket of your own and name another repository under snapshot.repository"
}

// InUseError says that the repository's name stands for something else.
type InUseError struct{ Repository, Key string }

// Error names the first setting that differs, not its values: they may be secret.
func (e *InUseError) Error() string {
	return fmt.Sprintf("a repository named %s is registered already, with another %s", e.Repository, e.Key)
}

// NextStep is printed on a line of its own.
func (e *InUseError) NextStep() string {
	return "name another one under snapshot.repository, or delete that registration (DELETE _snapshot/" + e.Repository + ")"
}

// Register makes the repository known to an engine. One that is registered
// equally is kept; one that differs in type, or in a setting that the engine
// shows, is refused.
func Register(ctx context.Context, engine Registry, r Repository) error {
	if !r.ReadOnly && slices.Contains([]string{"cs-automated", "cs-automated-enc", "found-snapshots"}, r.Name) {
		return &ManagedError{Repository: r.Name}
	}
	settings := make(map[string]any, len(r.Settings)+1)
	maps.Copy(settings, r.Settings)
	if r.ReadOnly {
		settings["readonly"] = true
	}
	there, found, err := engine.Repository(ctx, r.Name)
	if err != nil {
		return err
	}
	if found {
		return same(there, r, settings)
	}
	return engine.PutRepository(ctx, r.Name, r.Type, settings)
}

// same compares what the engine shows; it hides secrets, which then say nothing.
func same(there cluster.Repository, r Repository, settings map[string]any) error {
	if there.Type != r.Type {
		return &InUseError{Repository: r.Name, Key: "type"}
	}
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if shown, ok := there.Settings[key]; ok && shown != fmt.Sprint(settings[key]) {
			return &InUseError{Repository: r.Name, Key: key}
		}
	}
	return nil
}

// RequiredPlugin names the plugin or module that every node of an engine needs
// for a type of repository; empty for those that every engine has. The clouds
// had one plugin each before Elasticsearch 5.
func RequiredPlugin(kind string, engine cluster.Identity) string {
	old := engine.Product == cluster.Elasticsearch && engine.Version.Major < 5
	switch {
	case kind == "fs" || kind == "url" || kind == "source":
		return ""
	case kind == "oss":
		return "elasticsearch-repository-oss"
	case kind == "s3" && old:
		return "cloud-aws"
	case kind == "azure" && old:
		return "cloud-azure"
	default:
		return "repository-" + kind
	}
}
