// Package verify proves equality: live counts, and the descent by histograms
// of sequence numbers that finds the ranges in which a restored index and its
// source differ (protocol 2 and 5).
//
// It may touch the leaves and package cluster. The descent, for one shard:
//
//  1. both primaries count documents in coarse ranges of sequence numbers;
//  2. ranges with equal counts hold equal sets, and are left alone;
//  3. the others are counted again in finer ranges, one request a level and
//     side (more where a query would grow too long);
//  4. it ends when reading what is left costs no more than the change is worth.
//
// Not guaranteed: anything above the watermark taken before the snapshot.
package verify
