// Package layout reads a snapshot repository: bytes in, values out. It knows
// the files that Elasticsearch 2 to 8 and OpenSearch write, and no bucket.
//
// It may touch the standard library and the compressors. How a snapshot is
// found:
//
//  1. the root index-N, JSON, names the snapshots, the indices and the folder
//     of each index (ParseRoot); Elasticsearch 2 names only the snapshots, and
//     the root's snap-NAME.dat their indices (ParseSnapshot, Root.Learn);
//  2. each index has a description, meta-*.dat, with its number of shards
//     (Root.Description, ParseDescription);
//  3. each shard's folder holds snap-UUID.dat with the snapshot's files
//     (ParseShard), and a file gives its blobs with their sizes;
//  4. Root.Choose gives the root of a repository that holds less.
//
// All .dat files are Lucene files around SMILE, Jackson's binary JSON: their
// checksum is verified before anything is read, so that a byte that was
// flipped on the way is an error (CorruptError). What has another shape than
// those known is a ShapeError: who copies then copies everything.
//
// Not guaranteed: the contents of segment blobs. Their checksums are those of
// whole Lucene files, which only the engine reads.
package layout
