// Package storetest is the conformance suite of checkpoint.Store: a driver is
// right when it passes Run, with the race detector on.
//
// It may touch packages checkpoint and group. What it asks of a driver:
//
//  1. what was committed is loaded and listed, sorted, and survives a reopen;
//  2. a commit is all or none, and is seen as a whole by concurrent readers;
//  3. epochs rise with each Acquire, and only the newest lease commits;
//  4. a refused commit, and one with an ended context, writes nothing;
//  5. slices that cross the interface are the caller's own;
//  6. all of this for commits of any number of records, of a megabyte each.
//
// RunShared is for drivers whose store several processes may open at once: a
// holder keeps others out and lets them read; one that slept past its lease is
// refused for ever, by the store, and disturbs nobody.
//
// Not covered: what a crash leaves behind. That differs by driver and is the
// driver's own test.
package storetest
