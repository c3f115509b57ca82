// Package reconcile finds out in which documents two sides of an index differ,
// from any state and at any version, in bounded memory (protocol 3).
//
//  1. Each side's documents are told to a Spool: key, version, and a digest of
//     the content where the caller has read it.
//  2. The spool divides them by a hash of the key into partitions, and keeps
//     them compressed in a file for each side.
//  3. Compare reads one partition of both sides at a time and gives what only
//     one side has, or both under another version or content.
//  4. It may be called again: first to count, then to act.
//  5. Close leaves nothing behind, and neither does a crash.
//
// A document that was told twice counts as it was told last: a shard whose scan
// was interrupted is told again as a whole. What became of a document between
// the two scans is for the caller to ask the engines before it acts.
//
// It may touch the leaves and the cluster's vocabulary, and files below the
// folder it is given; it asks no engine.
package reconcile
