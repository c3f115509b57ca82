// Package bucket copies a snapshot repository from one bucket to another, over
// S3, so that the target's repository is never seen half copied.
//
// It may touch the leaves and the AWS SDK. How a copy goes:
//
//  1. both sides are listed, and the source's root generation is noted;
//  2. Diff says what is missing or differs, by key, size and comparable ETag;
//  3. segment and shard blobs are copied in parallel, then the root's metadata;
//  4. after a barrier the root index-N follow, index.latest last: until then
//     the target's readers see its old content;
//  5. the source is listed again, and another pass made if index-N moved;
//  6. count and bytes of both sides must agree.
//
// Of chosen snapshots (Copier.Snapshots) nothing is listed in 1 but the root:
// the source's metadata name every object (package layout), the target's
// folders of their indices are listed, and before 4 once more. The root of 4
// is made then: it names the target's snapshots and the chosen ones, under the
// number of the source's (docs/adr/0006).
//
// Not guaranteed: that the contents agree where an engine reuses a blob's name
// for other bytes of the same length and neither side has a comparable ETag
// (engines before Elasticsearch 6).
package bucket
