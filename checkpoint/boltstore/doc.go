// Package boltstore keeps checkpoints in one bbolt file, for a ferry that runs
// on one machine. The file's lock is what keeps a second process away.
//
// It may touch package checkpoint and bbolt. Beside the file lie two others of
// its name: .holder says who holds it, .json is an export of all records.
//
//  1. Open makes the file if there is none, takes its lock, and reads all of it
//     once, pages and checksums: damage is found now, not in the middle of a run;
//  2. Acquire raises the epoch and writes the holder beside the file;
//  3. Commit compares the epoch and writes in one transaction, with fsync;
//  4. at most once a second a Commit renews the export, and Close always does;
//  5. Restore makes a file from the export, where the file was damaged.
//
// Not guaranteed: that the export is as new as the file. What is committed
// within a second of an export is exported by the next commit or by Close; an
// export that cannot be written does not fail a commit, which is durable
// without it, but it fails Close. Nor is the newest commit guaranteed after
// damage to the file's first two pages: bbolt may fall back by one. Either is
// safe, since every window may be carried again. The file must not lie on NFS.
package boltstore
