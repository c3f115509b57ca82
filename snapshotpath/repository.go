package snapshotpath

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// Repository is where snapshots live, as one cluster sees it.
type Repository struct {
	// Name it is registered by.
	Name string
	// Type is that of the engine or a plugin: fs, s3, oss and others.
	Type string
	// Settings as the operator gave them; they may hold secrets.
	Settings map[string]any
	// ReadOnly registers it so that this cluster never writes to it.
	ReadOnly bool
	// Keeper runs the cluster. Signed says that requests to it are, and Region
	// is then where it is.
	Keeper Keeper
	Signed bool
	Region string
}

// Registry is what Register asks of an engine.
type Registry interface {
	Identity() cluster.Identity
	Repository(ctx context.Context, name string) (cluster.Repository, bool, error)
	PutRepository(ctx context.Context, name, kind string, settings map[string]any) error
	VerifyRepository(ctx context.Context, name string) ([]string, error)
	SnapshotNames(ctx context.Context, repository string) ([]string, error)
	DeleteRepository(ctx context.Context, name string) error
}

// Refusal is an error of Registered that an operator can do something about: a
// *SettingError, a *ManagedError or an *InUseError.
type Refusal interface {
	error
	NextStep() string
	refusal()
}

func (*SettingError) refusal() {}
func (*ManagedError) refusal() {}
func (*InUseError) refusal()   {}

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

// Registered reports whether an engine knows the repository already, as it is
// meant. It changes nothing. One that is registered in another way, or that is
// not fit for its side, is an error.
func Registered(ctx context.Context, engine Registry, r Repository) (bool, error) {
	if fault := r.Check(engine.Identity()); fault != nil {
		return false, fault
	}
	there, found, err := engine.Repository(ctx, r.Name)
	hollow := shallowIn(func(key string) string { return there.Settings[key] })
	switch {
	case err != nil:
		return false, err
	case Managed(r.Name, there) && (!found || !r.ReadOnly):
		return false, &ManagedError{Repository: r.Name}
	case !found:
		return false, nil
	case !r.ReadOnly && hollow != "":
		return false, r.fault(hollow, shallow, shallowRemedy)
	default:
		return true, r.same(there)
	}
}

// Register makes the repository known to an engine, or has it verified again
// where it is. One that is registered in another way is refused. Where it fails
// nothing is registered that was not before.
func Register(ctx context.Context, engine Registry, r Repository) error {
	there, err := Registered(ctx, engine, r)
	if err != nil {
		return err
	}
	if !there {
		return r.put(ctx, engine)
	}
	return r.prove(ctx, engine)
}

// put registers. Engines keep a registration that they could not verify; such a
// one would stand in the way of the next, with the right settings.
func (r Repository) put(ctx context.Context, engine Registry) error {
	failed := engine.PutRepository(ctx, r.Name, r.Type, r.asked())
	if failed == nil && r.ReadOnly {
		failed = r.prove(ctx, engine)
	}
	if failed == nil || ctx.Err() != nil {
		return failed
	}
	there, found, err := engine.Repository(ctx, r.Name)
	if err != nil || !found || r.same(there) != nil {
		return failed
	}
	return errors.Join(failed, engine.DeleteRepository(ctx, r.Name))
}

// prove has every node write and read, or, where the cluster may only read, the
// snapshots listed: older engines verify nothing of a repository that they may
// not write to.
func (r Repository) prove(ctx context.Context, engine Registry) error {
	if r.ReadOnly {
		_, err := engine.SnapshotNames(ctx, r.Name)
		return err
	}
	_, err := engine.VerifyRepository(ctx, r.Name)
	return err
}

// asked gives the settings as the engine wants them.
func (r Repository) asked() map[string]any {
	settings := make(map[string]any, len(r.Settings)+1)
	maps.Copy(settings, r.Settings)
	if r.ReadOnly {
		settings["readonly"] = true
	}
	if r.Keeper == Amazon && r.anywhere() {
		delete(settings, "region")
		settings["endpoint"] = everywhere
	}
	return settings
}

// everywhere finds buckets of all of Amazon's regions but those in China.
const everywhere = "s3.amazonaws.com"

// anywhere reports whether the bucket's region must be found out by that
// endpoint: Amazon's service wants it in place of us-east-1, and of any region
// other than its own ("Registering a manual snapshot repository").
func (r Repository) anywhere() bool {
	region := r.text("region")
	if region == "" || r.text("endpoint") != "" || strings.HasPrefix(region, "cn-") {
		return false
	}
	return region == "us-east-1" || r.Region != "" && region != r.Region
}

// places are the settings that say where a repository is: one that the engine
// shows and we did not give makes it another.
func places() []string {
	return []string{"bucket", "base_path", "location", "container", "uri", "path", "url", "client", "readonly"}
}

// same compares what the engine shows; it hides secrets, which then say nothing.
func (r Repository) same(there cluster.Repository) error {
	if there.Type != r.Type {
		return &InUseError{Repository: r.Name, Key: "type"}
	}
	ours := r.asked()
	keys := slices.Concat(slices.Collect(maps.Keys(ours)), places())
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		mine, given := ours[key]
		shown, known := there.Settings[key]
		switch {
		case given && !known && cluster.SecretSetting(key):
			// It is hidden.
		case key == "readonly" && truth(shown) == r.ReadOnly:
		case given && known && shown == fmt.Sprint(mine):
		case !given && !known:
		case r.Keeper == Amazon && (key == "endpoint" || key == "region") && !known:
			// Somebody gave the bucket's region in the other way, and it was taken.
		default:
			return &InUseError{Repository: r.Name, Key: key}
		}
	}
	return nil
}

// Kinds lists the types of repositories that an engine's plugins make it know,
// beside those that every engine has.
func Kinds(plugins map[string]bool, engine cluster.Identity) (kinds []string) {
	for _, kind := range []string{"azure", "gcs", "hdfs", "oss", "s3"} {
		if plugins[RequiredPlugin(kind, engine)] {
			kinds = append(kinds, kind)
		}
	}
	return kinds
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
