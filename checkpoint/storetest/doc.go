// Package storetest is the conformance suite of checkpoint.Store: a driver is
// right when it passes Run, with the race detector on.
//
// It may touch packages checkpoint and group. What it asks of a driver:
//
//  1. what was committed is loaded and listed, sorted, and survives a reopen;
//  2. a commit is all or none, and is seen as a whole by concurrent readers;
//  3. epochs rise with each Acquire, and only the newest lease commits;
//  4. a refused commit, and one with an ended context, writes nothing;
//  5. slices that cross the interface are the caller's own.
//
// Not covered: what a crash leaves behind, and who else may open the store.
// Those differ by driver and are the driver's own tests.
package storetest
