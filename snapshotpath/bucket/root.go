package bucket

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// root is what a repository's root says about whose it is.
type root struct {
	// UUID is there from Elasticsearch 7.12 on.
	UUID string
	// Snapshots are names in Elasticsearch 2, and afterwards carry UUIDs.
	Snapshots []snapshotID
}

// snapshotID is one snapshot of a root.
type snapshotID string

// UnmarshalJSON reads a name, or the UUID beside it.
func (s *snapshotID) UnmarshalJSON(text []byte) error {
	var id struct{ Name, UUID string }
	if text[0] == '"' {
		return json.Unmarshal(text, (*string)(s))
	}
	if err := json.Unmarshal(text, &id); err != nil {
		return err
	}
	*s = snapshotID(id.UUID)
	if id.UUID == "" {
		*s = snapshotID(id.Name)
	}
	return nil
}

// alien reports whether another repository than ours has this root: by its
// UUID, or because it knows none of our snapshots.
func (r root) alien(ours root) bool {
	if known(r.UUID) && known(ours.UUID) {
		return r.UUID != ours.UUID
	}
	return len(r.Snapshots) > 0 && !slices.ContainsFunc(r.Snapshots, func(id snapshotID) bool { return slices.Contains(ours.Snapshots, id) })
}

// known tells a UUID from the placeholder of repositories without one.
func known(uuid string) bool { return uuid != "" && uuid != "_na_" }

// ForeignError refuses a target that holds another repository than the source.
type ForeignError struct {
	Bucket, Reason string
}

// Error names the bucket and how it is known.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("the target bucket %s holds another repository: %s", e.Bucket, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *ForeignError) NextStep() string {
	return "give an empty bucket or prefix under snapshot.copy.to"
}

// refuseForeign finds out whether the target holds another repository than the
// source: its root would win over ours, or ours would orphan its snapshots.
func (c *Copier) refuseForeign(ctx context.Context, p *Plan) error {
	ours, theirs := newest(p.roots), p.theirs
	if theirs.Key == "" {
		return nil
	}
	if n := generation(theirs.Key); n > generation(ours.Key) {
		return &ForeignError{Bucket: c.To.String(), Reason: fmt.Sprintf("its %s is above the source's %s, and the highest one wins", theirs.Key, ours.Key)}
	}
	if theirs.Key == ours.Key && hashed(Pair{ours, theirs}) && sameHash(Pair{ours, theirs}) {
		return nil
	}
	mine, err := c.From.readRoot(ctx, ours)
	if err != nil {
		return err
	}
	other, err := c.To.readRoot(ctx, theirs)
	if err != nil {
		return err
	}
	if other.alien(mine) {
		return &ForeignError{Bucket: c.To.String(), Reason: "its " + theirs.Key + " knows none of the source's snapshots"}
	}
	return nil
}

func (b *Bucket) readRoot(ctx context.Context, o Object) (root, error) {
	var r root
	data, err := b.whole(ctx, o)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, &Error{Op: opRead, Bucket: b.String(), Key: o.Key, Err: fmt.Errorf("it is no repository's root: %w", err)}
	}
	return r, nil
}
