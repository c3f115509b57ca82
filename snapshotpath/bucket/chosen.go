package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/group"
	"esferry/snapshotpath/bucket/layout"
)

// survey is what a copy of chosen snapshots has to do.
type survey struct {
	plan Plan
	// wanted is what the snapshots that are to be carried consist of.
	wanted inventory
	// roots are the source's.
	roots []Object
	// key and commit are the root that the target gets: under the source's own
	// number, so that a later one, or one of the whole repository, wins over it.
	key    string
	commit []byte
	// made are files of ours that the root names, by key: the index-* of shards
	// that hold fewer snapshots on the target.
	made map[string][]byte
	// written: the target has that very root.
	written bool
	// fresh are carried, there are in the target already.
	fresh, there []string
}

// survey reads the source's root and what the chosen snapshots consist of, and
// lists what of it the target holds. Nothing else of either side is looked at.
// The target keeps the snapshots that its root lists, as long as the source
// lists them too: they are there whole, or its root would not name them.
func (c *Copier) survey(ctx context.Context) (*survey, error) {
	v := &survey{}
	source, target, err := c.readRoots(ctx, v)
	if err != nil {
		return v, err
	}
	kept, err := c.kept(ctx, source, target)
	if err != nil {
		return v, err
	}
	fresh, err := c.fresh(source, kept, v)
	if err != nil {
		return v, err
	}
	r := newMetadataReader(c.From, source, c.Partial)
	if source.NamesOnly() {
		// Its indices are known only to the snapshots themselves.
		fresh, kept = slices.Concat(fresh, kept), nil
	}
	if err := r.details(ctx, fresh); err != nil {
		return v, err
	}
	chosen, err := r.root.Choose(slices.Concat(kept, fresh)...)
	if err != nil {
		return v, err
	}
	if err := hashedOutside(chosen, c.From, c.To); err != nil {
		return v, err
	}
	if err := r.indices(ctx, fresh); err != nil {
		return v, err
	}
	if err := r.generations(ctx, chosen, target); err != nil {
		return v, err
	}
	if chosen, v.made, err = r.thin(ctx, chosen, target); err != nil {
		return v, err
	}
	v.wanted = r.inventory
	if err := v.encode(ctx, c, chosen); err != nil {
		return v, err
	}
	return v, v.compare(ctx, c)
}

// readRoots reads both sides' newest roots, the target's where it has one, and
// refuses another repository's.
func (c *Copier) readRoots(ctx context.Context, v *survey) (source, target *layout.Root, err error) {
	if v.roots, err = c.From.roots(ctx); err != nil {
		return nil, nil, err
	}
	ours := newest(v.roots)
	if ours.Key == "" {
		return nil, nil, &Error{Op: "copy", Bucket: c.From.String(), Err: errEmpty}
	}
	v.key = ours.Key
	theirs, err := c.To.roots(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := c.refuseForeign(ctx, &Plan{roots: v.roots, theirs: newest(theirs)}); err != nil {
		return nil, nil, err
	}
	if source, err = c.From.parseRoot(ctx, ours); err != nil {
		return nil, nil, err
	}
	if there := newest(theirs); there.Key != "" {
		target, err = c.To.parseRoot(ctx, there)
	}
	return source, target, err
}

func (b *Bucket) parseRoot(ctx context.Context, o Object) (*layout.Root, error) {
	data, err := b.whole(ctx, o)
	if err != nil {
		return nil, err
	}
	return layout.ParseRoot(b.String()+o.Key, data)
}

// kept gives the snapshots that the target holds and goes on holding.
func (c *Copier) kept(ctx context.Context, source, target *layout.Root) ([]layout.Snapshot, error) {
	if target == nil {
		return nil, nil
	}
	kept := source.Kept(target)
	if !source.NamesOnly() {
		return kept, nil
	}
	// Names are used again: the snapshot is the same where its file is.
	var same []layout.Snapshot
	for _, s := range kept {
		_, here, err := c.From.get(ctx, s.Key())
		if err != nil {
			return nil, err
		}
		_, there, err := c.To.get(ctx, s.Key())
		if err != nil && !gone(err) {
			return nil, err
		}
		if bytes.Equal(here, there) {
			same = append(same, s)
		}
	}
	return same, nil
}

// fresh gives the chosen snapshots that are not there.
func (c *Copier) fresh(source *layout.Root, kept []layout.Snapshot, v *survey) (fresh []layout.Snapshot, err error) {
	for _, name := range c.Snapshots {
		s, err := source.Named(name)
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", c.From, err)
		}
		switch {
		case slices.Contains(kept, s):
			v.there = append(v.there, name)
		case !slices.Contains(fresh, s):
			fresh = append(fresh, s)
			v.fresh = append(v.fresh, name)
		}
	}
	return fresh, nil
}

// chosen reads what the chosen snapshots consist of, wherever else they are.
func (c *Copier) chosen(ctx context.Context) (inventory, error) {
	v := &survey{}
	source, _, err := c.readRoots(ctx, v)
	if err != nil {
		return inventory{}, err
	}
	snapshots, err := c.fresh(source, nil, v)
	if err != nil {
		return inventory{}, err
	}
	r := newMetadataReader(c.From, source, c.Partial)
	if err := r.details(ctx, snapshots); err != nil {
		return inventory{}, err
	}
	return r.inventory, r.indices(ctx, snapshots)
}

// unlisted names the source's snapshots that the target's root does not list,
// where both roots can be read.
func (c *Copier) unlisted(ctx context.Context) (names []string, err error) {
	source, target, err := c.readRoots(ctx, &survey{})
	if _, unknown := errors.AsType[*layout.ShapeError](err); unknown || target == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, s := range source.Snapshots {
		if !target.Has(s) {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// hashedOutside refuses indices whose shards OpenSearch puts beside the prefix:
// below a hash, with the prefix after it (shard_path_type HASHED_PREFIX).
func hashedOutside(root *layout.Root, sides ...*Bucket) error {
	i := slices.IndexFunc(sides, func(b *Bucket) bool { return b.prefix != "" })
	for _, s := range root.Snapshots {
		for _, ix := range root.Of(s) {
			if ix.PathType == layout.HashedPrefix && i >= 0 {
				return &layout.RefusedError{
					Snapshot: s.Name, Index: ix.Name,
					Reason: "has its shards outside of the prefix " + sides[i].prefix + " (shard_path_type HASHED_PREFIX)",
					Hint:   "use buckets without a prefix, or a repository with another shard_path_type",
				}
			}
		}
	}
	return nil
}

// refuseHashed does so for a whole repository. Without a prefix there is nothing
// to read.
func (c *Copier) refuseHashed(ctx context.Context, root Object) error {
	if c.From.prefix == "" && c.To.prefix == "" {
		return nil
	}
	r, err := c.From.parseRoot(ctx, root)
	if _, unknown := errors.AsType[*layout.ShapeError](err); unknown {
		// An engine that knows such paths writes roots that we know.
		return nil
	}
	if err != nil {
		return err
	}
	return hashedOutside(r, c.From, c.To)
}

// encode makes the root that the target gets.
func (v *survey) encode(ctx context.Context, c *Copier, chosen *layout.Root) (err error) {
	if v.commit, err = chosen.Encode(); err != nil {
		return err
	}
	_, there, err := c.To.get(ctx, v.key)
	if err != nil && !gone(err) {
		return err
	}
	v.written = bytes.Equal(there, v.commit)
	return nil
}

// compare says what of the wanted the target lacks.
func (v *survey) compare(ctx context.Context, c *Copier) error {
	p, err := Diff(Merge(v.wanted.list(), v.wanted.there(ctx, c.To)))
	if err != nil {
		return err
	}
	// What else lies in the same folders is other snapshots'.
	p.Kept, p.Foreign = Aside{}, Aside{}
	v.plan, err = c.settled(ctx, p)
	return err
}

// passChosen copies once what the target lacks of the chosen snapshots, and
// publishes a root that lists them when all of it is there.
func (c *Copier) passChosen(ctx context.Context, sum *Report) (done bool, err error) {
	v, err := c.survey(ctx)
	if err != nil {
		return false, err
	}
	p := v.plan
	sum.Snapshots, sum.There, sum.Skipped = v.fresh, v.there, p.Skipped
	t := newTransfer(c, p.Missing, v.roots)
	defer func() { t.tally.addTo(sum) }()
	if err := t.stages(ctx, p, sum); err != nil {
		return false, err
	}
	if err := t.writeAll(ctx, v.made); err != nil {
		return false, err
	}
	if err := v.compare(ctx, c); err != nil {
		return false, err
	}
	if v.plan.Unlike != "" {
		return false, &Error{Op: opCompare, Bucket: c.To.String(), Key: v.plan.Unlike, Err: errors.New("it is not there in full after the copy")}
	}
	sum.Source, sum.Target = v.plan.Source, v.plan.Target
	if moved, err := c.moved(ctx, v.roots); err != nil || moved {
		return false, err
	}
	return c.publish(ctx, t, v)
}

// publish writes the target's root, and index.latest after it.
func (c *Copier) publish(ctx context.Context, t *transfer, v *survey) (bool, error) {
	if !v.written {
		if err := t.write(ctx, v.key, v.commit); err != nil {
			return false, err
		}
	}
	i := slices.IndexFunc(v.roots, func(o Object) bool { return o.Key == "index.latest" })
	if i >= 0 {
		if err := t.all(ctx, v.roots[i:i+1]); err != nil {
			return false, err
		}
	}
	moved, err := c.moved(ctx, v.roots)
	return !moved, err
}

// writeAll puts files of our own.
func (t *transfer) writeAll(ctx context.Context, files map[string][]byte) error {
	g, ctx := group.New(ctx)
	for key, data := range files {
		if err := t.start(ctx, g, key, func(ctx context.Context) error { return t.write(ctx, key, data) }); err != nil {
			return errors.Join(g.Wait(), unlessEnded(err))
		}
	}
	return g.Wait()
}

// write puts bytes of our own.
func (t *transfer) write(ctx context.Context, key string, data []byte) error {
	return t.try(ctx, t.to, opWrite, key, func(ctx context.Context) error {
		out, err := t.to.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &t.to.name, Key: t.to.key(key), Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		})
		if err == nil && strings.Trim(aws.ToString(out.ETag), `"`) == "" {
			return fmt.Errorf("%w: it does not say what was written", errBroken)
		}
		return err
	})
}
