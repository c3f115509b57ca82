// Package census remembers which documents an index's shards held, by their
// sequence numbers, so that what has left them since is found by asking for counts
// alone (protocol 2.4).
//
//  1. Add is told every page that is read of the source: first all documents, then
//     what rounds bring.
//  2. Each shard keeps a bitmap of the numbers, a bit or less for a document, and
//     the ids on disk, a page a piece.
//  3. A shard counts like an engine does (verify.Counter): where the source's own
//     histogram now counts fewer, documents were deleted, or written anew.
//  4. Held gives their ids. Whether they are gone is for the caller to ask.
//  5. Forget takes numbers out that nobody holds any more.
//
// It may touch the leaves and the cluster's vocabulary, and a file below the folder
// it is given; it asks no engine. It does not outlive the process: without it all
// documents of both sides are looked through.
package census
