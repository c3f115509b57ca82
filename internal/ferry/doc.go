// Package ferry is the journey: it decides what goes by which path, walks an
// index through its phases, and cuts over. It moves no byte itself; it calls
// the rooms that do, and every position it relies on is in the checkpoint
// store first.
//
// It may touch every room but no driver and no configuration: clusters and the
// store are handed in. The journey of run --cutover:
//
//  1. plan: each index gets a path and a reason (Make);
//  2. metadata: policies, pipelines and templates are carried, and kept from the
//     indices that are made;
//  3. baseline: W0 is recorded, then snapshot, copy and restore, while indices
//     that cannot go so are streamed from their first operation on;
//  4. rounds: each index is caught up from W0 as soon as it is there;
//  5. cutover: freeze, last round, deletes, counts, settings, aliases.
//
// Each index is walked by a goroutine of its own, as the protocol stands; what
// they ask at the same time goes in one request (internal/joint).
//
// Every step finds out from the store whether it was done, so that a crash
// anywhere is answered by running the same command again.
package ferry
