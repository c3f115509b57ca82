// Package bucket copies a snapshot repository from one bucket to another, over
// S3, so that the target's repository is never seen half copied.
//
// It may touch the leaves and the AWS SDK. How a copy goes:
//
//  1. it waits until nobody is known to write to the source's repository;
//  2. both sides are listed once and walked in lock step; Diff says what is
//     missing or differs, what is foreign, and what cannot be read; a target
//     that holds another repository is refused;
//  3. segment blobs are copied in parallel, then the metadata of shards, then
//     the root's: by the service itself where both buckets are behind one
//     endpoint, else streamed, and large ones in parts, within a budget of bytes.
//     A Lender has other processes copy bundles of what is written once (Porter);
//  4. the source's root is listed again. Unmoved, its index-N follow one after
//     the other, index.latest last: until then the target's readers see its old
//     content. Moved, or where an object vanished, all begins again;
//  5. both sides are listed again where anything was copied, and agree in each
//     key and size; count and bytes of both are told.
//
// An object is taken to be copied already by its name and size only where
// engines never use the name again; else by equal MD5s, or by a copy that is
// well younger than the source's last change. Contents compares all by hash.
//
// Of chosen snapshots (Copier.Snapshots) nothing is listed in 2 but the roots:
// the source's metadata name every object (package layout), the target's
// folders of their indices are listed, and once more before 4. The root of 4
// is made: it names the target's snapshots and the chosen ones, under the
// number of the source's (docs/adr/0006).
//
// Not guaranteed: that the contents agree where an engine reuses a blob's name
// for other bytes of the same length, neither side has a comparable ETag, and
// the source's clock is more than half an hour behind the target's (engines
// before Elasticsearch 6).
package bucket
