// Package snapshotpath carries the bulk of an index as a snapshot: it registers
// repositories, decides whether an engine can restore what another one wrote,
// takes a snapshot and follows it, and restores.
//
// It may touch the leaves and package cluster; package bucket below it copies a
// repository between buckets. How an index travels:
//
//  1. Register the repository on the source, the engine verifying it;
//  2. Take a snapshot: found by its name if an earlier run asked for it, else
//     asked for, and followed until it is SUCCESS; Delete takes it away again;
//  3. the repository is copied, and registered read-only on the target;
//  4. Restore closes or deletes what it is to restore over, asks for the index,
//     and looks where that comes from before it asks a second time;
//  5. WaitStarted returns when the index's own primaries are started.
//
// Not guaranteed: that a snapshot holds nothing above the watermark taken
// before it; what it holds more is part of the protocol (protocol 1).
package snapshotpath
