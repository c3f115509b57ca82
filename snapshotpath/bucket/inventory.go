package bucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/group"
	"esferry/snapshotpath/bucket/layout"
)

// inventory is what a bucket's own metadata names of some snapshots.
type inventory struct {
	// objects by key, the root's index-N and index.latest not among them. Those
	// of segments have the sizes that the metadata say, and no ETag.
	objects map[string]Object
	// prefixes of all of them: to list these is to see what is there.
	prefixes map[string]bool
}

// list gives the objects in the order of their keys.
func (v inventory) list() iter.Seq2[Object, error] {
	return Sort(func(yield func(Object, error) bool) {
		for _, o := range v.objects {
			if !yield(o, nil) {
				return
			}
		}
	})
}

// there lists what a bucket holds below the prefixes, in the order of keys.
func (v inventory) there(ctx context.Context, b *Bucket) iter.Seq2[Object, error] {
	return Sort(func(yield func(Object, error) bool) {
		for prefix := range v.prefixes {
			for o, err := range b.below(ctx, prefix) {
				if !yield(o, err) || err != nil {
					return
				}
			}
		}
	})
}

// metadataReader reads the metadata of snapshots, several files at once.
type metadataReader struct {
	bucket *Bucket
	root   *layout.Root
	// partial accepts snapshots that lack shards: lost, by snapshot.
	partial bool
	lost    map[string][]layout.Lost

	mu sync.Mutex
	inventory
}

func newMetadataReader(b *Bucket, root *layout.Root, partial bool) *metadataReader {
	return &metadataReader{bucket: b, root: root, partial: partial, lost: map[string][]layout.Lost{}, inventory: inventory{map[string]Object{}, map[string]bool{}}}
}

func (r *metadataReader) add(prefix string, objects ...Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prefixes[prefix] = true
	for _, o := range objects {
		r.objects[o.Key] = o
	}
}

// file reads one of the metadata files, which belongs to the inventory.
func (r *metadataReader) file(ctx context.Context, key, prefix string) ([]byte, error) {
	o, data, err := r.bucket.get(ctx, key)
	if err == nil {
		r.add(prefix, o)
	}
	return data, err
}

// place names a file in errors.
func (r *metadataReader) place(key string) string { return r.bucket.String() + key }

// details reads what the root's files say of snapshots, and gives a root that
// knows it.
func (r *metadataReader) details(ctx context.Context, snapshots []layout.Snapshot) error {
	for _, s := range snapshots {
		data, err := r.file(ctx, s.Key(), s.Key())
		if err != nil {
			return err
		}
		d, err := layout.ParseSnapshot(r.place(s.Key()), data)
		if err == nil {
			err = layout.Refuse(s, d, r.partial)
		}
		if err != nil {
			return err
		}
		r.lost[s.UUID] = d.Lost
		r.root = r.root.Learn(d)
		meta, err := r.bucket.head(ctx, s.MetaKey())
		if err != nil {
			return err
		}
		r.add(s.MetaKey(), meta)
	}
	return nil
}

// indices reads what the snapshots hold of every index.
func (r *metadataReader) indices(ctx context.Context, snapshots []layout.Snapshot) error {
	g, _ := group.New(ctx)
	g.SetLimit(workers)
	for _, ix := range r.root.Indices {
		held := slices.DeleteFunc(slices.Clone(snapshots), func(s layout.Snapshot) bool { return !slices.Contains(ix.Snapshots, s.UUID) })
		if len(held) > 0 {
			g.Go("metadata of "+ix.Name, func(ctx context.Context) error { return r.index(ctx, ix, held) })
		}
	}
	return g.Wait()
}

func (r *metadataReader) index(ctx context.Context, ix layout.Index, held []layout.Snapshot) error {
	described := map[string]layout.Description{}
	for _, s := range held {
		d, err := r.description(ctx, ix, s, described)
		if err != nil {
			return err
		}
		if err := d.Refuse(s.Name, ix.Name); err != nil {
			return err
		}
		folders, err := r.folders(ctx, ix, d.Shards)
		if err != nil {
			return err
		}
		for i, folder := range folders {
			if slices.Contains(r.lost[s.UUID], layout.Lost{Index: ix.Name, Shard: i}) {
				continue
			}
			if err := r.shard(ctx, ix, folder, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// description reads what an index is in a snapshot; those that were read stand
// in known, by key.
func (r *metadataReader) description(ctx context.Context, ix layout.Index, s layout.Snapshot, known map[string]layout.Description) (layout.Description, error) {
	key, err := r.root.Description(ix, s)
	if err != nil {
		return layout.Description{}, err
	}
	if d, ok := known[key]; ok {
		return d, nil
	}
	data, err := r.file(ctx, key, prefix(ix, key))
	if err != nil {
		return layout.Description{}, err
	}
	known[key], err = layout.ParseDescription(r.place(key), data)
	return known[key], err
}

// folders gives where an index's shards lie below the bucket's prefix.
func (r *metadataReader) folders(ctx context.Context, ix layout.Index, shards int) ([]string, error) {
	if ix.PathType == 0 {
		return ix.Shards(shards), nil
	}
	key := ix.PathsKey(shards)
	data, err := r.file(ctx, key, key)
	if err != nil {
		return nil, err
	}
	paths, err := ix.ParsePaths(r.place(key), shards, data)
	if err != nil {
		return nil, err
	}
	for i, p := range paths {
		inside, ok := strings.CutPrefix(p, r.bucket.prefix)
		if !ok {
			return nil, &Error{Op: opRead, Bucket: r.bucket.String(), Key: p, Err: fmt.Errorf("shard %d of index %s lies outside of the prefix %s", i, ix.Name, r.bucket.prefix)}
		}
		paths[i] = inside
	}
	return paths, nil
}

// prefix gives what is listed to see an index: its one folder, or below if its
// shards lie elsewhere.
func prefix(ix layout.Index, below string) string {
	if ix.PathType == 0 {
		return ix.Folder()
	}
	return below
}

// shard reads which blobs a snapshot has of a shard.
func (r *metadataReader) shard(ctx context.Context, ix layout.Index, folder string, s layout.Snapshot) error {
	data, err := r.file(ctx, folder+s.Key(), prefix(ix, folder))
	if err != nil {
		return err
	}
	files, err := layout.ParseShard(r.place(folder+s.Key()), data)
	if err != nil {
		return err
	}
	var blobs []Object
	numbered := false
	for _, f := range files {
		for _, b := range f.Blobs() {
			blobs = append(blobs, Object{Key: folder + b.Name, Size: b.Size})
			numbered = numbered || !immutable(folder+b.Name)
		}
	}
	if numbered {
		// Such names are used again: what is there must be compared by more.
		if err := r.look(ctx, folder, blobs); err != nil {
			return err
		}
	}
	r.add(prefix(ix, folder), blobs...)
	return nil
}

// look fills in ETags and times by listing a folder. What is not there stays
// as it is, for whoever reads it.
func (r *metadataReader) look(ctx context.Context, folder string, blobs []Object) error {
	for o, err := range r.bucket.below(ctx, folder) {
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(blobs, func(b Object) bool { return b.Key == o.Key && b.Size == o.Size }); i >= 0 {
			blobs[i] = o
		}
	}
	return nil
}

// generations adds the index-* of shards that root knows and former did not
// know as they are.
func (r *metadataReader) generations(ctx context.Context, root, former *layout.Root) error {
	g, _ := group.New(ctx)
	g.SetLimit(workers)
	for _, ix := range root.Indices {
		if former != nil && slices.ContainsFunc(former.Indices, func(f layout.Index) bool { return f.ID == ix.ID && slices.Equal(f.Generations, ix.Generations) }) {
			continue
		}
		if ix.Generations != nil {
			g.Go("metadata of "+ix.Name, func(ctx context.Context) error { return r.newest(ctx, ix) })
		}
	}
	return g.Wait()
}

// newest adds the index-* of an index's shards.
func (r *metadataReader) newest(ctx context.Context, ix layout.Index) error {
	folders, err := r.folders(ctx, ix, len(ix.Generations))
	if err != nil {
		return err
	}
	for i, folder := range folders {
		name := ix.Generation(i)
		if name == "" {
			continue
		}
		o, err := r.bucket.head(ctx, folder+name)
		if err != nil {
			return err
		}
		r.add(prefix(ix, folder), o)
	}
	return nil
}

// maxMetadata bounds a metadata file: a shard of 100,000 files has 30 MB.
const maxMetadata = 256 << 20

// get reads an object whose size is not known.
func (b *Bucket) get(ctx context.Context, key string) (o Object, data []byte, err error) {
	err = b.call(ctx, opRead, key, func(ctx context.Context) error {
		out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(key)})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		var read bytes.Buffer
		n, err := io.Copy(&read, io.LimitReader(out.Body, maxMetadata))
		if err == nil && out.ContentLength != nil && n != *out.ContentLength {
			err = fmt.Errorf("%d bytes came, not %d", n, *out.ContentLength)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		data = read.Bytes()
		o = Object{Key: key, Size: n, ETag: strings.Trim(aws.ToString(out.ETag), `"`), Changed: aws.ToTime(out.LastModified)}
		return nil
	})
	return o, data, err
}

// stat looks at an object without reading it.
func (b *Bucket) stat(ctx context.Context, key string) (out *s3.HeadObjectOutput, err error) {
	err = b.call(ctx, opRead, key, func(ctx context.Context) (err error) {
		out, err = b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: b.key(key)})
		return err
	})
	return out, err
}

// head gives an object without reading it.
func (b *Bucket) head(ctx context.Context, key string) (Object, error) {
	out, err := b.stat(ctx, key)
	if err != nil {
		return Object{}, err
	}
	return Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: strings.Trim(aws.ToString(out.ETag), `"`), Changed: aws.ToTime(out.LastModified)}, nil
}
