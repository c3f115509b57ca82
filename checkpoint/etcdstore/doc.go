// Package etcdstore keeps checkpoints in an etcd cluster, for ferries that must
// outlive the machine they run on: any machine that reaches the cluster can go on
// with a ferry, and show it while it runs elsewhere.
//
// It may touch package checkpoint, leaves, and etcd's client. All keys of a ferry
// begin with its root; what they hold is in layout.go.
//
//  1. Open reaches the cluster and reads the schema;
//  2. Acquire writes a claim that ends with an etcd lease, if there is no claim.
//     A dead holder's claim is waited for until its lease has run out; one that is
//     renewed meanwhile is a living holder's, and the error says whose;
//  3. the lease is renewed, and the claim watched, until Close; Lost tells when it
//     has ended all the same;
//  4. Commit is one transaction: if the claim is still the one that this Store
//     made, and the newest commit is this Store's last one, then all records. The
//     cluster compares, not this process: one that was stopped and wakes up late
//     is refused whatever it believes of the time;
//  5. a commit over what etcd takes in one transaction goes through a journal:
//     its parts, then the journal's head, which is the commit, and then the
//     records. A reader who finds a head reads the journal over the records; who
//     acquires finishes what is found.
//
// Not guaranteed: that a Commit whose lease was lost while its answer was on its
// way has written nothing. Nobody relies on it: the run ends, and the next one
// loads. A record over MostRecord is refused. etcd keeps every commit until it is
// compacted: run it with --auto-compaction-retention (docs/scale.md).
package etcdstore
