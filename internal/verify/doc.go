// Package verify proves equality: the digests of documents, the comparison of
// contents, and the descent by histograms of sequence numbers that finds the
// ranges in which a restored index and its source differ (protocol 2 and 5).
//
// It may touch the leaves and package cluster.
//
// Documents, from any state and at any number of shards:
//
//  1. each side's documents are told to a Tally, by the hash of their key and
//     of all that is compared of them;
//  2. a tally divides them by their key into partitions, and holds one digest
//     for each: sums, so that shards are added up in any order;
//  3. partitions with equal digests hold equal sets, and are left alone;
//  4. only documents of the others have to be looked at one by one;
//  5. where other processes read, which cannot be asked for their documents again,
//     the Sketches of both sides tell which documents differ, if these are few;
//  6. of two sources that differ in bytes SameContent tells whether they say the
//     same.
//
// The descent, for one shard:
//
//  1. both primaries count documents in coarse ranges of sequence numbers;
//  2. ranges with equal counts hold equal sets, and are left alone;
//  3. the others are counted again in finer ranges, one request a level and
//     side (more where a query would grow too long);
//  4. it ends when reading what is left costs no more than the change is worth.
//
// Not guaranteed: by the descent, anything above the watermark taken before the
// snapshot; by digests, what package digest does not.
package verify
