package config

// Snapshot is the snapshot path: repositories on either side and, where the
// clusters do not reach the same bucket, the copy between the buckets.
type Snapshot struct {
	// Repository is the name that it is registered by, on both clusters.
	Repository string `json:"repository"`
	// Source and Target are how each cluster reaches its bucket. Target is as
	// Source where the file leaves it out and there is nothing to copy.
	Source Repository `json:"source"`
	Target Repository `json:"target"`
	// Copy is nil where both clusters reach the same bucket.
	Copy *Copy `json:"copy,omitempty"`
	// OnExisting says what to do with an index that the target has already.
	OnExisting OnExisting `json:"on_existing"`
	// OnExistingFallback says what to do instead where a service does not let
	// indices be closed.
	OnExistingFallback Fallback `json:"on_existing_fallback"`
	// Partial says what becomes of a snapshot that lacks shards.
	Partial Partial `json:"partial"`
	Restore Restore `json:"restore"`
}

func (s *Snapshot) fields() []field {
	return []field{
		{name: "repository", into: text(&s.Repository, repositoryName)},
		{name: "source", into: within(&s.Source), required: true},
		{name: "target", into: unlessEmpty(within(&s.Target))},
		{name: "copy", into: optional(&s.Copy)},
		{name: "on_existing", into: choice(&s.OnExisting, OnExistingError, OnExistingClose, OnExistingDelete, OnExistingRename)},
		{name: "on_existing_fallback", into: choice(&s.OnExistingFallback, FallbackRefuse, FallbackDelete, FallbackRename)},
		{name: "partial", into: choice(&s.Partial, PartialError, PartialAccept)},
		{name: "restore", into: within(&s.Restore)},
	}
}

// OnExisting is what to do with an index that the target has already.
type OnExisting string

// The ways to treat an index that the target has already.
const (
	OnExistingError  OnExisting = "error"
	OnExistingClose  OnExisting = "close"
	OnExistingDelete OnExisting = "delete"
	OnExistingRename OnExisting = "rename"
)

// Fallback is what to do with an index that cannot be closed.
type Fallback string

// The ways to treat an index that cannot be closed.
const (
	FallbackRefuse Fallback = "refuse"
	FallbackDelete Fallback = "delete"
	FallbackRename Fallback = "rename"
)

// Partial is what becomes of a snapshot that lacks shards which were not
// started.
type Partial string

// What may become of it. Accepted, its whole indices can be restored; those
// that lack a shard never are.
const (
	PartialError  Partial = "error"
	PartialAccept Partial = "accept"
)

// Repository is a snapshot repository as a cluster wants it.
type Repository struct {
	// Type is that of the engine or a plugin: s3, oss, fs, gcs, azure and others.
	Type     string   `json:"type"`
	Settings Settings `json:"settings"`
}

func (r *Repository) fields() []field {
	return []field{
		{name: "type", into: text(&r.Type, filled), required: true},
		{name: "settings", into: settings(&r.Settings), required: true},
	}
}

// Copy carries a repository from one bucket to another.
type Copy struct {
	From Bucket `json:"from"`
	To   Bucket `json:"to"`
	// BytesPerSecond bounds what is read through us; 0 is no bound.
	BytesPerSecond ByteSize `json:"bytes_per_second,omitempty"`
}

func (c *Copy) fields() []field {
	return []field{
		{name: "from", into: within(&c.From), required: true},
		{name: "to", into: within(&c.To), required: true},
		{name: "bytes_per_second", into: unit(&c.BytesPerSecond)},
	}
}

// Bucket is one side of a copy.
type Bucket struct {
	Bucket string `json:"bucket"`
	// Prefix is what every key begins with, without a slash before or after.
	Prefix string `json:"prefix,omitempty"`
	// Endpoint is empty for AWS, by region.
	Endpoint string `json:"endpoint,omitempty"`
	Region   string `json:"region,omitempty"`
	// RoleARN is the role to assume with whatever credentials there are.
	RoleARN string `json:"role_arn,omitempty"`
	// PathStyle puts the bucket into the path rather than the host name; nil
	// leaves it to what is known of the endpoint.
	PathStyle *bool `json:"path_style,omitempty"`
	Keys
}

func (b *Bucket) fields() []field {
	return append([]field{
		{name: "bucket", into: text(&b.Bucket, bucketName), required: true},
		{name: "prefix", into: prefix(&b.Prefix)},
		{name: "endpoint", into: text(&b.Endpoint, address)},
		{name: "region", into: text(&b.Region)},
		{name: "role_arn", into: text(&b.RoleARN, filled)},
		{name: "path_style", into: maybe(&b.PathStyle)},
	}, b.Keys.fields()...)
}

// Restore is what restored indices have while they are filled; the target's own
// values are put back afterwards.
type Restore struct {
	NumberOfReplicas int64 `json:"number_of_replicas"`
	// RefreshInterval is a duration of the engine; "-1" for none.
	RefreshInterval string `json:"refresh_interval"`
	// IncludeAliases lets esferry restore bring the snapshot's aliases along. A
	// ferry's own restore never does: its aliases come at the switch.
	IncludeAliases bool `json:"include_aliases"`
}

func (r *Restore) fields() []field {
	return []field{
		{name: "number_of_replicas", into: number(&r.NumberOfReplicas)},
		{name: "refresh_interval", into: text(&r.RefreshInterval, filled)},
		{name: "include_aliases", into: boolean(&r.IncludeAliases)},
	}
}
